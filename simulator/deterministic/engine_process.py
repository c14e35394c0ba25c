"""The engine's process: real edge, engine and rule; it can be killed between any two steps.

Each step of a transaction takes some virtual time, in which taps arrive, the next batch is decided
ahead, or the process dies. What was committed stays; everything else is gone.
"""

import random
from collections.abc import Callable, Mapping
from functools import cache, partial
from typing import Final

from api.contract.problems import Refused, error_bytes, problem_bytes
from api.contract.taps import ReportRequest
from api.runtime.clocks import GateClocks
from api.views.parameters import ParametersBook
from api.wire.answers import AnswerWriter
from api.wire.batch_answers import answer_batch
from api.wire.block_list import BlockList
from api.wire.reader import BatchRead, TapReader
from api.wire.ride_codes import RideCodeReader
from fare_engine.batch import Batch, ReportSubmission, Result, Submission
from fare_engine.catalogue import Catalogue
from fare_engine.engine import Engine
from fare_engine.errors import LedgerError, LedgerUnavailable
from fare_engine.ports import Entries
from fare_engine.states.memory import MemoryStates
from fare_engine.tap import Report
from fare_engine.verdict import Verdict
from fare_engine.versions import find_in_force
from gates.media import TokenMaker
from simulator.deterministic.journal import Journal
from simulator.deterministic.memory_ledger import Disk, MemoryLedger
from simulator.deterministic.phones import parse_once
from simulator.deterministic.scenario import Fault
from simulator.deterministic.virtual_time import VirtualLoop

TOKEN_KEY: Final = b"k" * 32
STEP_S: Final = (0.0002, 0.006)
LONG_STEP_S: Final = 0.15
LONG_SHARE: Final = 0.05
AHEAD_SHARE: Final = 0.5

Answer = tuple[int, bytes, bool | None] | None
"""Status, body, and whether it is marked as a replay; None: the connection broke."""
Respond = Callable[[Answer], None]
MakeEngine = Callable[..., Engine]


class FailingLedger(MemoryLedger):
    """A ledger whose disk does not confirm: `fails` says whether it stored all or nothing."""

    fails: str | None = None

    def commit(self, entries: Entries) -> None:
        """Store, or not, and perhaps not tell."""
        fails, self.fails = self.fails, None
        if fails == "before":
            raise LedgerUnavailable("the disk did not take it")
        super().commit(entries)
        if fails == "after":
            raise LedgerUnavailable("the disk did not confirm it")


class EngineProcess:
    """One engine over one disk, started again whenever it was killed."""

    def __init__(
        self,
        loop: VirtualLoop,
        start_ms: int,
        catalogue: Catalogue,
        chance: random.Random,
        faults: list[Fault],
        journal: Journal,
        make_engine: MakeEngine = Engine,
    ) -> None:
        self._loop = loop
        self._start_ms = start_ms
        self._chance = chance
        self._kills = [fault for fault in faults if fault.kind == "kill"]
        self._journal = journal
        self._make_engine = make_engine
        self.disk = Disk()
        self.catalogue = catalogue
        self.block_list = BlockList()
        self.parameters = ParametersBook()
        self._life = 0
        self._start()

    def now_ms(self) -> int:
        """The engine's clock, which is always right."""
        return self._start_ms + round(self._loop.time() * 1_000)

    def take(self, path: str, body: bytes, respond: Respond) -> None:
        """A request arrived; `respond` is called once, or never when the process dies."""
        if not self.is_up:
            respond(None)
            return
        try:
            submission = self._read(path, body, respond)
        except Refused as refused:
            status, _, told = problem_bytes(refused.code, refused.detail, refused.errors)
            respond((status, told, None))
            return
        self._waiting[respond] = None
        self._engine.offer(submission)
        self._schedule()

    def use(self, catalogue: Catalogue) -> None:
        """Something was published: durable, and in force from the next batch on."""
        self.catalogue = catalogue
        if self.is_up:
            self._engine.use(catalogue)

    def take_skews(self, skews_ms: Mapping[str, int]) -> None:
        """A controller tells how far its gates' clocks are off; what must be stored is, at once."""
        clocks, now_ms, tolerance_ms = self._clocks, self.now_ms(), self._find_tolerance_ms()
        changes = clocks.list_changes(skews_ms, tolerance_ms)
        self.disk.skews += [(gate_id, now_ms, skew_ms) for gate_id, skew_ms in changes.items()]
        clocks.recorded(changes)
        clocks.apply(skews_ms, now_ms, tolerance_ms)

    def _find_tolerance_ms(self) -> int | None:
        tariff = find_in_force(self.catalogue.tariffs, self.now_ms())
        return tariff.clock_skew_tolerance_ms if tariff else None

    def fail_disk(self, how: str) -> None:
        """The next commit fails."""
        if self.is_up:
            self._ledger.fails = how

    def wipe_index(self) -> None:
        """The index loses everything."""
        self._index.forget([step[0].tap.token for step in self.disk.rows])

    def count_conflicts(self, row: int) -> int:
        """How many contradictions of a tap are stored."""
        return self._ledger.count_conflicts(row)

    def _start(self) -> None:
        self._life += 1
        self.is_up = True
        chance, catalogue = self._chance, self.catalogue
        self._ledger = FailingLedger(self.disk, catalogue)
        self._index = MemoryStates(chance.choice((4, 1_000)))
        batch_taps_max = chance.choice((1, 3, 1_000))
        self._engine = self._make_engine(
            self._ledger, self._index, catalogue, batch_taps_max=batch_taps_max
        )
        make_token = TokenMaker(TOKEN_KEY).token
        codes = RideCodeReader(make_token, catalogue, parse_once)
        stored = {gate_id: (at_ms, skew_ms) for gate_id, at_ms, skew_ms in self.disk.skews}
        self._clocks = GateClocks(stored, self._find_tolerance_ms())
        self._engine.suspect_gates = self._clocks.suspects
        self._reader = TapReader(make_token, codes.read, self.block_list)
        self._writer = _find_writer(catalogue.network.time_zone, catalogue.network.currency)
        self._waiting: dict[Respond, None] = {}
        self._ahead: Batch | None = None
        self._is_working = False

    def _read(self, path: str, body: bytes, respond: Respond) -> Submission | ReportSubmission:
        now_ms = self.now_ms()
        if path == "taps":
            tap, finding = self._reader.read_tap(body, self.catalogue)
            done = partial(self._answer, self._life, _write_one, respond)
            return Submission((tap,), now_ms, done, None if finding is None else {0: finding})
        if path == "batch":
            read = self._reader.read_batch(body, self.catalogue)
            done = partial(self._answer, self._life, partial(_write_batch, read), respond)
            return Submission(read.taps, now_ms, done, read.findings)
        told = ReportRequest.model_validate_json(body)
        opened = told.gate_action_taken == "open"
        report = Report(opened, told.fare_taken, told.passed, told.cause)
        done = partial(self._answer, self._life, _write_one, respond)
        return ReportSubmission(path, report, now_ms, done)

    def _schedule(self) -> None:
        if not self._is_working:
            self._is_working = True
            self._soon(self._turn)

    def _soon(self, step: Callable[..., None], *more: Batch) -> None:
        chance = self._chance
        takes_s = LONG_STEP_S if chance.random() < LONG_SHARE else chance.uniform(*STEP_S)
        self._loop.call_later(takes_s, self._go_on, self._life, step, *more)

    def _go_on(self, life: int, step: Callable[..., None], *more: Batch) -> None:
        if life == self._life and self.is_up:
            step(*more)

    def _turn(self) -> None:
        if self._dies("received"):
            return
        batch = self._ahead or self._engine.take_batch(self.now_ms())
        self._ahead = None
        if batch is not None:
            self._soon(self._commit, batch)
        else:
            self._rest()

    def _commit(self, batch: Batch) -> None:
        if self._dies("taken"):
            return
        self._take_ahead()
        try:
            self._engine.commit(batch)
        except LedgerUnavailable as error:
            self._ahead = None
            self._journal.tell(self.now_ms(), "engine", "the commit failed: {}", str(error))
            self._engine.failed(batch, error)
            self._rest()
        else:
            self._soon(self._confirm, batch)

    def _confirm(self, batch: Batch) -> None:
        if self._dies("committed"):
            return
        self._take_ahead()
        self._engine.committed(batch)
        if not self._dies("confirmed"):
            self._rest()

    def _take_ahead(self) -> None:
        """Sometimes the next batch is decided while this one is being committed."""
        engine = self._engine
        may = self._ahead is None and engine.has_pending and not engine.must_recover
        if may and self._chance.random() < AHEAD_SHARE:
            self._ahead = engine.take_batch(self.now_ms())

    def _rest(self) -> None:
        if self._ahead is not None or self._engine.has_pending:
            self._soon(self._turn)
        else:
            self._is_working = False

    def _answer(
        self,
        life: int,
        write: Callable[[AnswerWriter, list[Result]], Answer],
        respond: Respond,
        results: list[Result],
    ) -> None:
        """The engine is done with a request; the answer leaves a little later."""
        answer = write(self._writer, results)
        takes_s = self._chance.uniform(*STEP_S)
        self._loop.call_later(takes_s, self._go_on, life, partial(self._send, respond, answer))

    def _send(self, respond: Respond, answer: Answer) -> None:
        self._waiting.pop(respond, None)
        respond(answer)

    def _dies(self, step: str) -> bool:
        """Whether the process is killed here; what waited hears that its connection broke."""
        for fault in self._kills:
            if fault.where == step and fault.at_s <= self._loop.time():
                self._kills.remove(fault)
                self._journal.fault("kill", self.now_ms(), "engine", step)
                self.is_up = False
                for respond in self._waiting:
                    respond(None)
                self._loop.call_later(fault.until_s - fault.at_s, self._restart)
                return True
        return False

    def _restart(self) -> None:
        self._journal.tell(self.now_ms(), "engine", "starts")
        self._start()


_find_writer: Final = cache(AnswerWriter)
"""What it remembers of minutes holds for every process and every seed."""


def _write_one(writer: AnswerWriter, results: list[Result]) -> Answer:
    (result,) = results
    if isinstance(result, Verdict):
        return 200, writer.write(result).encode(), result.replayed
    status, _, body = error_bytes(result)
    return status, body, None


def _write_batch(read: BatchRead, writer: AnswerWriter, results: list[Result]) -> Answer:
    if isinstance(results[0], LedgerError):
        status, _, body = error_bytes(results[0])
        return status, body, None
    return 200, answer_batch(writer.write, read, results), None
