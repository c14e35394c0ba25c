"""What a client does, without doing it: requests, answers, connections to keep, sending again.

Each call is a generator. It yields the steps that need the outside (open a connection, write, read,
pause) and is told how they went; a shell takes the steps, blocking or in an event loop, and knows
nothing else. So both shells behave alike, and a deadline holds for a call as a whole, over
connecting, every attempt and every pause.
"""

import random
import time
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import suppress
from typing import Any, Final, NamedTuple, Protocol, TypeVar
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
    decode,
    decode_batch,
    encode,
    encode_batch,
)
from gates.client.skew import ClockSkew
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
"""Connections kept open while nobody needs them."""

DATE_RESOLUTION_MS: Final = 3_000
"""A `Date` header tells whole seconds, and the engine writes it anew only about once a second."""

BACKOFF_FIRST_S: Final = 0.010
BACKOFF_MAX_S: Final = 2.0


class Transport(Protocol):
    """An open connection, as a shell has it."""

    def drop(self) -> None:
        """Close it at once, from anywhere."""


class Open(NamedTuple):
    """Open a connection; the answer is its `Transport`."""

    ends_s: float


class Write(NamedTuple):
    """Write to a connection."""

    transport: Any
    data: bytes
    ends_s: float


class Read(NamedTuple):
    """Read what has come; the answer is bytes, none when the other side has hung up."""

    transport: Any
    ends_s: float


class Pause(NamedTuple):
    """Wait so long."""

    seconds: float


Step = Open | Write | Read | Pause
"""`ends_s` is when to give up with TimeoutError, by `time.monotonic`."""

T = TypeVar("T")
Steps = Generator[Step, Any, T]


class Core:
    """The calls of the matching API, and the connections kept between them.

    Every call raises EngineFailed when nothing was decided, and Refused when nothing ever will be.
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
        self.secure = parts.scheme == "https"
        self.host: str = parts.hostname
        self.port = parts.port or (443 if self.secure else 80)
        self.tap_deadline_s = tap_deadline_s
        self.skew = ClockSkew()
        self._wall_clock_ms = wall_clock_ms
        self._path = parts.path.rstrip("/")
        self._headers = (("host", parts.netloc), ("authorization", f"Bearer {key}"))
        self._idle: list[Connection] = []

    def decide(self, tap: TapMessage, deadline_s: float | None) -> Steps[Decision]:
        """Have one tap decided."""
        request = Request("POST", TAPS, encode(tap))
        response = yield from self._call(request, deadline_s or self.tap_deadline_s)
        decision = decode(response.body, Decision)
        if decision.tap_id != tap.tap_id:
            raise AnswerUnreadable("the answer is that of another tap")
        return self._take_decision(response, decision)

    def upload(
        self, taps: Sequence[TapMessage], deadline_s: float | None
    ) -> Steps[list[Decision | Problem]]:
        """Have up to 1,000 taps decided in order; one result a tap."""
        if not 1 <= len(taps) <= BATCH_TAPS_MAX:
            raise ValueError(f"a batch has 1 to {BATCH_TAPS_MAX} taps, not {len(taps)}")
        request = Request("POST", "/v1/taps/batch", encode_batch(taps))
        response = yield from self._call(request, deadline_s or CALL_DEADLINE_S)
        return decode_batch(response.body, taps)

    def report(
        self, tap_id: str, report: ReportMessage, deadline_s: float | None
    ) -> Steps[Decision]:
        """Tell what a gate did at a tap."""
        request = Request("POST", f"/v1/taps/{tap_id}/report", encode(report))
        response = yield from self._call(request, deadline_s or CALL_DEADLINE_S)
        return decode(response.body, Decision)

    def fetch_parameters(
        self, controller_id: str, known_version: str | None, deadline_s: float | None
    ) -> Steps[bytes | None]:
        """The document of a controller's parameters; None when it is the one known already."""
        headers = (("if-none-match", f'"{known_version}"'),) if known_version else ()
        path = f"/v1/controllers/{controller_id}/parameters"
        response = yield from self._call(
            Request("GET", path, headers=headers), deadline_s or CALL_DEADLINE_S
        )
        return None if response.status == 304 else response.body

    def send_heartbeat(
        self, controller_id: str, heartbeat: Heartbeat, deadline_s: float | None
    ) -> Steps[HeartbeatAnswer]:
        """Tell how the controller is; hear the engine's clock and the version of parameters."""
        path = f"/v1/controllers/{controller_id}/heartbeat"
        request = Request("POST", path, encode(heartbeat))
        response = yield from self._call(request, deadline_s or CALL_DEADLINE_S)
        answer = decode(response.body, HeartbeatAnswer)
        self._take_clock(response, answer.received_at)
        return answer

    def check_ready(self, deadline_s: float | None) -> Steps[None]:
        """Return when the engine decides taps."""
        yield from self._call(Request("GET", "/readyz"), deadline_s or CALL_DEADLINE_S)

    def close(self) -> None:
        """Close the connections that are kept."""
        while self._idle:
            self._idle.pop().transport.drop()

    def _call(self, request: Request, deadline_s: float) -> Steps[Response]:
        """Ask until there is an answer, or until the deadline leaves no time to ask again."""
        ends_s = time.monotonic() + deadline_s
        for backoff_s in _backoffs():
            try:
                response = yield from self._exchange(request, ends_s)
                _check(response)
            except TimeoutError:
                raise DeadlinePassed(f"no answer within {deadline_s * 1_000:.0f} ms") from None
            except OSError as error:
                failure: EngineFailed = Unreachable(f"{self.host}:{self.port}: {error}")
            except Busy as error:
                failure = error
                backoff_s = max(backoff_s, error.retry_after_s or 0.0)  # noqa: PLW2901
            else:
                with suppress(KeyError, ValueError):
                    date_ms = parse_http_date(response.headers["date"])
                    self.skew.take(
                        response.sent_ms, response.received_ms, date_ms, DATE_RESOLUTION_MS
                    )
                return response
            if time.monotonic() + backoff_s >= ends_s:
                raise failure
            yield Pause(backoff_s)
        raise AssertionError("backoffs never end")

    def _exchange(self, request: Request, ends_s: float) -> Steps[Response]:
        """Ask once, over a connection that was kept or over a new one."""
        if self._idle:
            try:
                return (yield from self._ask(self._idle.pop(), request, ends_s))
            except ConnectionError:
                # The engine closed it while nobody looked. Whatever it may have read of the
                # request, asking again is safe: that is what ids are for.
                pass
        transport = yield Open(ends_s)
        return (yield from self._ask(Connection(transport), request, ends_s))

    def _ask(self, connection: Connection, request: Request, ends_s: float) -> Steps[Response]:
        sent_ms = self._wall_clock_ms()
        try:
            headers = (*self._headers, *request.headers)
            content = connection.write(request._replace(path=self._path + request.path), headers)
            yield Write(connection.transport, content, ends_s)
            if request.path == TAPS:
                crash_point("after_request_sent")
            while (response := connection.find_response()) is None:
                connection.feed((yield Read(connection.transport, ends_s)))
        except (
            BaseException
        ):  # also when the caller gives up: a late answer must meet no other call
            connection.transport.drop()
            raise
        if connection.is_reusable() and len(self._idle) < IDLE_MAX:
            self._idle.append(connection)
        else:
            connection.transport.drop()
        return response._replace(sent_ms=sent_ms, received_ms=self._wall_clock_ms())

    def _take_decision(self, response: Response, decision: Decision) -> Decision:
        if "idempotent-replayed" not in response.headers:
            self._take_clock(response, decision.decided_at)
            return decision
        return replace(decision, replayed=True)

    def _take_clock(self, response: Response, told: str) -> None:
        with suppress(ValueError):
            self.skew.take(response.sent_ms, response.received_ms, parse_ms(told), 1)


def _backoffs() -> Iterable[float]:
    """Ever longer pauses, each at random: gates that failed together must not come back so."""
    longest_s = BACKOFF_FIRST_S
    while True:
        yield longest_s * random.uniform(0.5, 1.0)
        longest_s = min(2 * longest_s, BACKOFF_MAX_S)


def _check(response: Response) -> None:
    """Raise what a status means that is no answer."""
    status = response.status
    if status in (200, 304):
        return
    try:
        problem = decode(response.body, Problem)
    except AnswerUnreadable:
        problem = Problem("/problems/unknown", status)
    told = f"{status} {problem.code}: {problem.detail}"
    if status == 401:
        raise KeyRefused(told)
    if status in TRY_AGAIN or status >= 500:
        raise Busy(told, _read_retry_after(response.headers.get("retry-after")))
    if 400 <= status < 500:
        raise Refused(problem.code, status, problem.detail)
    raise AnswerUnreadable(told)


def _read_retry_after(told: str | None) -> float | None:
    """Seconds to wait; a date is not worth reading, since our own pauses do as well."""
    return float(told) if told is not None and told.isdecimal() else None
