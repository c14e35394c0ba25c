"""Taps that show a ride code: decided like any other, once the code was not used before.

They are decided apart, so that all other taps pay nothing for them.
"""

from fare_engine.batch import Batch, BlockedCodeId, CodeId, Submission
from fare_engine.code_use import is_copy, make_use, uses_code
from fare_engine.decision import Reason
from fare_engine.journey import BLANK, Terms
from fare_engine.matching import decide
from fare_engine.network import Gate
from fare_engine.ports import DecidedTap, StoredReport
from fare_engine.tap import Tap
from fare_engine.verdict import Verdict


def decide_with_code(
    batch: Batch,
    submission: Submission,
    tap: Tap,
    gate: Gate,
    terms: Terms,
    code_id: CodeId,
    clock_suspect: bool,
) -> Verdict:
    """Decide a tap whose code was verified; a copy of a code is refused.

    Refused, or with the gate shut, the tap keeps no state, and leaves no trace of the code either.
    """
    row, before = batch.next_row, batch.states.get(tap.token, BLANK)
    first = batch.codes.get(code_id)
    use = make_use(tap, gate.station_id)
    refusal = None
    if first is not None and is_copy(first, use, terms.tariff):
        refusal = Reason.RIDE_CODE_REPLAYED
    elif isinstance(code_id, BlockedCodeId):
        refusal = Reason.MEDIUM_BLOCKED
    decision, after = decide(before, tap, gate, terms, row, refusal)
    if clock_suspect:
        decision = decision.replace(clock_suspect=True)
    verdict = Verdict(
        tap, decision, gate.station_id, submission.received_at_ms, batch.decided_at_ms, row
    )
    batch.fresh[tap.tap_id] = DecidedTap(verdict, before, after)
    batch.states[tap.token] = after
    report = tap.report
    if report is not None:
        batch.reports[row] = StoredReport(row, report, False, submission.received_at_ms)
    opened = decision.gate_opens if report is None else report.gate_opened
    if first is None and uses_code(decision.reason, opened):
        batch.codes[code_id] = use
        batch.new_codes.append((code_id, row))
    batch.next_row = row + 1
    return verdict
