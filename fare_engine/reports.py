"""What gates report of taps that are decided: kept beside the decision, which stays as it is."""

from fare_engine.batch import Batch
from fare_engine.journey import BLANK
from fare_engine.ports import Conflict, Ledger, StoredReport
from fare_engine.tap import Report
from fare_engine.verdict import Verdict


def take_report(
    batch: Batch, ledger: Ledger, verdict: Verdict, report: Report, received_at_ms: int
) -> None:
    """Store the first report of a tap beside it; one that contradicts it is a conflict.

    A report that repeats what the first said and adds whether she passed completes it; one that
    repeats it and says less changes nothing.
    """
    row = verdict.row
    first = batch.find_report(row) or ledger.find_report(row)
    if first is not None:
        said = first.report
        agrees = (said.gate_opened, said.fare_taken) == (report.gate_opened, report.fare_taken)
        if agrees and report.passed in (None, said.passed):
            return
        if not agrees or said.passed is not None:
            batch.conflicts.append(Conflict(row, report, received_at_ms))
            return
    reverses = _reverse_passage(batch, ledger, verdict, report)
    batch.reports[row] = StoredReport(row, report, reverses, received_at_ms)


def _reverse_passage(batch: Batch, ledger: Ledger, verdict: Verdict, report: Report) -> bool:
    """Return the token to before its latest tap, when nobody went through at it after all."""
    if report.passed is not False and report.gate_opened:
        return False
    token = verdict.tap.token
    state = batch.states.get(token, BLANK)
    if state.row != verdict.row:
        return False
    step = batch.find_step(verdict.tap.tap_id)
    before = step[1] if step else ledger.get_state_before(verdict)
    batch.states[token] = before.replace(number=state.number)
    return True
