"""The engine: taps in, verdicts out, one transaction for all that gathered meanwhile.

A synchronous object without clock, thread or event loop. A shell around it offers submissions,
takes a batch, has the ledger commit it (wherever it likes), and tells the engine how that ended::

    engine.offer(submission)            any number of times
    batch = engine.take_batch(now_ms)   loads, decides
    engine.commit(batch)                blocks until durable; may run in another thread
    engine.committed(batch)             or failed(batch, error): results are there now

While one batch is being committed the next may be taken: it is decided upon the first, committed
after it, and falls with it. `process` does all of it at once, for replays and tests.
"""

from collections import deque
from collections.abc import Collection, Mapping, Sequence
from typing import Final

from fare_engine.batch import Batch, CodeId, Finding, ReportSubmission, Result, Submission
from fare_engine.catalogue import Catalogue, TermsStretch
from fare_engine.checks import CLOCK_AHEAD_MAX_MS, check_tap
from fare_engine.decision import Decision, Reason
from fare_engine.errors import (
    FareEngineError,
    LedgerError,
    LedgerUnavailable,
    NotFound,
    Overloaded,
    TapConflict,
    TapRefused,
)
from fare_engine.journey import BLANK
from fare_engine.matching import decide
from fare_engine.ports import NOTHING, Conflict, Ledger, StateIndex, StoredReport
from fare_engine.reports import take_report
from fare_engine.ride_codes import decide_with_code, load_codes
from fare_engine.tap import Tap
from fare_engine.verdict import Verdict

BATCH_TAPS_MAX: Final = 1_000
"""Taps of one transaction: enough that its fixed costs vanish, few enough that nobody waits."""

PENDING_TAPS_MAX: Final = 100_000
"""Taps that wait for a transaction; beyond it new ones are turned away with a clear error."""


class Engine:
    """Pairs taps by the rule, over a ledger that is the truth and an index that is a cache."""

    def __init__(
        self,
        ledger: Ledger,
        index: StateIndex,
        catalogue: Catalogue,
        *,
        batch_taps_max: int = BATCH_TAPS_MAX,
        pending_taps_max: int = PENDING_TAPS_MAX,
    ) -> None:
        self._ledger = ledger
        self._index = index
        self._batch_taps_max = batch_taps_max
        self._pending_taps_max = pending_taps_max
        self._pending: deque[Submission | ReportSubmission] = deque()
        self._uncommitted: deque[Batch] = deque()
        self._doubtful_tokens: set[bytes] | None = None
        self.pending_taps = 0
        self.suspect_gates: Collection[str] = ()
        """Gates whose clocks are known to be wrong; what they sent is decided with that mark."""
        self.use(catalogue)

    def use(self, catalogue: Catalogue) -> None:
        """Decide by this catalogue from the next batch on."""
        self.catalogue = self._ledger.catalogue = catalogue
        self._stretches: dict[str, TermsStretch] = {}

    @property
    def has_pending(self) -> bool:
        """Whether anything waits for a batch."""
        return bool(self._pending)

    def offer(self, submission: Submission | ReportSubmission) -> None:
        """Queue taps for the next batch; Overloaded when too many wait already."""
        taps = len(submission.taps) if isinstance(submission, Submission) else 1
        if self.pending_taps + taps > self._pending_taps_max:
            raise Overloaded(f"{self.pending_taps} taps wait already; try again")
        self.pending_taps += taps
        self._pending.append(submission)

    @property
    def must_recover(self) -> bool:
        """Whether the ledger has to be read again first, which no commit may disturb."""
        return self._doubtful_tokens is not None

    def take_batch(self, now_ms: int) -> Batch | None:
        """Decide what waits, up to the limit of a batch; nothing is applied yet.

        None when nothing waits, or when the ledger could not be read: everyone has been told.
        """
        if not self._pending:
            return None
        behind = self._uncommitted[-1] if self._uncommitted else None
        batch = Batch(now_ms, behind)
        self._uncommitted.append(batch)
        self._gather(batch)
        try:
            if self._doubtful_tokens is not None:
                self._recover()
            batch.next_row = behind.next_row if behind else self._ledger.next_row()
            self._load(batch)
            for submission in batch.submissions:
                if isinstance(submission, Submission):
                    self._decide_taps(batch, submission)
                else:
                    submission.results.append(self._decide_report(batch, submission))
        except LedgerError as error:
            self.failed(batch, error)
            return None
        return batch

    def commit(self, batch: Batch) -> None:
        """Make the batch durable, in the order of taking. Raises LedgerUnavailable.

        Safe in another thread, also while the next batch is taken.
        """
        if not batch.is_empty():
            self._ledger.commit(batch.entries)

    @property
    def is_behind(self) -> bool:
        """Whether a burst of taps left the ledger work to do while none waits."""
        return not self._uncommitted and not self.must_recover and self._ledger.is_behind

    @property
    def can_tend(self) -> bool:
        """Whether `tend` would do some of it now."""
        return self._ledger.can_catch_up

    def tend(self) -> None:
        """Have the ledger do some of it, like a commit; then call `tended`. LedgerUnavailable."""
        self._ledger.commit(NOTHING)

    def tended(self) -> None:
        """What `tend` did is durable now."""
        self._ledger.confirm()

    def committed(self, batch: Batch) -> None:
        """Apply what is durable now, and answer."""
        if batch not in self._uncommitted:
            return  # it was given up meanwhile; its tokens are read from the ledger again
        self._uncommitted.remove(batch)
        if self._uncommitted:
            self._uncommitted[0].behind = None
        if not batch.is_empty():
            self._ledger.confirm()
        self._index.apply(batch.states)
        for submission in batch.submissions:
            submission.done(submission.results)

    def failed(self, batch: Batch, error: FareEngineError) -> None:
        """Nothing is known to be stored: everyone who waits hears so, and nothing is applied.

        The tokens concerned are read from the ledger again before anything else is decided.
        """
        doubtful = self._doubtful_tokens or set()
        for uncommitted in (batch, *self._uncommitted):
            doubtful |= uncommitted.states.keys()
        self._doubtful_tokens = doubtful
        self.fail_all(error)

    def fail_all(self, error: FareEngineError) -> None:
        """Answer everyone with an error: those of batches that were taken, and all who wait."""
        waiting = [submission for batch in self._uncommitted for submission in batch.submissions]
        waiting += self._pending
        self._uncommitted.clear()
        self._pending.clear()
        self.pending_taps = 0
        for submission in waiting:
            count = len(submission.taps) if isinstance(submission, Submission) else 1
            submission.results = [error] * count
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
        """One turn without a shell: take, commit, apply."""
        batch = self.take_batch(now_ms)
        if batch is None:
            return None
        try:
            self.commit(batch)
        except LedgerUnavailable as error:
            self.failed(batch, error)
        else:
            self.committed(batch)
        return batch

    def _gather(self, batch: Batch) -> None:
        taps = 0
        while self._pending:
            waiting = self._pending[0]
            size = len(waiting.taps) if isinstance(waiting, Submission) else 1
            if taps and taps + size > self._batch_taps_max:
                break
            taps += size
            batch.submissions.append(self._pending.popleft())
        self.pending_taps -= taps

    def _load(self, batch: Batch) -> None:
        """Read at once what the whole batch needs: taps known already, states not remembered."""
        tap_ids: list[str] = []
        tokens: list[bytes] = []
        for submission in batch.submissions:
            if isinstance(submission, Submission):
                tap_ids += [tap.tap_id for tap in submission.taps]
                tokens += [tap.token for tap in submission.taps]
                if submission.findings:
                    load_codes(batch, self._ledger, submission.findings.values())
            else:
                tap_ids.append(submission.tap_id)
        known = batch.known
        known.update(self._ledger.find_taps(tap_ids))
        behind = batch.behind
        if behind is not None:
            fresh = behind.fresh
            if not fresh.keys().isdisjoint(tap_ids):
                known.update({tap_id: fresh[tap_id][0] for tap_id in tap_ids if tap_id in fresh})
        if known:
            tokens += [verdict.tap.token for verdict in known.values()]
        states = batch.states
        wanted = set(tokens)
        if behind is not None:
            before = behind.states
            states.update({token: before[token] for token in before.keys() & wanted})
            wanted.difference_update(states)
        found = self._index.find(wanted)
        states.update(found)
        if len(found) < len(wanted):
            states.update(self._ledger.find_states(wanted.difference(found)))

    def _recover(self) -> None:
        self._ledger.recover()
        self._index.forget(self._doubtful_tokens or ())
        self._doubtful_tokens = None

    def _decide_taps(self, batch: Batch, submission: Submission) -> None:
        """Decide the taps of a submission in order.

        One flat loop over local names: here a million taps go by, and every call would show. What
        its guard lets through, `check_tap` would too; all others are left to it.
        """
        findings = submission.findings
        known, fresh, states = batch.known, batch.fresh, batch.states
        answer, find_state = submission.results.append, states.get
        find_gate, media = self.catalogue.gates.get, self.catalogue.media
        find_stretch = self._stretches.get
        received_at_ms, decided_at_ms = submission.received_at_ms, batch.decided_at_ms
        latest_ms = received_at_ms + CLOCK_AHEAD_MAX_MS
        finding: Finding | None = None
        suspects = self.suspect_gates
        row = batch.next_row
        for place, tap in enumerate(submission.taps):
            tap_id, token, at_ms = tap.tap_id, tap.token, tap.occurred_at_ms
            gate = find_gate(tap.gate_id)
            if findings is not None:
                finding = findings.get(place)
            terms = None
            if (
                tap_id not in fresh
                and tap_id not in known
                and gate is not None
                and tap.direction in gate.directions
                and at_ms <= latest_ms
                and tap.medium_type in media
                and (finding is None or finding.__class__ is Reason)
            ):
                station_id = gate.station_id
                stretch = find_stretch(station_id)
                if stretch is None or not stretch[0] <= at_ms < stretch[1]:
                    stretch = self.catalogue.find_stretch(station_id, at_ms)
                    self._stretches[station_id] = stretch
                terms = stretch[2]
            if terms is None or gate is None:
                batch.next_row = row
                answer(self._answer_unusual(batch, submission, tap, finding))
                row = batch.next_row
                continue
            before = find_state(token, BLANK)
            decision, after = decide(before, tap, gate, terms, row, finding)  # type: ignore[arg-type]
            if suspects and tap.gate_id in suspects:
                decision = decision.replace(clock_suspect=True)
            verdict = Verdict(tap, decision, station_id, received_at_ms, decided_at_ms, row)
            answer(verdict)
            fresh[tap_id] = (verdict, before, after, "")
            states[token] = after
            if tap.report is not None:
                batch.reports[row] = StoredReport(row, tap.report, False, received_at_ms)
            row += 1
        batch.next_row = row

    def _answer_unusual(
        self, batch: Batch, submission: Submission, tap: Tap, finding: Finding | None
    ) -> Result:
        """A tap whose id is known already, which cannot be decided, or which shows a ride code."""
        step = batch.fresh.get(tap.tap_id)
        first = step[0] if step else batch.known.get(tap.tap_id)
        received_at_ms = submission.received_at_ms
        if first is not None:
            return self._answer_again(batch, first, tap, received_at_ms)
        fault = finding if isinstance(finding, TapRefused) else None
        checked = check_tap(self.catalogue, tap, received_at_ms, fault)
        if isinstance(checked, TapRefused):
            return self._refuse(batch, submission, tap, checked)
        # Whatever else passes the checks was decided in the loop.
        assert isinstance(finding, CodeId)
        suspect = tap.gate_id in self.suspect_gates
        return decide_with_code(
            batch, submission, tap, checked.gate, checked.terms, finding, suspect
        )

    def _refuse(self, batch: Batch, submission: Submission, tap: Tap, error: TapRefused) -> Result:
        """Tell what is wrong, or set the tap aside: a gate that acted alone must not resend it."""
        if tap.report is None:
            return error
        return self._set_aside(batch, tap, submission.received_at_ms, error)

    def _set_aside(self, batch: Batch, tap: Tap, received_at_ms: int, error: TapRefused) -> Verdict:
        """Record a tap that cannot be decided, to be settled once it can."""
        assert tap.report is not None
        row = batch.next_row
        suspect = tap.gate_id in self.suspect_gates
        decision = Decision(Reason.RECORDED, gate_opens=True, clock_suspect=suspect)
        verdict = Verdict(tap, decision, None, received_at_ms, batch.decided_at_ms, row, error.code)
        before = batch.states.get(tap.token, BLANK)
        batch.fresh[tap.tap_id] = (verdict, before, before, str(error))
        batch.reports[row] = StoredReport(row, tap.report, False, received_at_ms)
        batch.next_row = row + 1
        return verdict

    def _answer_again(self, batch: Batch, first: Verdict, tap: Tap, received_at_ms: int) -> Result:
        """The first decision of a known tap_id; TapConflict when the content is another."""
        if not first.tap.has_content_of(tap):
            batch.conflicts.append(Conflict(first.row, tap, received_at_ms))
            return TapConflict(f"tap_id {tap.tap_id} was used before with other content")
        if tap.report is not None:
            take_report(batch, self._ledger, first, tap.report, received_at_ms)
        batch.replays += 1
        return first.replace(replayed=True)

    def _decide_report(self, batch: Batch, submission: ReportSubmission) -> Result:
        step = batch.find_step(submission.tap_id)
        verdict = step[0] if step else batch.known.get(submission.tap_id)
        if verdict is None:
            return NotFound(f"there is no tap {submission.tap_id}")
        received_at_ms = submission.received_at_ms
        take_report(batch, self._ledger, verdict, submission.report, received_at_ms)
        return verdict.replace(replayed=True)


def _nothing(_results: list[Result]) -> None:
    """Nobody waits: `process` looks at the results itself."""
