"""Taps that show a ride code: decided like any other, once the code was not used before.

They are off the way of all other taps, which pay nothing for them.
"""

from collections.abc import Iterable

from fare_engine.batch import Batch, BlockedCodeId, CodeId, Finding, Submission
from fare_engine.decision import REFUSALS, Reason
from fare_engine.journey import BLANK, Terms
from fare_engine.matching import decide
from fare_engine.network import Direction, Gate
from fare_engine.ports import CodeUse, Ledger, StoredReport
from fare_engine.tap import Tap
from fare_engine.tariff import Tariff
from fare_engine.verdict import Verdict


def load_codes(batch: Batch, ledger: Ledger, findings: Iterable[Finding]) -> None:
    """Read which of the codes shown were used before: in the ledger, or in the batch ahead."""
    code_ids = [finding for finding in findings if isinstance(finding, CodeId)]
    if code_ids:
        batch.codes.update(ledger.find_codes(code_ids))
        if batch.behind is not None:
            ahead = batch.behind.codes
            batch.codes.update({code: ahead[code] for code in code_ids if code in ahead})


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

    The code counts as used where the gate opened. Refused, or with the gate shut, the tap keeps no
    state, and leaves no trace of the code either.
    """
    row, before = batch.next_row, batch.states.get(tap.token, BLANK)
    first = batch.codes.get(code_id)
    use = CodeUse(row, tap.token, gate.station_id, tap.direction, tap.occurred_at_ms)
    is_copy = first is not None and not is_tapped_again(first, use, terms.tariff)
    refusal = None
    if is_copy:
        refusal = Reason.RIDE_CODE_REPLAYED
    elif isinstance(code_id, BlockedCodeId):
        refusal = Reason.MEDIUM_BLOCKED
    decision, after = decide(before, tap, gate, terms, row, refusal)
    if clock_suspect:
        decision = decision.replace(clock_suspect=True)
    verdict = Verdict(
        tap, decision, gate.station_id, submission.received_at_ms, batch.decided_at_ms, row
    )
    batch.fresh[tap.tap_id] = (verdict, before, after, "")
    batch.states[tap.token] = after
    report = tap.report
    if report is not None:
        batch.reports[row] = StoredReport(row, report, False, submission.received_at_ms)
    opened = decision.gate_opens if report is None else report.gate_opened
    if first is None and opened and decision.reason not in REFUSALS:
        batch.codes[code_id] = use
        batch.new_codes.append((code_id, row))
    batch.next_row = row + 1
    return verdict


def is_tapped_again(first: CodeUse, now: CodeUse, tariff: Tariff) -> bool:
    """Whether a code comes back at the gates where it was used, within the grace of a re-tap.

    The grace runs from the tap that used the code first, inclusive.
    """
    is_entry = now.direction == Direction.ENTRY
    grace_ms = tariff.reentry_grace_ms if is_entry else tariff.reexit_grace_ms
    return (
        first.token == now.token
        and first.station_id == now.station_id
        and first.direction == now.direction
        and now.occurred_at_ms - first.occurred_at_ms <= grace_ms
    )
