"""Decides a token's taps again, in settled order, and says what each one costs.

Pure: the same `matching.decide` that answered the gates, over the versions that were pinned then.
"""

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from fare_engine.decision import Closing, Decision, Reason
from fare_engine.journey import BLANK, NEVER_MS, TokenState
from fare_engine.matching import decide, is_excused, missing_exit_fare
from fare_engine.network import Direction
from fare_engine.settlement.adjustments import Due, Kind, Why
from fare_engine.settlement.history import StoredTap, put_in_order
from fare_engine.tap import Report

_INCOMPLETE: Final = frozenset({Closing.SUPERSEDED, Closing.EXPIRED})


class Settled(NamedTuple):
    """A tap decided again: in settled order, at its corrected time.

    `passed` says whether the token's state followed it. A tap whose medium was refused has no
    decision.
    """

    stored: StoredTap
    decision: Decision | None
    passed: bool


def decide_again(stored: Iterable[StoredTap]) -> tuple[list[Settled], TokenState]:
    """Every tap of a token decided again, and the state they leave."""
    state = BLANK
    settled = []
    for one in put_in_order(stored):
        if one.is_refused:
            settled.append(Settled(one, None, passed=False))
            continue
        # Every tap has its place by now, so none of them is late any more.
        before = state.replace(clock_ms=NEVER_MS)
        tap = one.tap.replace(report=_find_passage(one.report))
        decision, after = decide(before, tap, one.gate, one.terms, one.row)
        passed = after is not before
        settled.append(Settled(one, decision, passed))
        if passed:
            state = after
    return settled, state


def settle_history(
    stored: Iterable[StoredTap], from_corrected_ms: int, now_engine_ms: int
) -> list[Due]:
    """What every tap from an instant on comes to: fares, and journeys that nobody ended.

    Corrected times and the engine's are one clock, so they may be compared. A journey that is
    still open and has not expired by now may yet be ended.
    """
    settled, state = decide_again(stored)
    claims: dict[int, tuple[int, int]] = {}
    for one in settled:
        decision = one.decision
        if decision and decision.entry and one.passed and decision.closing in _INCOMPLETE:
            claims[decision.entry.row] = decision.incomplete_fare, one.stored.row
    left = state.open
    if left is not None and now_engine_ms >= left.expires_at_ms:
        medium_type = next(
            one.stored.tap.medium_type for one in settled if one.stored.row == left.row
        )
        excused = is_excused(left, left.expires_at_ms, left.terms.stood_open)
        claims[left.row] = 0 if excused else missing_exit_fare(left, medium_type), left.row
    return list(_list_due(settled, from_corrected_ms, claims))


def _list_due(
    settled: list[Settled], from_corrected_ms: int, claims: dict[int, tuple[int, int]]
) -> Iterator[Due]:
    begun = False
    for one in settled:
        stored = one.stored
        begun = begun or stored.tap.occurred_at_ms >= from_corrected_ms
        if not begun:
            continue
        reason = one.decision.reason if one.decision else stored.reason
        entry = one.decision.entry if one.decision else None
        why = Why.CLOCK_CORRECTED if stored.skew_ms else _find_why(one)
        entry_row = entry.row if entry else None
        due = _find_fare(one)
        held = takes_too_much(stored)
        yield Due(stored.row, Kind.FARE, stored.collected, due, why, reason, entry_row, held)
        if stored.tap.direction == Direction.ENTRY:
            fare, closed_by = claims.get(stored.row, (0, None))
            why = Why.EXIT_FOUND if closed_by is None else Why.EXIT_MISSING
            yield Due(stored.row, Kind.MISSING_EXIT, 0, fare, why, reason, stored.row)


def takes_too_much(stored: StoredTap) -> bool:
    """Whether a gate says it took what no fare can be: above twice the highest of its tariff.

    That is the highest single fare of the network, or what the tariff takes at an exit beside it.
    """
    tariff, collected = stored.terms.tariff, stored.collected
    flat = max(tariff.same_station_fare, tariff.unmatched_exit_fare)
    # Nearly all are below the highest from their own station, which is remembered anyway.
    if collected <= 2 * max(flat, tariff.fares.highest_fare(stored.gate.station_id)):
        return False
    return collected > 2 * tariff.fares.find_highest_fare()


def _find_fare(settled: Settled) -> int:
    """What the tap costs by the rule.

    Where the gate was reported open at an exit that the rule would have kept shut, she has left
    without the counter: it costs what an unmatched exit costs where it opens.
    """
    stored, decision, passed = settled
    if decision is None or (stored.report is not None and not passed):
        return 0
    if decision.gate_opens or not passed:
        return decision.fare
    tariff = stored.terms.tariff
    return tariff.discounted(tariff.unmatched_exit_fare, stored.tap.medium_type)


def _find_why(settled: Settled) -> Why:
    stored, decision, passed = settled
    if stored.reason is Reason.ARRIVED_OUT_OF_ORDER:
        return Why.ARRIVED_LATE
    if stored.reason is Reason.RECORDED:
        return Why.REPAIRED
    if stored.report is not None and not passed:
        return Why.NOT_PASSED
    if decision is None or (decision.reason is stored.reason and decision.fare == stored.fare):
        return Why.TAKEN_OTHERWISE
    return Why.DECIDED_AGAIN


def _find_passage(report: Report | None) -> Report | None:
    """The report that the rule reads: the gate opened, and the passenger went through."""
    if report is None or report.passed is not False:
        return report
    return report.replace(gate_opened=False)
