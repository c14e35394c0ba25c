"""Decides what a batch holds, in order, on what was loaded for it; nothing here reads or writes."""

from collections.abc import Collection
from typing import Final

from fare_engine.batch import Batch, CodeId, Finding, ReportSubmission, Result, Submission
from fare_engine.catalogue import Catalogue, TermsStretch
from fare_engine.checks import CLOCK_AHEAD_MAX_MS, check_tap
from fare_engine.decision import Decision, Reason
from fare_engine.errors import GateNotYours, NotFound, TapConflict, TapRefused
from fare_engine.journey import BLANK
from fare_engine.matching import decide
from fare_engine.ports import Conflict, DecidedTap, KnownTap, StoredReport
from fare_engine.reports import take_report
from fare_engine.ride_codes import decide_with_code
from fare_engine.tap import Tap
from fare_engine.verdict import Verdict

NO_SUSPECTS: Final = frozenset[str]()


class Decider:
    """Decides batches by one catalogue.

    `suspect_gates` are gates whose clocks are known to be wrong; what they sent is decided with
    that mark.
    """

    def __init__(self, catalogue: Catalogue, suspect_gates: Collection[str] = NO_SUSPECTS) -> None:
        self.suspect_gates = suspect_gates
        self._catalogue = catalogue
        self._stretches: dict[str, TermsStretch] = {}

    def decide_taps(self, batch: Batch, submission: Submission) -> None:
        """Decide the taps of a submission in order.

        One flat loop over local names: here a million taps go by, and every call would show. What
        its guard lets through, `check_tap` would too; all others are left to it.
        """
        findings, suspects = submission.findings, self.suspect_gates
        known, fresh, states = batch.known, batch.fresh, batch.states
        answer, find_state = submission.results.append, states.get
        find_gate, media = self._catalogue.gates.get, self._catalogue.media
        find_stretch, row = self._stretches.get, batch.next_row
        received_at_ms, decided_at_ms = submission.received_at_ms, batch.decided_at_ms
        latest_ms = received_at_ms + CLOCK_AHEAD_MAX_MS
        finding: Finding | None = None
        for place, tap in enumerate(submission.taps):
            tap_id, token, at_ms = tap.tap_id, tap.token, tap.occurred_at_ms
            gate = find_gate(tap.gate_id)
            if gate is not None and at_ms < gate.effective_from_ms:
                gate = gate.find_at(at_ms)  # it has moved since, or is to move
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
                    stretch = self._catalogue.find_stretch(station_id, at_ms)
                    self._stretches[station_id] = stretch
                terms = stretch[2]
            if terms is None or gate is None:
                batch.next_row = row
                answer(self._decide_unusual(batch, submission, tap, finding))
                row = batch.next_row
                continue
            before = find_state(token, BLANK)
            decision, after = decide(before, tap, gate, terms, row, finding)  # type: ignore[arg-type]
            if suspects and tap.gate_id in suspects:
                decision = decision.replace(clock_suspect=True)
            verdict = Verdict(tap, decision, station_id, received_at_ms, decided_at_ms, row)
            answer(verdict)
            fresh[tap_id] = DecidedTap(verdict, before, after)
            states[token] = after
            if tap.report is not None:
                batch.reports[row] = StoredReport(row, tap.report, False, received_at_ms)
            row += 1
        batch.next_row = row

    def decide_report(self, batch: Batch, submission: ReportSubmission) -> Result:
        """Take the report of a tap that is known."""
        known = batch.find_known(submission.tap_id)
        if known is None:
            return NotFound(f"there is no tap {submission.tap_id}")
        report, received_at_ms = submission.report, submission.received_at_ms
        take_report(batch, known, report, received_at_ms, submission.sender)
        return known.verdict.replace(replayed=True)

    def _decide_unusual(
        self, batch: Batch, submission: Submission, tap: Tap, finding: Finding | None
    ) -> Result:
        """A tap whose id is known already, which cannot be decided, or which shows a ride code."""
        known = batch.find_known(tap.tap_id)
        if known is not None:
            return self._answer_again(batch, known, tap, submission, finding)
        if isinstance(finding, GateNotYours) and (finding.is_foreign or tap.report is not None):
            return _refuse_tap_id(batch, None, tap, submission, finding)
        fault = finding if isinstance(finding, TapRefused) else None
        checked = check_tap(self._catalogue, tap, submission.received_at_ms, fault)
        if isinstance(checked, TapRefused):
            return (
                checked if tap.report is None else self._quarantine(batch, submission, tap, checked)
            )
        # Whatever else passes the checks was decided in the loop.
        assert isinstance(finding, CodeId)
        suspect = tap.gate_id in self.suspect_gates
        return decide_with_code(
            batch, submission, tap, checked.gate, checked.terms, finding, suspect
        )

    def _quarantine(
        self, batch: Batch, submission: Submission, tap: Tap, error: TapRefused
    ) -> Verdict:
        """Record a tap that cannot be decided, to be settled once it can.

        Its gate has acted alone: with an error it would send the tap again for ever.
        """
        assert tap.report is not None
        row, received_at_ms = batch.next_row, submission.received_at_ms
        suspect = tap.gate_id in self.suspect_gates
        decision = Decision(Reason.RECORDED, gate_opens=True, clock_suspect=suspect)
        verdict = Verdict(tap, decision, None, received_at_ms, batch.decided_at_ms, row, error.code)
        before = batch.states.get(tap.token, BLANK)
        batch.fresh[tap.tap_id] = DecidedTap(verdict, before, before, str(error), submission.sender)
        batch.reports[row] = StoredReport(row, tap.report, False, received_at_ms)
        batch.next_row = row + 1
        return verdict

    def _answer_again(
        self,
        batch: Batch,
        known: KnownTap,
        tap: Tap,
        submission: Submission,
        finding: Finding | None,
    ) -> Result:
        """The first decision of a known tap_id; an error when the content is another."""
        if not known.verdict.tap.has_content_of(tap):
            return _refuse_tap_id(batch, known, tap, submission, finding)
        if tap.report is not None:
            received_at_ms, sender = submission.received_at_ms, submission.sender
            take_report(batch, known, tap.report, received_at_ms, sender)
        batch.replays += 1
        return known.verdict.replace(replayed=True)


def _refuse_tap_id(
    batch: Batch,
    known: KnownTap | None,
    tap: Tap,
    submission: Submission,
    finding: Finding | None,
) -> Result:
    """The refusal of a tap_id that is known with other content, or that names another gate.

    To a key that does not speak for that gate both are the same, in the answer and in the ledger.
    """
    refusal = finding if isinstance(finding, GateNotYours) else None
    is_conflict = known is not None and not (refusal and refusal.is_foreign)
    if is_conflict or tap.report is not None:  # else nobody has passed by this tap
        row = None if known is None else known.verdict.row
        received_at_ms, sender = submission.received_at_ms, submission.sender
        batch.conflicts.append(Conflict(row, tap.tap_id, tap, received_at_ms, sender))
    if is_conflict or refusal is None:
        return TapConflict(f"tap_id {tap.tap_id} was used before with other content")
    return refusal
