"""What gates report of taps that are decided: kept beside the decision, which stays as it is."""

from fare_engine.batch import Batch
from fare_engine.journey import BLANK
from fare_engine.ports import Conflict, KnownTap, StoredReport
from fare_engine.tap import Report


def take_report(
    batch: Batch, known: KnownTap, report: Report, received_at_ms: int, sender: str | None
) -> None:
    """Store the first report of a tap beside it; one that contradicts it is a conflict.

    A report that repeats what the first said and adds whether she passed completes it; one that
    repeats it and says less changes nothing.
    """
    row, first = known.verdict.row, known.report
    if first is not None:
        said = first.report
        agrees = (said.gate_opened, said.fare_taken) == (report.gate_opened, report.fare_taken)
        if agrees and report.passed in (None, said.passed):
            return
        if not agrees or said.passed is not None:
            tap_id = known.verdict.tap.tap_id
            batch.conflicts.append(Conflict(row, tap_id, report, received_at_ms, sender))
            return
    if first is not None and first.reversed:  # it stays so, at the number it took then
        batch.reports[row] = first.replace(report=report, received_at_ms=received_at_ms)
        return
    number = _reverse_passage(batch, known, report)
    batch.reports[row] = StoredReport(row, report, number is not None, received_at_ms, number)


def _reverse_passage(batch: Batch, known: KnownTap, report: Report) -> int | None:
    """Return the token to before its latest tap, when nobody went through at it after all.

    That takes the next number of the token's chain: an engine that holds the state of before would
    otherwise pass for up to date. None where nothing changes.
    """
    if report.passed is not False and report.gate_opened:
        return None
    verdict = known.verdict
    token = verdict.tap.token
    state = batch.states.get(token, BLANK)
    if state.row != verdict.row:
        return None
    assert known.before is not None, "a reported tap is loaded with the state before it"
    number = state.number + 1
    batch.states[token] = known.before.replace(number=number)
    return number
