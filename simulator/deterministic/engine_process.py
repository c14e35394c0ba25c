"""An engine's process: real edge, engine, turn and rule; it can be killed between any two steps.

The same turn as the server's says what is next. Each step takes some virtual time, in which taps
arrive, the next batch is decided ahead, another engine is first, or this one dies or sleeps. What
was committed stays; everything else is gone.
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
from api.wire.reader import BatchRead, TapReader
from api.wire.ride_codes import RideCodeReader
from fare_engine.batch import ReportSubmission, Result, Submission
from fare_engine.catalogue import Catalogue
from fare_engine.engine import Engine
from fare_engine.errors import LedgerError, Outdated, Overtaken
from fare_engine.ports import Loaded
from fare_engine.published import Published
from fare_engine.tap import Report
from fare_engine.turn import Commit, Load, Reload, Turn
from fare_engine.verdict import Verdict
from fare_engine.versions import find_in_force
from gates.media import TokenMaker
from simulator.deterministic.caches import make_cache
from simulator.deterministic.phones import parse_once
from simulator.deterministic.scenario import Fault
from simulator.deterministic.shared import TOKEN_KEY, Shared
from simulator.deterministic.shared_ledger import CutLedger

STEP_S: Final = (0.0002, 0.004)
LONG_STEP_S: Final = 0.15
LONG_SHARE: Final = 0.03
TRIES_MAX: Final = 25
"""A batch that loses more often makes no progress: somebody else's commit is behind every loss."""

Answer = tuple[int, bytes, bool | None] | None
"""Status, body, and whether it is marked as a replay; None: the connection broke."""
Respond = Callable[[Answer], None]
MakeEngine = Callable[..., Engine]
Taken = Submission | ReportSubmission


class EngineProcess:
    """One engine over the shared disk, started again whenever it was killed."""

    def __init__(
        self,
        shared: Shared,
        name: str,
        chance: random.Random,
        faults: list[Fault],
        make_engine: MakeEngine = Engine,
    ) -> None:
        """`faults` are this engine's kills and sleeps."""
        self.name = name
        self.parameters = ParametersBook()
        self._shared = shared
        self._loop = shared.loop
        self._chance = chance
        self._faults = faults
        self._make_engine = make_engine
        self._life = 0
        self._wakes_s = 0.0
        self._start()

    @property
    def published(self) -> Published:
        """What is published, as far as this engine knows."""
        return self._engine.published

    @property
    def is_asleep(self) -> bool:
        """Whether it does nothing for a while."""
        return self._loop.time() < self._wakes_s

    @property
    def is_idle(self) -> bool:
        """Whether it has nothing to do, or is down."""
        return not self.is_up or (self._turn.is_idle and not self.is_asleep)

    def take(self, path: str, body: bytes, respond: Respond) -> None:
        """A request arrived; `respond` is called once, or never when the process dies."""
        if not self.is_up:
            respond(None)
            return
        self._waiting[respond] = None
        if self.is_asleep:
            self._loop.call_at(
                self._wakes_s, self._alive, self._life, self._read, path, body, respond
            )
        else:
            self._read(path, body, respond)

    def use(self, published: Published) -> None:
        """It comes to know what is published: in force from the next batch on."""
        if self.is_up:
            self._turn.use(published)

    def use_later(self, after_s: float) -> None:
        """It comes to know what is published after a while."""
        self._loop.call_later(after_s, self._alive, self._life, self._use_latest)

    def take_skews(self, skews_ms: Mapping[str, int]) -> None:
        """A controller reports how far its gates' clocks are off; store what must be stored."""
        clocks, disk, now_ms = self._clocks, self._shared.disk, self._shared.now_ms()
        tolerance_ms = self._find_tolerance_ms()
        changes = clocks.list_changes(skews_ms, tolerance_ms)
        disk.skews += [(gate_id, now_ms, skew_ms) for gate_id, skew_ms in changes.items()]
        self.use_skews(skews_ms, changes)

    def use_skews(self, skews_ms: Mapping[str, int], stored_ms: Mapping[str, int]) -> None:
        """It comes to know of the clocks of gates, and what is stored of them."""
        self._clocks.recorded(stored_ms)
        self._clocks.apply(skews_ms, self._shared.now_ms(), self._find_tolerance_ms())

    def cut_connection(self, how: str) -> None:
        """The next load or commit fails."""
        if self.is_up:
            self._ledger.cuts.append(how)

    def wipe_cache(self) -> None:
        """The cache loses everything."""
        self._cache.forget({one.verdict.tap.token for one in self._shared.disk.rows.values()})

    def _find_tolerance_ms(self) -> int | None:
        tariff = find_in_force(self.published.catalogue.tariffs, self._shared.now_ms())
        return tariff.clock_skew_tolerance_ms if tariff else None

    def _start(self) -> None:
        self._life += 1
        self.is_up = True
        shared, chance = self._shared, self._chance
        published = shared.disk.published
        self._ledger = CutLedger(shared.disk, published, self._later, is_alone=shared.engines == 1)
        self._cache = make_cache(shared, chance, self._ledger, self._get_catalogue, self._apply)
        stored = {gate_id: (at_ms, skew_ms) for gate_id, at_ms, skew_ms in shared.disk.skews}
        tariff = find_in_force(published.catalogue.tariffs, shared.now_ms())
        self._clocks = GateClocks(stored, tariff.clock_skew_tolerance_ms if tariff else None)
        self._engine = self._make_engine(
            self._ledger,
            self._cache,
            published,
            batch_taps_max=chance.choice((1, 3, 1_000)),
            suspect_gates=self._clocks.suspects,
        )
        self._turn = Turn(self._engine, ahead_taps_min=chance.choice((1, 1, 1_000)))
        make_token = TokenMaker(TOKEN_KEY).token
        codes = RideCodeReader(make_token, published.catalogue, parse_once)
        self._reader = TapReader(make_token, codes.read)
        network = published.catalogue.network
        self._writer = _find_writer(network.time_zone, network.currency)
        self._waiting: dict[Respond, None] = {}
        self._is_scheduled = False

    def _read(self, path: str, body: bytes, respond: Respond) -> None:
        try:
            submission = self._make_submission(path, body, respond)
        except Refused as refused:
            status, _, told = problem_bytes(refused.code, refused.detail, refused.errors)
            self._send(respond, (status, told, None))
            return
        self._engine.offer(submission)
        self._schedule()

    def _make_submission(self, path: str, body: bytes, respond: Respond) -> Taken:
        now_ms, published = self._shared.now_ms(), self.published
        if path == "taps":
            tap, finding = self._reader.read_tap(body, published)
            done = partial(self._answer, self._life, _write_one, respond)
            return Submission((tap,), now_ms, done, None if finding is None else {0: finding})
        if path == "batch":
            read = self._reader.read_batch(body, published)
            done = partial(self._answer, self._life, partial(_write_batch, read), respond)
            return Submission(read.taps, now_ms, done, read.findings)
        told = ReportRequest.model_validate_json(body)
        opened = told.gate_action_taken == "open"
        report = Report(opened, told.fare_taken, told.passed, told.cause)
        done = partial(self._answer, self._life, _write_one, respond)
        return ReportSubmission(path, report, now_ms, done)

    def _schedule(self) -> None:
        if not self._is_scheduled:
            self._is_scheduled = True
            self._soon("received", self._look)

    def _look(self) -> None:
        """Begin all that can be done now."""
        self._is_scheduled = False
        while (work := self._turn.find_work()) is not None:
            if isinstance(work, Load):
                self._soon("gathered", self._load, work)
            elif isinstance(work, Commit):
                self._soon("decided", self._send_commit, work)
            else:
                self._soon("received", self._reload, work)

    def _load(self, work: Load) -> None:
        try:
            loaded = self._engine.load(work.batch)
        except LedgerError as error:
            self._fail(work, error)
        else:
            self._soon("loaded", self._decide, work, loaded)

    def _decide(self, work: Load, loaded: Loaded) -> None:
        self._turn.loaded(work.batch, loaded, self._shared.now_ms())
        self._look()

    def _send_commit(self, work: Commit) -> None:
        self._soon("sent", self._store, work)

    def _store(self, work: Commit) -> None:
        error = None
        try:
            self._engine.commit(work.batch)
        except LedgerError as failure:
            error = failure
        self._soon("stored", self._know, work, error)

    def _know(self, work: Commit, error: LedgerError | None) -> None:
        if error is not None:
            self._fail(work, error)
            return
        self._turn.committed(work.batch)
        if self._faults:
            self._strikes("answered")
        if self.is_up:
            self._soon("applied", self._look)

    def _reload(self, work: Reload) -> None:
        try:
            published = self._ledger.read_published()
        except LedgerError as error:
            self._turn.failed(work, error)
            self._schedule()
        else:
            self.use(published)
            self._look()

    def _fail(self, work: Load | Commit, error: LedgerError) -> None:
        shared = self._shared
        shared.journal.tell(shared.now_ms(), self.name, "a batch failed: {}", str(error))
        if isinstance(error, Overtaken | Outdated):
            shared.journal.faults[error.code] += 1
            if work.batch.tries >= TRIES_MAX:
                shared.disk.broken.append(f"a batch of {self.name} is decided without end")
                self._die(1.0)
                return
        self._turn.failed(work, error)
        self._schedule()

    def _answer(
        self,
        life: int,
        write: Callable[[AnswerWriter, list[Result]], Answer],
        respond: Respond,
        results: list[Result],
    ) -> None:
        """The engine is done with a request; the answer leaves a little later."""
        self._shared.answers.add(results)
        answer = write(self._writer, results)
        takes_s = self._chance.uniform(*STEP_S)
        self._loop.call_later(takes_s, self._alive, life, self._send, respond, answer)

    def _send(self, respond: Respond, answer: Answer) -> None:
        del self._waiting[respond]  # nobody is answered twice
        respond(answer)

    def _get_catalogue(self) -> Catalogue:
        return self.published.catalogue

    def _apply(self, write: Callable[[], None]) -> None:
        """Write to a cache that is far away: the answers do not wait for it."""
        self._soon("applied", write)

    def _use_latest(self) -> None:
        self.use(self._shared.disk.published)

    def _soon(self, step: str, go_on: Callable[..., None], *more: object) -> None:
        chance = self._chance
        takes_s = LONG_STEP_S if chance.random() < LONG_SHARE else chance.uniform(*STEP_S)
        self._loop.call_later(takes_s, self._alive, self._life, self._step, step, go_on, *more)

    def _step(self, step: str, go_on: Callable[..., None], *more: object) -> None:
        if not self._faults or not self._strikes(step):
            go_on(*more)
        elif self.is_up:  # it sleeps, and goes on then
            self._loop.call_at(self._wakes_s, self._alive, self._life, go_on, *more)

    def _alive(self, life: int, go_on: Callable[..., None], *more: object) -> None:
        """Go on unless it died meanwhile; after its sleep, when it sleeps."""
        if life != self._life or not self.is_up:
            return
        if self.is_asleep:
            self._loop.call_at(self._wakes_s, self._alive, life, go_on, *more)
        else:
            go_on(*more)

    def _strikes(self, step: str) -> bool:
        """Whether the process is killed here, or falls asleep."""
        now_s = self._loop.time()
        for fault in self._faults:
            if fault.where == step and fault.at_s <= now_s:
                self._faults.remove(fault)
                shared = self._shared
                shared.journal.fault(fault.kind, shared.now_ms(), self.name, step)
                if fault.kind == "kill":
                    self._die(fault.until_s - fault.at_s)
                else:
                    self._sleep(fault.until_s - fault.at_s)
                return True
        return False

    def _die(self, for_s: float) -> None:
        """What waits learns that its connection broke."""
        self.is_up = False
        for respond in self._waiting:
            respond(None)
        self._loop.call_later(for_s, self._restart)

    def _sleep(self, for_s: float) -> None:
        """On waking it first learns what was published."""
        self._wakes_s = self._loop.time() + for_s
        self._loop.call_at(self._wakes_s, self._alive, self._life, self._use_latest)

    def _restart(self) -> None:
        self._shared.journal.tell(self._shared.now_ms(), self.name, "starts")
        self._start()

    def _later(self, lost: Callable[[], None]) -> None:
        """A statement that this engine believes lost ends later, whatever becomes of the engine."""
        self._shared.lost_statements += 1
        self._loop.call_later(self._chance.choice((0.05, 0.5, 5.0)), self._end_lost, lost)

    def _end_lost(self, lost: Callable[[], None]) -> None:
        self._shared.lost_statements -= 1
        lost()


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
