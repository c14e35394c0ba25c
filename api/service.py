"""The thin asyncio shell around the engine: it gathers taps, commits batches, wakes who waits.

Batches form by themselves: while one commit runs, the next batch gathers; there is no timer. A
small batch is committed in the event loop, since handing it to a thread and back costs more than
the sync itself; a large one in the ledger's thread, so that the loop reads on meanwhile.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import structlog

from fare_engine.catalogue import Catalogue
from fare_engine.engine import Batch, Engine, Finding, ReportSubmission, Result, Submission
from fare_engine.errors import LedgerError, LedgerUnavailable
from fare_engine.tap import Report, Tap

logger = structlog.get_logger(__name__)

INLINE_TAPS_MAX: Final = 128


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
        self._idle = asyncio.Event()
        self._idle.set()
        self._commit_s = 0.0
        self.dead: BaseException | None = None
        self.on_death: Callable[[], None] = _nothing
        self.counts: Counter[tuple[int, str | None]] = Counter()
        self.replayed = 0
        self.batches = 0
        self.failed_batches = 0
        self.listeners: list[Callable[[Sequence[Result]], None]] = []

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
        if not self._turn_is_due:
            self._schedule_turn()

    async def decide(
        self,
        taps: Sequence[Tap],
        received_at_ms: int,
        findings: Mapping[int, Finding] | None = None,
    ) -> list[Result]:
        """Decide taps in order; returns when every decision is durable."""
        answered = self._loop.create_future()
        submission = Submission(taps, received_at_ms, _waker(answered), findings)
        self.offer(submission)
        await answered
        return submission.results

    async def report(self, tap_id: str, report: Report) -> Result:
        """Store what a gate did at a tap it sent before."""
        answered = self._loop.create_future()
        submission = ReportSubmission(tap_id, report, now_ms(), _waker(answered))
        self.offer(submission)
        await answered
        return submission.results[0]

    async def close(self) -> None:
        """Answer everyone who waits, then stop."""
        await self._idle.wait()
        self._thread.shutdown()

    def _schedule_turn(self) -> None:
        self._turn_is_due = True
        self._idle.clear()
        self._loop.call_soon(self._turn)

    def _turn(self) -> None:
        """Take what waits, decide it, and have it committed."""
        try:
            batch = self._engine.take_batch(now_ms())
            if batch is None:
                self._end_turn()
                return
            if len(batch.fresh) <= self._inline_taps_max:
                begun = time.perf_counter()
                error: BaseException | None = None
                try:
                    self._engine.commit(batch)
                except LedgerError as failure:
                    error = failure
                self._finish(batch, begun, error)
            else:
                begun = time.perf_counter()
                commit = self._thread.submit(self._engine.commit, batch)
                commit.add_done_callback(
                    lambda done: self._loop.call_soon_threadsafe(
                        self._finish_guarded, batch, begun, done.exception()
                    )
                )
        except BaseException as error:
            self._die(error)
            raise

    def _finish_guarded(self, batch: Batch, begun: float, error: BaseException | None) -> None:
        try:
            self._finish(batch, begun, error)
        except BaseException as failure:
            self._die(failure)
            raise

    def _finish(self, batch: Batch, begun: float, error: BaseException | None) -> None:
        self._commit_s += (time.perf_counter() - begun - self._commit_s) / 8
        self.batches += 1
        submissions = batch.submissions
        if error is None:
            self._engine.committed(batch)
            self._count(batch)
            for listener in self.listeners:
                for submission in submissions:
                    listener(submission.results)
        elif isinstance(error, LedgerError):
            self.failed_batches += 1
            logger.error("commit_failed", taps=len(batch.fresh), error=str(error))
            self._engine.failed(batch, error)
        else:
            self._engine.failed(batch, LedgerUnavailable("the engine has stopped"))
            raise error
        self._end_turn()

    def _end_turn(self) -> None:
        if self._engine.has_pending:
            self._loop.call_soon(self._turn)
        else:
            self._turn_is_due = False
            self._idle.set()

    def _count(self, batch: Batch) -> None:
        counts = self.counts
        for verdict, _, _, _ in batch.fresh.values():
            counts[verdict.decision.reason, verdict.problem] += 1

    def _die(self, error: BaseException) -> None:
        """The committing task cannot go on: everyone hears it at once, and so does `/readyz`."""
        if self.dead is not None:
            return
        self.dead = error
        logger.critical("engine_died", error=repr(error))
        self._engine.fail_all(LedgerUnavailable("the engine has stopped"))
        self._idle.set()
        self.on_death()


def _waker(future: "asyncio.Future[None]") -> Callable[[], None]:
    def wake() -> None:
        if not future.done():  # a client that went away has cancelled it
            future.set_result(None)

    return wake


def _nothing() -> None:
    """Nobody wants to hear of the engine's death."""
