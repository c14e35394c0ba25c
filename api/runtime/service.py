"""The thin asyncio shell around the engine: it gathers taps, commits batches, wakes who waits.

Batches form by themselves: while one commit runs, the next batch gathers; there is no timer. A
small batch is committed in the event loop, since handing it to a thread and back costs more than
the sync itself; a large one in the ledger's thread, while the loop reads and decides the next.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import structlog

from fare_engine.batch import Batch, Finding, ReportSubmission, Result, Submission
from fare_engine.catalogue import Catalogue
from fare_engine.engine import Engine
from fare_engine.errors import LedgerError, LedgerUnavailable
from fare_engine.tap import Report, Tap

logger = structlog.get_logger(__name__)

INLINE_TAPS_MAX: Final = 128
QUIET_S: Final = 0.05
"""After so long without a tap the ledger may catch up with what a burst left."""

AHEAD_TAPS_MIN: Final = 200
"""Fewer taps wait for the commit to end, and share the next one."""


def now_ms() -> int:
    """The engine's clock: whole milliseconds since 1970."""
    return time.time_ns() // 1_000_000


class EngineService:
    """One engine in one event loop; everything that waits for a decision waits here."""

    def __init__(self, engine: Engine, *, inline_taps_max: int = INLINE_TAPS_MAX) -> None:
        self._engine = engine
        self._inline_taps_max = inline_taps_max
        self._loop = asyncio.get_running_loop()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="ledger")
        self._turn_is_due = False
        self._committing = False
        self._tending: asyncio.TimerHandle | None = None
        self._is_tending = False
        self._closed = False
        self._ahead: Batch | None = None
        self._idle = asyncio.Event()
        self._idle.set()
        self._commit_s = 0.0
        self.dead: BaseException | None = None
        self.on_death: Callable[[], None] = _nothing
        self.on_idle: Callable[[], None] = _nothing
        self.counts: Counter[tuple[int, str | None]] = Counter()
        self.replayed = 0
        self.batches = 0
        self.failed_batches = 0

    @property
    def catalogue(self) -> Catalogue:
        """The catalogue that decides now."""
        return self._engine.catalogue

    @property
    def pending_taps(self) -> int:
        """Taps that wait for a transaction."""
        return self._engine.pending_taps

    @property
    def commit_seconds(self) -> float:
        """How long the latest commits took, smoothed."""
        return self._commit_s

    @property
    def is_tending(self) -> bool:
        """Whether the ledger catches up just now."""
        return self._is_tending

    def use(self, catalogue: Catalogue) -> None:
        """Decide by this catalogue from the next batch on."""
        self._engine.use(catalogue)

    def offer(self, submission: Submission | ReportSubmission) -> None:
        """Queue a submission; its `done` is called in this loop once it is answered.

        LedgerUnavailable when the engine has died, Overloaded when too many wait.
        """
        if self.dead is not None:
            raise LedgerUnavailable("the engine has stopped; the process must be restarted")
        self._engine.offer(submission)
        if not self._committing or self._may_decide_ahead():
            self._schedule_turn()

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

    async def report(self, tap_id: str, report: Report) -> Result:
        """Store what a gate did at a tap it sent before."""
        answered: asyncio.Future[list[Result]] = self._loop.create_future()
        self.offer(ReportSubmission(tap_id, report, now_ms(), _waker(answered)))
        return (await answered)[0]

    async def close(self) -> None:
        """Answer everyone who waits, then stop."""
        await self._idle.wait()
        self._closed = True
        self._thread.shutdown()

    def _schedule_turn(self) -> None:
        if not self._turn_is_due:
            self._turn_is_due = True
            self._idle.clear()
            self._loop.call_soon(self._turn)

    def _turn(self) -> None:
        """Commit what is decided, or decide what waits."""
        self._turn_is_due = False
        try:
            if not self._committing:
                batch = self._ahead or self._engine.take_batch(now_ms())
                self._ahead = None
                if batch is not None:
                    self._commit(batch)
            elif self._may_decide_ahead():
                self._ahead = self._engine.take_batch(now_ms())
            self._go_on()
        except BaseException as error:
            self._die(error)
            raise

    def _may_decide_ahead(self) -> bool:
        """Whether enough waits that deciding it beside a commit is worth a smaller batch."""
        return (
            self._ahead is None
            and self._engine.pending_taps >= AHEAD_TAPS_MIN
            and not self._engine.must_recover
        )

    def _go_on(self) -> None:
        if not self._committing:
            if self._ahead is not None or self._engine.has_pending:
                self._schedule_turn()
            elif not self._turn_is_due:
                self._idle.set()
                self.on_idle()
                self._tend_when_quiet()
        elif self._may_decide_ahead():
            self._schedule_turn()

    def _tend_when_quiet(self) -> None:
        """Let the ledger catch up, once no tap has come for a while."""
        if self._tending is None and not self._closed and self._engine.is_behind:
            self._tending = self._loop.call_later(QUIET_S, self._tend, self.batches)

    def _tend(self, batches_before: int) -> None:
        self._tending = None
        if self._closed or self._committing or self._engine.has_pending:
            return  # whoever ends this comes back to `_tend_when_quiet`
        quiet = self.batches == batches_before
        if not (quiet and self._engine.is_behind and self._engine.can_tend):
            self._tend_when_quiet()
            return
        self._committing = self._is_tending = True
        tending = self._thread.submit(self._engine.tend)
        tending.add_done_callback(
            lambda done: self._loop.call_soon_threadsafe(self._tended, done.exception())
        )

    def _tended(self, error: BaseException | None) -> None:
        self._committing = self._is_tending = False
        if self._closed:
            return
        if error is not None:
            logger.error("tending_failed", error=str(error))
        else:
            self._engine.tended()
            if not self._engine.has_pending:
                self._tend(self.batches)  # still quiet: go on at once
        self._go_on()

    def _commit(self, batch: Batch) -> None:
        begun = time.perf_counter()
        if batch.taps <= self._inline_taps_max:
            error: BaseException | None = None
            try:
                self._engine.commit(batch)
            except LedgerError as failure:
                error = failure
            self._finish(batch, begun, error)
            return
        self._committing = True
        commit = self._thread.submit(self._engine.commit, batch)
        commit.add_done_callback(
            lambda done: self._loop.call_soon_threadsafe(
                self._finish_and_go_on, batch, begun, done.exception()
            )
        )

    def _finish_and_go_on(self, batch: Batch, begun: float, error: BaseException | None) -> None:
        self._committing = False
        try:
            self._finish(batch, begun, error)
            if self._ahead is not None:  # at once, so that the disk does not wait for the loop
                self._turn()
            else:
                self._go_on()
        except BaseException as failure:
            self._die(failure)
            raise

    def _finish(self, batch: Batch, begun: float, error: BaseException | None) -> None:
        self._commit_s += (time.perf_counter() - begun - self._commit_s) / 8
        self.batches += 1
        if error is None:
            self._engine.committed(batch)
            self._count(batch)
        elif isinstance(error, LedgerError):
            self.failed_batches += 1
            self._ahead = None  # it was decided on top of the batch that failed
            logger.error("commit_failed", taps=batch.taps, error=str(error))
            self._engine.failed(batch, error)
        else:
            raise error

    def _count(self, batch: Batch) -> None:
        steps = batch.fresh.values()
        self.replayed += batch.replays
        if batch.reports:  # only a tap with a report of its gate can be recorded under a problem
            self.counts.update([(step[0].decision.reason, step[0].problem) for step in steps])
        else:
            for reason, count in Counter([step[0].decision.reason for step in steps]).items():
                self.counts[reason, None] += count

    def _die(self, error: BaseException) -> None:
        """The committing task cannot go on: everyone hears it at once, and so does `/readyz`."""
        if self.dead is not None:
            return
        self.dead = error
        logger.critical("engine_died", error=repr(error))
        self._engine.fail_all(LedgerUnavailable("the engine has stopped"))
        self._idle.set()
        self.on_death()


def _waker(future: "asyncio.Future[list[Result]]") -> Callable[[list[Result]], None]:
    def wake(results: list[Result]) -> None:
        if not future.done():  # a client that went away has cancelled it
            future.set_result(results)

    return wake


def _nothing() -> None:
    """Nobody wants to hear of it."""
