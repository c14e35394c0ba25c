"""The end of an audit: sums of money, and what settlement still has to look at."""

from collections.abc import Iterable

from simulator.auditor.acknowledged import Acknowledged
from simulator.auditor.branch import Branch, Known
from simulator.auditor.history import History
from simulator.auditor.verdict import Verdict


def check_money(verdict: Verdict, acknowledged: Acknowledged) -> None:
    """What was acknowledged, what the rule says, and what is stored must be the same sum."""
    checked = verdict.checked
    by_rule = 0
    for tap_id, tap in acknowledged.taps.items():
        if tap.acknowledged is not None:
            known = _find_known(tap_id, tap.histories)
            if known is not None and known.ruling is not None:
                by_rule += known.ruling.fare
    checked["fen fare by the rule"] = by_rule
    sums = [("acknowledged", checked["fen fare"], "by the rule", by_rule)]
    answered, stored = checked["fen fare of taps read back"], checked["fen fare stored"]
    sums.append(("acknowledged of the taps read back", answered, "stored", stored))
    for name, fen, other_name, other_fen in sums:
        if fen != other_fen:
            message = f"{name} {fen} fen, {other_name} {other_fen} fen"
            verdict.find("money-not-conserved", message)


def _find_known(tap_id: str, histories: Iterable[History]) -> Known | None:
    for history in histories:
        known = history.branches[0].known.get(tap_id)
        if known is not None:
            return known
    return None


def add_later(verdict: Verdict, acknowledged: Acknowledged, histories: Iterable[History]) -> None:
    """All that is right now and waits for settlement, each with the reason why."""
    for tap_id, tap in acknowledged.taps.items():
        if tap.text is None and tap.contents:
            verdict.defer("sent, and never acknowledged", tap_id)
    for history in histories:
        branch = history.branches[0]
        for tap_id, known in branch.known.items():
            _defer_tap(verdict, branch, tap_id, known)
        if branch.facts and branch.facts[-1].direction == "entry":
            verdict.defer("entered, and not out yet", branch.facts[-1].tap_id)


def _defer_tap(verdict: Verdict, branch: Branch, tap_id: str, known: Known) -> None:
    ruling, report = known.ruling, known.report
    if ruling is None:
        verdict.defer(f"set aside: {known.problem}", tap_id)
        return
    if ruling.outcome == "late":
        verdict.defer("late: its place among the taps of its token is found then", tap_id)
    if ruling.found in ("superseded", "expired", "excused") and not known.taken_back:
        verdict.defer("an entry closed without its exit", tap_id, ruling.incomplete_fare)
    if report is None:
        return
    if (report.action, report.fare_taken) != (ruling.gate_action, ruling.fare):
        why = "the gate did something else than the rule says"
        verdict.defer(why, tap_id, ruling.fare - report.fare_taken)
    stands = any(fact.tap_id == tap_id for fact in branch.facts)
    if report.nobody_passed and stands:
        verdict.defer("reported as not passed after other taps had followed", tap_id)
