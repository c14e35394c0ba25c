"""A world sent to a server, on time or as fast as it answers, and its answers looked at."""

import asyncio
import time
from collections.abc import Iterable
from functools import partial
from typing import Final
from urllib.parse import urlsplit

import msgspec

from simulator.delivery.checking import Answer, Check, Faults
from simulator.delivery.exchanges import Exchanges
from simulator.delivery.figures import Figures
from simulator.delivery.http_client import Connection, connect
from simulator.delivery.pacing import ANSWER_MAX_S, Due, send_in_turn, send_on_time
from simulator.delivery.pacing import Answer as Waiting
from simulator.delivery.requests import BATCH_PATH, REPORT_END, TAPS_PATH, Kind, Sending
from simulator.world.plan import AGAIN, TURNED_BACK
from simulator.world.presenting import Presenter
from simulator.world.world import WorldTap

ERROR_SHOWN_MAX: Final = 300
NO_ANSWER: Final = b"{}"

_TWICE: Final = AGAIN | TURNED_BACK

_read_answer: Final = msgspec.json.Decoder(Answer).decode
_read_raw: Final = msgspec.json.Decoder(dict[str, list[msgspec.Raw]]).decode


class OverHttp:
    """Sends requests to one server and takes the answers."""

    def __init__(
        self,
        url: str,
        presenter: Presenter,
        check: Check,
        figures: Figures,
        exchanges: Exchanges,
    ) -> None:
        self._url = urlsplit(url)
        self._presenter = presenter
        self._check = check
        self._figures = figures
        self.exchanges = exchanges
        self._lines: list[Connection] = []
        self._waiting: set[Waiting] = set()
        self.errors = Faults()
        self.is_lost = False
        """Whether a connection broke, or an answer did not come in time."""
        self._again: dict[str, bytes] = {}

    async def send_on_time(self, requests: Iterable[Due[Sending]], connections: int) -> None:
        """Send each when it is due."""
        await send_on_time(await self._connect(connections), requests, self._sent, self._answered)

    async def send_in_turn(self, requests: Iterable[Due[Sending]], connections: int) -> None:
        """Send each connection's next request when it has an answer."""
        await send_in_turn(await self._connect(connections), requests, self._answered)

    async def send_now(self, requests: Iterable[Due[Sending]], connections: int) -> None:
        """Send all at once, on connections that are kept; `drain` waits for the answers."""
        if not self._lines:
            self._lines = await self._connect(connections)
        for due in requests:
            answer = self._lines[due.lane].ask(due.content)
            self._waiting.add(answer)
            answer.add_done_callback(partial(self._answered_now, due, time.perf_counter()))

    async def drain(self) -> None:
        """Wait for what was sent, for so long as an answer may take."""
        if self._waiting:
            await asyncio.wait(list(self._waiting), timeout=ANSWER_MAX_S)

    def _answered_now(self, due: Due[Sending], begun: float, answer: Waiting) -> None:
        self._waiting.discard(answer)
        self._answered(due, time.perf_counter() - begun, answer)

    async def _connect(self, connections: int) -> list[Connection]:
        encrypted = self._url.scheme == "https"
        port = self._url.port or (443 if encrypted else 80)
        host = self._url.hostname or "127.0.0.1"
        return await connect(port, connections, host, encrypted=encrypted)

    def _sent(self, due: Due[Sending], late_s: float) -> None:
        self._figures.add_lateness(due.at_s, late_s)

    def _answered(self, due: Due[Sending], taken_s: float, answer: Waiting) -> None:
        sending = due.what
        error = answer.exception()
        if error is not None:
            self.is_lost = True
            self._add_error(sending.taps[0], f"{type(error).__name__}: {error}")
            self._keep(sending, taken_s, 0, [NO_ANSWER] * len(sending.taps))
            return
        status, body = answer.result()
        if status != 200:
            shown = body[:ERROR_SHOWN_MAX].decode("utf-8", "replace")
            self._add_error(sending.taps[0], f"{sending.kind.name.lower()}: {status} {shown}")
            kept = body if body.startswith(b"{") else NO_ANSWER
            self._keep(sending, taken_s, status, [kept] * len(sending.taps))
            return
        if sending.kind is Kind.BATCH:
            self._figures.add(due.at_s, taken_s, len(sending.taps))
            answers: list[bytes] = [bytes(raw) for raw in _read_raw(body)["results"]]
        else:
            answers = [body]
        if sending.kind is Kind.TAP:
            self._figures.add(due.at_s, taken_s, 1)
        for tap, got in zip(sending.taps, answers, strict=True):
            self._take(sending.kind, tap, got)
        self._keep(sending, taken_s, status, answers)

    def _keep(self, sending: Sending, taken_s: float, status: int, answers: list[bytes]) -> None:
        received_ms = time.time_ns() // 1_000_000
        sent_ms = received_ms - int(taken_s * 1_000)
        path = BATCH_PATH if sending.kind is Kind.BATCH else TAPS_PATH
        if sending.kind is Kind.REPORT:
            path = f"{TAPS_PATH}/{self._presenter.tap_id(sending.taps[0])}{REPORT_END}"
        for sent, got in zip(sending.bodies, answers, strict=True):
            self.exchanges.add(path, sent, status, got, sent_ms, received_ms)

    def _take(self, kind: Kind, tap: WorldTap, body: bytes) -> None:
        """One tap's answer. What is asked twice must be answered the same, to the byte."""
        tap_id = self._presenter.tap_id(tap) if tap.flags & _TWICE else ""
        first = self._again.pop(tap_id, None) if tap_id else None
        if kind in (Kind.AGAIN, Kind.REPORT) or first is not None:
            self._check.take_again(tap, same=body == first)
            return
        answer = _read_answer(body)
        if answer.problem is not None:
            self._add_error(tap, str(answer.problem))
            return
        self._check.take(tap, answer)
        if tap_id:
            self._again[tap_id] = body

    def _add_error(self, tap: WorldTap, message: str) -> None:
        self.errors.add(f"{self._presenter.tap_id(tap)}: {message}")
