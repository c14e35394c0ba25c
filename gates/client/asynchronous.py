"""The client: any number of calls at once in one event loop, over connections that it keeps.

A deadline holds for a call as a whole, over connecting, sending, reading, every attempt and every
pause between them. Every call may be repeated: ids make that safe.
"""

import asyncio
import random
import ssl
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Final, Self
from urllib.parse import urlsplit

from msgspec.structs import replace

from gates.client.connection import Connection, Request, Response
from gates.client.messages import (
    TRY_AGAIN,
    Decision,
    Heartbeat,
    HeartbeatAnswer,
    Problem,
    ReportMessage,
    TapMessage,
    check_tap_id,
    decode,
    decode_batch,
    encode,
    encode_batch,
)
from gates.client.skew import ClockSkew, Skew
from gates.crash import crash_point
from gates.errors import (
    AnswerUnreadable,
    Busy,
    DeadlinePassed,
    EngineFailed,
    KeyRefused,
    Refused,
    Unreachable,
    WrongUsage,
)
from gates.times import now_ms, parse_http_date, parse_ms

TAP_DEADLINE_S: Final = 0.150
CALL_DEADLINE_S: Final = 10.0
BATCH_TAPS_MAX: Final = 1_000
TAPS: Final = "/v1/taps"
IDLE_MAX: Final = 8
"""Connections kept open while no call needs them."""

DATE_RESOLUTION_MS: Final = 3_000
"""A `Date` header has whole seconds, and the engine writes it anew only about once a second."""

TOO_LARGE: Final = 413

PAUSE_FIRST_S: Final = 0.010
PAUSE_MAX_S: Final = 2.0


class AsyncEngineClient:
    """Calls one engine. Raises EngineFailed when nothing was decided, Refused when nothing will be.

    Used within one event loop only.
    """

    def __init__(
        self,
        url: str,
        key: str,
        *,
        tap_deadline_s: float = TAP_DEADLINE_S,
        wall_clock_ms: Callable[[], int] = now_ms,
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise WrongUsage(f"the engine's address must begin with http:// or https://: {url!r}")
        is_secure = parts.scheme == "https"
        self.tap_deadline_s = tap_deadline_s
        """How long a passenger waits at most."""
        self._host: str = parts.hostname
        self._port = parts.port or (443 if is_secure else 80)
        self._tls = ssl.create_default_context() if is_secure else None
        self._path = parts.path.rstrip("/")
        self._headers = (("host", parts.netloc), ("authorization", f"Bearer {key}"))
        self._wall_clock_ms = wall_clock_ms
        self._skew = ClockSkew()
        self._idle: list[Connection] = []

    async def decide(self, tap: TapMessage, deadline_s: float | None = None) -> Decision:
        """Have one tap decided, by default within 150 ms."""
        request = Request("POST", TAPS, encode(tap))
        response = await self._call(request, deadline_s or self.tap_deadline_s)
        decision = decode(response.body, Decision)
        check_tap_id(decision.tap_id, tap.tap_id)
        if "idempotent-replayed" in response.headers:
            return replace(decision, replayed=True)
        self._measure_skew(response, decision.decided_at)
        return decision

    async def upload(
        self, taps: Sequence[TapMessage], deadline_s: float | None = None
    ) -> list[Decision | Problem]:
        """Have up to 1,000 taps decided in order; one result a tap."""
        if not 1 <= len(taps) <= BATCH_TAPS_MAX:
            raise ValueError(f"a batch has 1 to {BATCH_TAPS_MAX} taps, not {len(taps)}")
        request = Request("POST", "/v1/taps/batch", encode_batch(taps))
        response = await self._call(request, deadline_s)
        return decode_batch(response.body, taps)

    async def report(
        self, tap_id: str, report: ReportMessage, deadline_s: float | None = None
    ) -> Decision:
        """Report what a gate did at a tap; the decision as it stands."""
        request = Request("POST", f"/v1/taps/{tap_id}/report", encode(report))
        response = await self._call(request, deadline_s)
        decision = decode(response.body, Decision)
        check_tap_id(decision.tap_id, tap_id)
        return decision

    async def fetch_parameters(
        self, controller_id: str, known_version: str | None, deadline_s: float | None = None
    ) -> bytes | None:
        """The document of a controller's parameters; None when it is the one known already."""
        headers = (("if-none-match", f'"{known_version}"'),) if known_version else ()
        path = f"/v1/controllers/{controller_id}/parameters"
        response = await self._call(Request("GET", path, headers=headers), deadline_s)
        return None if response.status == 304 else response.body

    async def send_heartbeat(
        self, controller_id: str, heartbeat: Heartbeat, deadline_s: float | None = None
    ) -> HeartbeatAnswer:
        """Report how the controller is; answered by the engine's clock and version."""
        path = f"/v1/controllers/{controller_id}/heartbeat"
        response = await self._call(Request("POST", path, encode(heartbeat)), deadline_s)
        answer = decode(response.body, HeartbeatAnswer)
        self._measure_skew(response, answer.received_at)
        return answer

    async def check_ready(self, deadline_s: float | None = None) -> None:
        """Return when the engine decides taps."""
        await self._call(Request("GET", "/readyz"), deadline_s)

    def find_skew(self) -> Skew | None:
        """How far this machine's clock is off the engine's; None before the first answer."""
        return self._skew.find()

    def close(self) -> None:
        """Close the connections that are kept."""
        while self._idle:
            self._idle.pop().drop()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    async def _call(self, request: Request, deadline_s: float | None) -> Response:
        """Ask until there is an answer, or until the deadline leaves no time to ask again."""
        deadline_s = deadline_s or CALL_DEADLINE_S
        ends_s = asyncio.get_running_loop().time() + deadline_s
        try:
            async with asyncio.timeout_at(ends_s):
                return await self._ask_repeatedly(request, ends_s)
        except TimeoutError:
            raise DeadlinePassed(f"no answer within {deadline_s * 1_000:.0f} ms") from None

    async def _ask_repeatedly(self, request: Request, ends_s: float) -> Response:
        for pause_s in _pauses():
            try:
                response = await self._ask_once(request)
                _check_status(response, request)
            except OSError as error:
                failure: EngineFailed = Unreachable(f"{self._host}:{self._port}: {error}")
            except Busy as error:
                failure = error
                pause_s = max(pause_s, error.retry_after_s or 0.0)  # noqa: PLW2901
            else:
                date = response.headers.get("date", "")
                self._measure_skew(response, date, parse_http_date, DATE_RESOLUTION_MS)
                return response
            if asyncio.get_running_loop().time() + pause_s >= ends_s:
                raise failure
            await asyncio.sleep(pause_s)
        raise AssertionError("pauses never end")

    async def _ask_once(self, request: Request) -> Response:
        """Ask once, over a connection that was kept or over a new one."""
        if self._idle:
            # The engine may have closed it meanwhile. It may even have read the request: asking
            # again is safe all the same.
            with suppress(ConnectionError):
                return await self._exchange(self._idle.pop(), request)
        connection = await Connection.open(self._host, self._port, self._tls)
        return await self._exchange(connection, request)

    async def _exchange(self, connection: Connection, request: Request) -> Response:
        """Send a request and read its answer; keep the connection if it can take another."""
        headers = (*self._headers, *request.headers)
        is_kept = False
        try:
            sent_ms = self._wall_clock_ms()
            await connection.send(request._replace(path=self._path + request.path, headers=headers))
            if request.path == TAPS:
                crash_point("after_request_sent")
            response = await connection.receive()
            received_ms = self._wall_clock_ms()
            is_kept = connection.is_reusable() and len(self._idle) < IDLE_MAX
        finally:  # dropped also at the deadline: a late answer must meet no other call
            if is_kept:
                self._idle.append(connection)
            else:
                connection.drop()
        return response._replace(sent_ms=sent_ms, received_ms=received_ms)

    def _measure_skew(
        self,
        response: Response,
        engine_time: str,
        parse: Callable[[str], int] = parse_ms,
        resolution_ms: int = 1,
    ) -> None:
        """Take what an answer says of the engine's clock, where it can be read."""
        with suppress(ValueError):
            engine_ms = parse(engine_time)
            self._skew.add(response.sent_ms, response.received_ms, engine_ms, resolution_ms)


def _pauses() -> Iterator[float]:
    """Ever longer pauses, each at random: gates that failed together must not come back so."""
    longest_s = PAUSE_FIRST_S
    while True:
        yield longest_s * random.uniform(0.5, 1.0)
        longest_s = min(2 * longest_s, PAUSE_MAX_S)


def _check_status(response: Response, request: Request) -> None:
    """Raise what a status means that is no answer.

    A 4xx is final when the engine says it. What a proxy in between says of a tap, in HTML or in
    nothing, is no decision: a wrong route in it must not have a whole backlog quarantined. But its
    413 is about this body.
    """
    status = response.status
    asks_for_change = any(name == "if-none-match" for name, _ in request.headers)
    if status == 200 or (status == 304 and asks_for_change):
        return
    try:
        problem = decode(response.body, Problem)
    except AnswerUnreadable:
        problem = Problem("unknown", status)
    message = f"{status} {problem.code}: {problem.detail}"
    if status == 401:
        raise KeyRefused(message)
    if status in TRY_AGAIN or status >= 500:
        raise Busy(message, _find_retry_after(response))
    if 400 <= status < 500 and (problem.is_of_contract or status == TOO_LARGE):
        raise Refused(problem.code, status, problem.detail)
    raise AnswerUnreadable(message)


def _find_retry_after(response: Response) -> float | None:
    """Seconds to wait; a date is not worth reading, since our own pauses do as well."""
    text = response.headers.get("retry-after", "")
    return float(text) if text.isdecimal() else None
