"""The engine: taps in, verdicts out, one transaction for all that gathered meanwhile.

A synchronous object without clock, thread or event loop. A shell around it (`fare_engine.turn`
says what is next) has it go through a batch in five steps::

    engine.offer(submission)              any number of times
    batch = engine.gather()               takes what waits, finds out what must be loaded
    loaded = engine.load(batch)           blocks while it reads; may run in another thread
    engine.decide(batch, loaded, now_ms)
    engine.commit(batch)                  blocks until durable; may run in another thread
    engine.committed(batch)               or failed(batch, error), or decide_again(batch)

While one batch is being committed the next may be gathered and decided: it stands on the first, is
committed after it, and falls with it. `process` does all of it at once, for replays and tests.
"""

from collections import deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

from fare_engine.batch import Batch, CodeId, Finding, ReportSubmission, Result, Submission
from fare_engine.catalogue import Catalogue
from fare_engine.deciding import NO_SUSPECTS, Decider
from fare_engine.errors import FareEngineError, LedgerError, Overloaded, Overtaken
from fare_engine.ports import Ledger, Loaded, Maintenance, StateCache, Wanted
from fare_engine.published import Published
from fare_engine.tap import Tap

BATCH_TAPS_MAX: Final = 4_000
"""Taps of one transaction: enough that its fixed costs vanish, few enough that nobody waits."""

PENDING_TAPS_MAX: Final = 100_000
"""Taps that wait for a transaction; beyond it new ones are turned away with a clear error."""

LOSSES_MAX: Final = 3
"""A batch that was overtaken so often is loaded with its tokens locked."""


class Engine:
    """Pairs taps by the rule, over a ledger that is the truth and a cache of token states."""

    def __init__(
        self,
        ledger: Ledger,
        cache: StateCache,
        published: Published,
        *,
        batch_taps_max: int = BATCH_TAPS_MAX,
        pending_taps_max: int = PENDING_TAPS_MAX,
        suspect_gates: Collection[str] = NO_SUSPECTS,
    ) -> None:
        self._ledger = ledger
        self._cache = cache
        self._batch_taps_max = batch_taps_max
        self._pending_taps_max = pending_taps_max
        self._decider = self._make_decider(published.catalogue, suspect_gates)
        self._pending: deque[Submission | ReportSubmission] = deque()
        self._uncommitted: list[Batch] = []
        self.must_recover = False
        """Whether a commit is in doubt: the ledger is read again before anything is loaded."""
        self.pending_taps = 0
        self.use(published)

    def use(self, published: Published) -> None:
        """Decide by what is published now from the next batch on."""
        self.published = published
        self._ledger.use(published)
        self._decider = self._make_decider(published.catalogue, self.suspect_gates)

    _make_decider = Decider

    @property
    def catalogue(self) -> Catalogue:
        """The catalogue that decides now."""
        return self.published.catalogue

    @property
    def suspect_gates(self) -> Collection[str]:
        """Gates whose clocks are known to be wrong; what they sent is decided with that mark."""
        return self._decider.suspect_gates

    @suspect_gates.setter
    def suspect_gates(self, gate_ids: Collection[str]) -> None:
        self._decider.suspect_gates = gate_ids

    @property
    def maintenance(self) -> Maintenance | None:
        """What the ledger has to do while no tap waits, if anything."""
        return self._ledger.maintenance

    @property
    def has_pending(self) -> bool:
        """Whether anything waits for a batch."""
        return bool(self._pending)

    def offer(self, submission: Submission | ReportSubmission) -> None:
        """Queue taps for the next batch; Overloaded when too many wait already."""
        taps = count_taps(submission)
        if self.pending_taps + taps > self._pending_taps_max:
            raise Overloaded(f"{self.pending_taps} taps wait already; try again")
        self.pending_taps += taps
        self._pending.append(submission)

    def gather(self) -> Batch | None:
        """Take what waits, up to the limit of a batch; None when nothing waits.

        At most one batch may be uncommitted, and it must be decided: the new one stands on it.
        """
        if not self._pending:
            return None
        base = self._uncommitted[-1] if self._uncommitted else None
        batch = Batch(self._take_pending(), base)
        self._uncommitted.append(batch)
        self._find_wanted(batch, ask_cache=True)
        return batch

    def load(self, batch: Batch) -> Loaded:
        """Read what the batch wants; blocks, and may run in another thread. Raises LedgerError."""
        if self.must_recover:
            self._ledger.recover()
            self.must_recover = False
            # What the cache had was found before: it may be of another epoch of the ledger.
            batch.cached = {}
            batch.wanted = batch.wanted._replace(tokens=batch.tokens)
        return self._ledger.load(batch.wanted)

    def decide(self, batch: Batch, loaded: Loaded, now_ms: int) -> None:
        """Decide all of the batch on what was loaded; nothing is applied yet."""
        batch.decided_at_ms = now_ms
        batch.version = self.published.version
        batch.take(loaded)
        size = batch.size
        batch.next_row = self._ledger.take_rows(size) if size else 0
        decider = self._decider
        for submission in batch.submissions:
            if isinstance(submission, Submission):
                decider.decide_taps(batch, submission)
            else:
                submission.results.append(decider.decide_report(batch, submission))

    def commit(self, batch: Batch) -> None:
        """Make the batch durable, in the order of gathering; blocks, may run in another thread.

        Raises Overtaken, Outdated or LedgerUnavailable (`ports.Ledger.commit`).
        """
        if not batch.is_empty() or batch.wanted.locks:  # what is locked is to be let go
            self._ledger.commit(batch.changes)

    def try_commit(self, batch: Batch) -> None:
        """As `commit`, or LedgerBusy at once where it would have to wait for somebody else."""
        self._ledger.may_wait = False
        try:
            self.commit(batch)
        finally:
            self._ledger.may_wait = True

    def holds(self, batch: Batch) -> bool:
        """Whether a batch is still to be committed, and was not given up meanwhile."""
        return batch in self._uncommitted

    def committed(self, batch: Batch) -> None:
        """It is durable: answer, and remember the states."""
        if not self.holds(batch):
            return  # it was given up meanwhile; its tokens are read from the ledger again
        self._uncommitted.remove(batch)
        if not batch.is_empty():
            self._ledger.confirm()
        for submission in batch.submissions:
            submission.done(submission.results)
        self._cache.apply(batch.states)

    def decide_again(self, batch: Batch) -> None:
        """Another engine was first, or something was published: begin the batch anew.

        What it decided is forgotten, and all it needs is read from the ledger, not from the cache.
        What was decided ahead falls with it, back to what waits. Nobody else notices.
        """
        place = self._uncommitted.index(batch) + 1
        ahead = self._uncommitted[place:]
        del self._uncommitted[place:]
        self._give_back(ahead)
        self._cache.forget(batch.states)
        batch.begin()
        batch.base = None
        for submission in batch.submissions:
            submission.results = []
        self._find_wanted(batch, ask_cache=False)

    def failed(self, batch: Batch, error: FareEngineError) -> None:
        """Whether it is stored is in doubt: everyone who waits gets the error, nothing is applied.

        The tokens concerned are read from the ledger again before anything else is decided.
        """
        for uncommitted in (batch, *self._uncommitted):
            self._cache.forget(uncommitted.states)
        self.must_recover = True
        self.fail_all(error)

    def fail_all(self, error: FareEngineError) -> None:
        """Answer everyone with an error: those of batches that were gathered, and all who wait."""
        waiting = [submission for batch in self._uncommitted for submission in batch.submissions]
        waiting += self._pending
        self._uncommitted.clear()
        self._pending.clear()
        self.pending_taps = 0
        for submission in waiting:
            submission.results = [error] * count_taps(submission)
            submission.done(submission.results)

    def process(
        self,
        taps: Sequence[Tap],
        now_ms: int,
        findings: Mapping[int, Finding] | None = None,
    ) -> list[Result]:
        """Decide and store these taps at once, for replays and tests; one result a tap."""
        submission = Submission(taps, now_ms, _nothing, findings)
        self.offer(submission)
        self.run_batch(now_ms)
        return submission.results

    def run_batch(self, now_ms: int) -> Batch | None:
        """One batch from beginning to end, without a shell; None when nothing waits."""
        batch = self.gather()
        while batch is not None:
            try:
                self.decide(batch, self.load(batch), now_ms)
                self.commit(batch)
            except Overtaken:
                self.decide_again(batch)
            except LedgerError as error:
                self.failed(batch, error)
                break
            else:
                self.committed(batch)
                break
        return batch

    def _take_pending(self) -> list[Submission | ReportSubmission]:
        taken: list[Submission | ReportSubmission] = []
        taps = 0
        while self._pending:
            size = count_taps(self._pending[0])
            if taps and taps + size > self._batch_taps_max:
                break
            taps += size
            taken.append(self._pending.popleft())
        self.pending_taps -= taps
        return taken

    def _give_back(self, batches: Iterable[Batch]) -> None:
        """Let what these batches hold wait again, before all that came later."""
        submissions = [submission for batch in batches for submission in batch.submissions]
        for submission in submissions:
            submission.results = []
        self._pending.extendleft(reversed(submissions))
        self.pending_taps += sum(map(count_taps, submissions))

    def _find_wanted(self, batch: Batch, *, ask_cache: bool) -> None:
        """Find out what the batch needs, and what of it no cache has."""
        tap_ids: list[str] = []
        reported: list[str] = []
        code_ids: list[str] = []
        tokens = batch.tokens
        for submission in batch.submissions:
            if isinstance(submission, Submission):
                for tap in submission.taps:
                    tap_ids.append(tap.tap_id)
                    tokens.add(tap.token)
                    if tap.report is not None:
                        reported.append(tap.tap_id)
                if submission.findings:
                    found = submission.findings.values()
                    code_ids += [finding for finding in found if isinstance(finding, CodeId)]
            else:
                tap_ids.append(submission.tap_id)
                reported.append(submission.tap_id)
        missing: Collection[bytes] = tokens
        if ask_cache:
            cached = batch.cached = self._cache.find(tokens)
            base = {} if batch.base is None else batch.base.states
            if cached or base:
                missing = [token for token in tokens if token not in cached and token not in base]
        # Beside a commit nothing is locked: that may need the same connection.
        locks = batch.tries > LOSSES_MAX and self._uncommitted == [batch]
        batch.wanted = Wanted(tap_ids, reported, missing, code_ids, locks)


def count_taps(submission: Submission | ReportSubmission) -> int:
    """How many answers a submission waits for."""
    return len(submission.taps) if isinstance(submission, Submission) else 1


def _nothing(_results: object) -> None:
    """Nobody waits: `process` looks at the results itself."""
