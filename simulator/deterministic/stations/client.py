"""A station's connection to the engine: in the place of `gates.client`, with its messages.

Every copy of a message that leaves a station is reported to the auditor as a request of its own,
since each may be decided; the answer that comes first is the one that counts.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import msgspec

from gates.client.asynchronous import AsyncEngineClient
from gates.client.messages import (
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
from gates.errors import Busy, DeadlinePassed, Refused, Unreachable
from gates.times import format_ms
from simulator.auditor.auditor import Auditor
from simulator.deterministic.engines.edge import Answer
from simulator.deterministic.engines.engine_process import EngineProcess
from simulator.deterministic.engines.engines import Engines
from simulator.deterministic.journal import Journal
from simulator.deterministic.stations.network import Network

CALL_DEADLINE_S: Final = 3.0
TRY_AGAIN: Final = frozenset({408, 429})


class Wire:
    """What all stations share: the network, the engines behind it, and the auditor who listens."""

    def __init__(
        self, network: Network, engines: Engines, auditor: Auditor, journal: Journal
    ) -> None:
        self.network = network
        self.engines = engines
        self.auditor = auditor
        self.journal = journal
        self.sent: dict[str, None] = {}
        """The ids of all taps that ever left a station."""
        self.acknowledged: dict[str, None] = {}
        """The ids of those whose decision arrived there."""
        self.conflicted: dict[str, None] = {}
        """The ids under which other content was refused."""
        self.take_skews: Callable[[Mapping[str, int]], None] = engines.take_skews
        """What becomes of the skews of a heartbeat that arrives."""
        self._requests = 0

    def name_request(self) -> str:
        self._requests += 1
        return f"r{self._requests}"


class SimulatedClient(AsyncEngineClient):
    """The client of a controller, with the simulated network in the place of connections."""

    def __init__(self, station_id: str, wire: Wire, clock_ms: Callable[[], int]) -> None:
        super().__init__("http://engine", "key")
        self._station_id = station_id
        self._upkeep = f"{station_id} upkeep"
        self._wire = wire
        self._clock_ms = clock_ms
        self._loop = asyncio.get_running_loop()

    async def decide(self, tap: TapMessage, deadline_s: float | None = None) -> Decision:
        """Have one tap decided within the deadline; how much of it the disk took is not counted."""
        sender = _name_sender(tap)
        answer = await self._ask("taps", encode(tap), [tap.tap_id], sender, self.tap_deadline_s)
        return self._acknowledge(tap.tap_id, decode(answer, Decision))

    async def upload(
        self, taps: Sequence[TapMessage], deadline_s: float | None = None
    ) -> list[Decision | Problem]:
        """Have taps decided in order."""
        body, tap_ids = encode_batch(taps), [tap.tap_id for tap in taps]
        alone = taps[-1].offline is msgspec.UNSET
        sender = _name_sender(taps[-1]) if alone else f"{self._station_id} outbox"
        deadline_s = self.tap_deadline_s if alone else CALL_DEADLINE_S
        answer = await self._ask("batch", body, tap_ids, sender, deadline_s)
        results = decode_batch(answer, taps)
        for tap_id, result in zip(tap_ids, results, strict=True):
            if isinstance(result, Decision):
                self._acknowledge(tap_id, result)
        return results

    async def report(
        self, tap_id: str, report: ReportMessage, deadline_s: float | None = None
    ) -> Decision:
        """Report what a gate did."""
        sender = f"{self._station_id} reports"
        answer = await self._ask(tap_id, encode(report), [tap_id], sender, CALL_DEADLINE_S)
        return self._acknowledge(tap_id, decode(answer, Decision))

    def _acknowledge(self, tap_id: str, decision: Decision) -> Decision:
        self._wire.acknowledged[tap_id] = None
        return decision

    async def fetch_parameters(
        self, controller_id: str, known_version: str | None, deadline_s: float | None = None
    ) -> bytes | None:
        """The parameters, unless they are known."""
        engine = await self._go_there_and_back()
        now_ms = self._wire.engines.now_ms()
        made = await engine.parameters.get(controller_id, engine.published, now_ms)
        return None if made.version == known_version else made.body()

    async def send_heartbeat(
        self, controller_id: str, heartbeat: Heartbeat, deadline_s: float | None = None
    ) -> HeartbeatAnswer:
        """Report clocks, and learn the engine's; it may have them though nobody answers."""
        sent_ms = self._clock_ms()
        await self._go_there_and_back()
        self._wire.take_skews({gate.gate_id: gate.clock_skew_ms for gate in heartbeat.gates})
        engine = await self._go_there_and_back()
        now_ms = self._wire.engines.now_ms()
        self._skew.add(sent_ms, self._clock_ms(), now_ms, 1)
        made = await engine.parameters.get(controller_id, engine.published, now_ms)
        return HeartbeatAnswer(format_ms(now_ms), made.version)

    async def check_ready(self, deadline_s: float | None = None) -> None:
        """Return when the engine is there."""
        await self._go_there_and_back()

    async def _go_there_and_back(self) -> EngineProcess:
        """What nobody audits: it arrives at some engine, or does not."""
        takes_s = self._wire.network.plan(self._station_id, self._upkeep)
        if not takes_s or takes_s[0] > CALL_DEADLINE_S:
            await asyncio.sleep(CALL_DEADLINE_S)
            raise DeadlinePassed("no answer")
        engine = self._wire.engines.choose()
        if not engine.is_up:
            raise Unreachable("the engine is down")
        if engine.is_asleep:
            await asyncio.sleep(CALL_DEADLINE_S)
            raise DeadlinePassed("no answer")
        return engine

    async def _ask(
        self, path: str, body: bytes, tap_ids: list[str], sender: str, deadline_s: float
    ) -> bytes:
        wire = self._wire
        answered: asyncio.Future[tuple[str, Answer]] = self._loop.create_future()
        takes_s = wire.network.plan(self._station_id, sender)
        names = [wire.name_request() for _ in takes_s or (0.0,)]
        self._report_sent(names, path, body, tap_ids)
        for name, one_s in zip(names, takes_s, strict=False):
            respond = _Reply(self._station_id, sender, name, wire, self._loop, answered)
            self._loop.call_later(one_s, wire.engines.take, path, body, tap_ids, respond)
        expires = self._loop.call_later(deadline_s, _expire, answered)
        come: tuple[str, Answer] = "", None
        try:
            come = await answered
        finally:
            expires.cancel()
            for name in names:
                if name != come[0] or come[1] is None:
                    wire.auditor.unanswered(name)
        name, answer = come
        if answer is None:
            raise Unreachable("the connection broke")
        return self._read(name, tap_ids, answer)

    def _report_sent(self, names: list[str], path: str, body: bytes, tap_ids: list[str]) -> None:
        """Each copy by its name."""
        wire, now_ms = self._wire, self._wire.engines.now_ms()
        document: Any = msgspec.json.decode(body)
        for name in names:
            if path == "taps":
                wire.auditor.tap_sent(name, document, now_ms)
            elif path == "batch":
                wire.auditor.batch_sent(name, document["taps"], now_ms)
            else:
                wire.auditor.report_sent(name, path, document, now_ms)
            wire.journal.sent(now_ms, self._station_id, name, path, body)
        wire.sent.update(dict.fromkeys(tap_ids))

    def _read(self, name: str, tap_ids: list[str], answer: tuple[int, bytes, bool | None]) -> bytes:
        status, body, replayed = answer
        wire, now_ms = self._wire, self._wire.engines.now_ms()
        wire.journal.answered(now_ms, self._station_id, name, status, body)
        wire.auditor.answered(name, status, body.decode(), now_ms, replayed)
        if status == 200:
            return body
        if status == 409:
            wire.conflicted.update(dict.fromkeys(tap_ids))
        problem = decode(body, Problem)
        if status >= 500 or status in TRY_AGAIN:
            raise Busy(problem.code)
        raise Refused(problem.code, status, problem.detail)


def _name_sender(tap: TapMessage) -> str:
    """Who has a chance of her own: a medium, or a telephone that shows a code."""
    return str(tap.medium.token or tap.medium.code)


def _expire(answered: "asyncio.Future[tuple[str, Answer]]") -> None:
    if not answered.done():
        answered.set_exception(DeadlinePassed("no answer in time"))


class _Reply:
    """Carries the answer to one copy of a request back, if it gets through."""

    __slots__ = ("_answered", "_loop", "_name", "_sender", "_station_id", "_wire")

    def __init__(
        self,
        station_id: str,
        sender: str,
        name: str,
        wire: Wire,
        loop: asyncio.AbstractEventLoop,
        answered: "asyncio.Future[tuple[str, Answer]]",
    ) -> None:
        self._station_id, self._sender, self._name = station_id, sender, name
        self._wire, self._loop, self._answered = wire, loop, answered

    def __call__(self, answer: Answer) -> None:
        for takes_s in self._wire.network.plan(self._station_id, self._sender):
            self._loop.call_later(takes_s, self._come, answer)

    def _come(self, answer: Answer) -> None:
        if not self._answered.done():
            self._answered.set_result((self._name, answer))
