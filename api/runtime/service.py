"""The asyncio shell around the engine: it offers taps, does what is next, wakes who waits.

What is next `fare_engine.turn` says. Batches form by themselves: while one commit runs, the next
batch gathers; there is no timer. A small batch is committed in the event loop, since handing it to
a thread and back costs more than the sync itself; a large one in the ledger's thread, while the
loop reads and decides the next. A ledger that is not local is read and written in that thread
alone: the loop never waits for a network.
"""

import asyncio
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Final

import structlog

from api.runtime.reloading import Reloading
from api.runtime.upkeep import Upkeep
from fare_engine.batch import Batch, Finding, ReportSubmission, Result, Submission
from fare_engine.engine import Engine
from fare_engine.errors import (
    LedgerBusy,
    LedgerError,
    LedgerUnavailable,
    Outdated,
    Overtaken,
)
from fare_engine.ports import Loaded
from fare_engine.published import Published
from fare_engine.tap import Report, Tap
from fare_engine.turn import Commit, Load, Turn

logger = structlog.get_logger(__name__)

INLINE_TAPS_MAX: Final = 128

STALL_S: Final = 5.0
"""Work of the ledger's thread that takes longer has stalled: nobody is kept waiting for it."""

SLOW_COMMIT_S: Final = 0.5
INLINE_AGAIN_S: Final = 60.0
"""After a commit that held up the loop for so long the thread commits, for about a minute."""

NEVER_TAPS: Final = sys.maxsize
"""So many never wait."""

MANY_TAPS: Final = 16
"""So many are counted faster together than one by one."""


def now_ms() -> int:
    """The engine's clock: whole milliseconds since 1970."""
    return time.time_ns() // 1_000_000


class EngineService:
    """One engine in one event loop; everything that waits for a decision waits here.

    `read_published` reads what is published now, for a ledger in which other processes publish
    too: such a ledger is not local. None for one that this process alone writes.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        inline_taps_max: int = INLINE_TAPS_MAX,
        read_published: Callable[[], Published] | None = None,
    ) -> None:
        self._engine = engine
        self._is_local = read_published is None
        # In one thread a load that is queued behind a commit gains nothing.
        self._turn = Turn(engine) if self._is_local else Turn(engine, ahead_taps_min=NEVER_TAPS)
        self._inline_taps_max = inline_taps_max if self._is_local else -1
        self._loop = asyncio.get_running_loop()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="ledger")
        self._upkeep = Upkeep(engine.maintenance, self._turn, self._run_in_thread, self._schedule)
        self._reloading: Reloading | None = None
        if read_published is not None:
            self._reloading = Reloading(
                read_published, self._turn, self.use, self._schedule, self.die
            )
        self._is_scheduled = False
        self._idle = asyncio.Event()
        self._idle.set()
        self._commit_s = 0.0
        self._inline_again_at = 0.0
        self._is_loading = False
        self._stall_check: asyncio.TimerHandle | None = None
        self._thread_since: float | None = None
        self._refusal: str | None = None
        self.last_failure: str | None = None
        self.last_failed_at = self.last_committed_at = 0.0
        self.dead: BaseException | None = None
        self.on_death: Callable[[], None] = _nothing
        self.on_idle: Callable[[], None] = _nothing
        self.counts: Counter[tuple[int, str | None]] = Counter()
        self.replayed = 0
        self.batches = 0
        self.failed_batches = 0

    @property
    def published(self) -> Published:
        """What operators have published, as the engine goes by it now."""
        return self._engine.published

    @property
    def pending_taps(self) -> int:
        """Taps that wait for a transaction."""
        return self._engine.pending_taps

    @property
    def commit_seconds(self) -> float:
        """How long the latest commits took, smoothed."""
        return self._commit_s

    @property
    def stalled_seconds(self) -> float:
        """For how long the ledger's thread has been at work that should be short; 0 for none."""
        since = self._thread_since
        return 0.0 if since is None else time.perf_counter() - since

    @property
    def is_refusing(self) -> bool:
        """Whether taps are refused at once: the engine has died, or its ledger has stalled."""
        return self._refusal is not None

    @property
    def is_maintaining(self) -> bool:
        """Whether the ledger does work of its own just now."""
        return self._turn.is_maintaining

    def use(self, published: Published) -> None:
        """Decide by this from the next batch on, unless something newer is known by now."""
        self._turn.use(max(published, self.published, key=_get_version))

    def note_version(self, version: int) -> None:
        """Read what is published before more is decided, where its version is newer by now."""
        if version > self.published.version:
            self._turn.outdate()
            self._schedule()

    def offer(self, submission: Submission | ReportSubmission) -> None:
        """Queue a submission; its `done` is called in this loop once it is answered.

        LedgerUnavailable when the engine has died or its ledger has stalled, Overloaded when too
        many wait.
        """
        if self._refusal is not None:
            raise LedgerUnavailable(self._refusal)
        self._engine.offer(submission)
        self._schedule()

    async def decide(
        self,
        taps: Sequence[Tap],
        received_at_ms: int,
        findings: Mapping[int, Finding] | None = None,
    ) -> list[Result]:
        """Decide taps in order; returns when every decision is durable."""
        answered: asyncio.Future[list[Result]] = self._loop.create_future()
        self.offer(Submission(taps, received_at_ms, _waker(answered), findings))
        return await answered

    async def report(self, tap_id: str, report: Report, sender: str | None = None) -> Result:
        """Store what a gate did at a tap it sent before; `sender` is the key that says so."""
        answered: asyncio.Future[list[Result]] = self._loop.create_future()
        self.offer(ReportSubmission(tap_id, report, now_ms(), _waker(answered), sender))
        return (await answered)[0]

    async def close(self) -> None:
        """Answer everyone who waits, then stop."""
        self._upkeep.close()  # first: what the ledger has to do of its own may go on for long
        await self._idle.wait()
        if self._reloading is not None:
            self._reloading.close()
        self._thread.shutdown()

    def _schedule(self) -> None:
        """Look for work soon, unless that is planned already."""
        if not self._is_scheduled:
            self._is_scheduled = True
            self._idle.clear()
            self._loop.call_soon(self._work)

    def _work(self) -> None:
        """Do what is next, up to one commit, so that the loop comes to read in between."""
        self._is_scheduled = False
        if self.dead is not None:
            return
        try:
            while (work := self._turn.find_work()) is not None:
                if isinstance(work, Load):
                    self._load(work)
                elif isinstance(work, Commit):
                    self._commit(work)
                    if not self._turn.is_committing:
                        break
                else:
                    assert self._reloading is not None, "this process alone publishes anything"
                    self._reloading.begin()
            self._go_on()
        except BaseException as error:
            self.die(error)
            raise

    def _load(self, work: Load) -> None:
        # Recovering may read much, and wait for threads of the ledger.
        if self._engine.must_recover or not self._is_local:
            loaded: list[Loaded] = []
            self._is_loading = True
            self._run_in_thread(
                lambda: loaded.append(self._engine.load(work.batch)),
                partial(self._load_ended, work, loaded),
            )
            return
        try:
            self._turn.loaded(work.batch, self._engine.load(work.batch), now_ms())
        except LedgerError as error:
            self._report_failure(work, error)

    def _load_ended(self, work: Load, loaded: list[Loaded], error: BaseException | None) -> None:
        self._is_loading = False
        try:
            if error is not None:
                raise error
            self._turn.loaded(work.batch, loaded[0], now_ms())
        except LedgerError as failure:
            self._report_failure(work, failure)
        self._work()

    def _commit(self, work: Commit) -> None:
        begun = time.perf_counter()
        if work.batch.taps <= self._inline_taps_max and begun >= self._inline_again_at:
            try:
                self._engine.try_commit(work.batch)
            except LedgerBusy:
                pass  # nothing is stored: the thread waits for the other writer
            except LedgerError as failure:
                self._finish(work, begun, failure)
                return
            else:
                self._finish(work, begun, None)
                return
        committed = partial(self._commit_ended, work, begun)
        self._run_in_thread(partial(self._engine.commit, work.batch), committed)

    def _commit_ended(self, work: Commit, begun: float, error: BaseException | None) -> None:
        self._finish(work, begun, error)
        self._work()  # at once, so that the disk does not wait for the loop

    def _finish(self, work: Commit, begun: float, error: BaseException | None) -> None:
        now = time.perf_counter()
        self._commit_s += (now - begun - self._commit_s) / 8
        if now - begun > SLOW_COMMIT_S:
            self._inline_again_at = now + INLINE_AGAIN_S
        self.batches += 1
        if error is None:
            self.last_committed_at, self.last_failure = now, None
            self._turn.committed(work.batch)
            self._count(work.batch)
        elif isinstance(error, LedgerError):
            self._report_failure(work, error)
        else:
            raise error

    def _report_failure(self, work: Load | Commit, error: LedgerError) -> None:
        taps = work.batch.size
        if isinstance(error, Overtaken | Outdated):
            logger.info("batch_decided_again", taps=taps, why=error.code)
        else:
            self.failed_batches += 1
            self.last_failure, self.last_failed_at = str(error), time.perf_counter()
            logger.error("batch_failed", work=type(work).__name__, taps=taps, error=str(error))
        self._turn.failed(work, error)

    def _go_on(self) -> None:
        """After some work: go on with more, or note that there is none."""
        if self._turn.is_committing or self._is_loading:
            return  # whatever ends looks for work again
        if not self._turn.is_idle:
            if not self._turn.is_reloading:
                self._schedule()
        elif not self._is_scheduled:
            self._idle.set()
            self.on_idle()
            self._upkeep.plan()

    def _run_in_thread(
        self, run: Callable[[], None], ended: Callable[[BaseException | None], None]
    ) -> None:
        """Run something in the ledger's thread; `ended` runs in the loop, and looks for work."""
        self._idle.clear()
        self._thread_since = time.perf_counter()
        self._stall_check = self._loop.call_later(STALL_S, self._give_up)

        def end(future: "Future[None]") -> None:
            self._loop.call_soon_threadsafe(self._end, ended, future.exception())

        self._thread.submit(run).add_done_callback(end)

    def _end(
        self, ended: Callable[[BaseException | None], None], error: BaseException | None
    ) -> None:
        self._thread_since = None
        if self._stall_check is not None:
            self._stall_check.cancel()
        if self._refusal is not None and self.dead is None:
            self._refusal = None
            logger.info("ledger_goes_on")
        try:
            ended(error)
        except BaseException as failure:
            self.die(failure)
            raise

    def _give_up(self) -> None:
        """The ledger's thread does not come back: nobody waits for it, and nobody begins to."""
        error = LedgerUnavailable(f"the ledger has not answered for {STALL_S:g} s")
        self._refusal, self.last_failure = str(error), str(error)
        self.last_failed_at = time.perf_counter()
        logger.error("ledger_stalled", seconds=STALL_S, taps=self.pending_taps)
        try:
            self._turn.give_up(error)
        except BaseException as failure:
            self.die(failure)
            raise

    def _count(self, batch: Batch) -> None:
        self.replayed += batch.replays
        counts, decided = self.counts, batch.fresh.values()
        if batch.reports or len(decided) < MANY_TAPS:  # only with a report there can be a problem
            for one in decided:
                counts[one.verdict.decision.reason, one.verdict.problem] += 1
        else:
            reasons = Counter([one.verdict.decision.reason for one in decided])
            for reason, count in reasons.items():
                counts[reason, None] += count

    def die(self, error: BaseException) -> None:
        """The committing task cannot go on: every request fails at once, and so does `/readyz`."""
        if self.dead is not None:
            return
        self.dead = error
        self._refusal = "the engine has stopped; the process must be restarted"
        logger.critical("engine_died", error=repr(error))
        self._engine.fail_all(LedgerUnavailable("the engine has stopped"))
        self._idle.set()
        self.on_death()


def _waker(future: "asyncio.Future[list[Result]]") -> Callable[[list[Result]], None]:
    def wake(results: list[Result]) -> None:
        if not future.done():  # a client that went away has cancelled it
            future.set_result(results)

    return wake


def _get_version(published: Published) -> int:
    return published.version


def _nothing() -> None:
    """Nobody asked for it."""
