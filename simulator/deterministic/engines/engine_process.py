"""An engine's process: real edge, engine, turn and rule; it can be killed between any two steps.

The same turn as the server's says what is next. Each step takes some virtual time, in which taps
arrive, the next batch is decided ahead, another engine is first, or this one dies or sleeps. What
was committed stays; everything else is gone.
"""

import random
from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

from api.contract.problems import Refused
from api.runtime.clocks import GateClocks
from api.views.parameters import ParametersBook
from fare_engine.batch import Result
from fare_engine.catalogue import Catalogue
from fare_engine.engine import Engine
from fare_engine.errors import LedgerError, Outdated, Overtaken
from fare_engine.ports import Loaded
from fare_engine.published import Published
from fare_engine.turn import Commit, Load, Reload, Turn
from fare_engine.versions import find_in_force
from simulator.deterministic.engines.caches import make_cache
from simulator.deterministic.engines.edge import Answer, Edge, Write, write_refusal
from simulator.deterministic.engines.process import STEP_S, Process
from simulator.deterministic.engines.shared import Shared
from simulator.deterministic.faults import Fault
from simulator.deterministic.storage.shared_ledger import CutLedger

TRIES_MAX: Final = 25
"""A batch that loses more often makes no progress: somebody else's commit is behind every loss."""
LOST_FOR_S: Final = (0.05, 0.5, 5.0)
"""How long a commit that an engine believes lost may be under way."""

Respond = Callable[[Answer], None]
MakeEngine = Callable[..., Engine]


class EngineProcess(Process):
    """One engine over the shared disk, started again whenever it was killed."""

    def __init__(
        self,
        shared: Shared,
        name: str,
        chance: random.Random,
        faults: list[Fault],
        make_engine: MakeEngine = Engine,
    ) -> None:
        super().__init__(shared, name, chance, faults)
        self.parameters = ParametersBook()
        self._make_engine = make_engine
        self._start()

    @property
    def published(self) -> Published:
        """What is published, as far as this engine knows."""
        return self._engine.published

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
        self._alive(self._life, self._read, path, body, respond)

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
        self._edge = Edge(published)
        self._waiting: dict[Respond, None] = {}
        self._is_scheduled = False

    def _died(self) -> None:
        for respond in self._waiting:
            respond(None)

    def _wake(self) -> None:
        self._use_latest()

    def _read(self, path: str, body: bytes, respond: Respond) -> None:
        answered = partial(self._answer, self._life, respond)
        try:
            submission = self._edge.read(
                path, body, self.published, self._shared.now_ms(), answered
            )
        except Refused as refused:
            self._send(respond, write_refusal(refused))
            return
        self._engine.offer(submission)
        self._schedule()

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
            self._then("loaded", self._decide, work, loaded)

    def _decide(self, work: Load, loaded: Loaded) -> None:
        self._turn.loaded(work.batch, loaded, self._shared.now_ms())
        self._look()

    def _send_commit(self, work: Commit) -> None:
        self._then("sent", self._store, work)

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
            self._then("applied", self._look)

    def _then(self, step: str, go_on: Callable[..., None], *more: object) -> None:
        """Go on after a while; at once where nobody could notice: alone, with no fault to come."""
        if self._faults or self._shared.engines > 1:
            self._soon(step, go_on, *more)
        else:
            go_on(*more)

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
        shared.journal.note(shared.now_ms(), self.name, "a batch failed: {}", str(error))
        if isinstance(error, Overtaken | Outdated):
            shared.journal.faults[error.code] += 1
            if work.batch.tries >= TRIES_MAX:
                shared.disk.broken.append(f"a batch of {self.name} is decided without end")
                self._die(1.0)
                return
        self._turn.failed(work, error)
        self._schedule()

    def _answer(self, life: int, respond: Respond, write: Write, results: list[Result]) -> None:
        """The engine is done with a request; the answer leaves a little later."""
        self._shared.answers.add(results)
        answer = write(results)
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

    def _later(self, lost: Callable[[], None]) -> None:
        """A statement that this engine believes lost ends later, whatever becomes of the engine."""
        self._shared.lost_statements += 1
        self._loop.call_later(self._chance.choice(LOST_FOR_S), self._end_lost, lost)

    def _end_lost(self, lost: Callable[[], None]) -> None:
        self._shared.lost_statements -= 1
        lost()
