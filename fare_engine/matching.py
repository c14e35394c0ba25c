"""The rule: one tap and the state of its token in, one decision and the next state out.

Pure: no clock, no database, no randomness. The live path, settlement, a gate that decides alone
and the simulator all call `decide`. It is written in the order of the fare rules, so that it can
be read beside them; `docs/rules.md` says where the two are more exact than each other.
"""

from typing import Final

from fare_engine import conditions, degraded
from fare_engine.decision import Closing, Decision, Reason
from fare_engine.journey import (
    OpenJourney,
    Terms,
    TokenState,
    count_waiver,
    open_journey,
    waivers_on,
)
from fare_engine.modes import Mode, StoodOpen
from fare_engine.network import Direction, Gate
from fare_engine.tap import Tap
from fare_engine.tariff import Tariff

# What every tap needs is bound once: an enum member looked up on its class costs as much as several
# comparisons of the rule.
_evaluate: Final = conditions.evaluate
_ALL_HELD: Final = conditions.ALL_HELD
_ENTRY: Final = Direction.ENTRY
_OPENED: Final = Reason.ENTRY_OPENED
_WAIVED: Final = Reason.SAME_STATION_WITHIN_WINDOW
_DIFFERENT_STATION: Final = Reason.DIFFERENT_STATION
_BLOCKED: Final = Reason.MEDIUM_BLOCKED
_NOTHING: Final = Closing.NOTHING
_CONSUMED: Final = Closing.CONSUMED
_TIME_FREE: Final = int(Mode.TIME_FREE)

Decided = tuple[Decision, TokenState]


def decide(
    state: TokenState,
    tap: Tap,
    gate: Gate,
    terms: Terms,
    row: int,
    refusal: Reason | None = None,
) -> Decided:
    """Decide one tap, after its tap_id was found new and its gate, direction and clock right.

    `gate` is the tap's own gate, `terms` what is in force at its station at `occurred_at`, `row`
    the place the tap will take in the ledger, `refusal` what the verification of the medium found
    (one of `REFUSALS`). A tap at which the gate stayed shut returns the state it was given.
    """
    if refusal is not None and (
        refusal is not _BLOCKED or tap.direction == _ENTRY
    ):  # A blocked medium may still leave: a journey that is open must be able to close.
        return degraded.refuse(refusal, tap, terms), state
    at_ms, clock_ms = tap.occurred_at_ms, state.clock_ms
    if at_ms > clock_ms:
        clock_ms = at_ms
    elif at_ms < clock_ms - terms.tariff.clock_skew_tolerance_ms:
        reason, modes = Reason.ARRIVED_OUT_OF_ORDER, terms.modes
        return Decision(reason, gate_opens=True, terms=terms, modes=modes), state
    decide_side = _decide_entry if tap.direction == _ENTRY else _decide_exit
    decided = decide_side(state, tap, gate, terms, row, at_ms, clock_ms)
    if terms.modes:
        decided = degraded.adjust(decided, state, tap, gate.station_id, terms)
    report = tap.report
    opened = decided[0].gate_opens if report is None else report.gate_opened
    return decided if opened else (decided[0], state)


def _decide_entry(
    state: TokenState, tap: Tap, gate: Gate, terms: Terms, row: int, at_ms: int, clock_ms: int
) -> Decided:
    station_id = gate.station_id
    previous = state.open
    incomplete_fare = 0
    if previous is None:
        reason, closing = _OPENED, _NOTHING
    elif at_ms >= previous.expires_at_ms:
        reason = _OPENED
        closing, incomplete_fare = _close_incomplete(Closing.EXPIRED, previous, tap, terms)
    elif (
        previous.station_id == station_id
        and at_ms - previous.entered_at_ms <= previous.terms.tariff.reentry_grace_ms
    ):
        reason, closing = Reason.ENTRY_REPEATED, Closing.REPLACED
    else:
        reason = Reason.ENTRY_SUPERSEDED
        closing, incomplete_fare = _close_incomplete(Closing.SUPERSEDED, previous, tap, terms)

    # The gate's own id: one text for all of its journeys, where the tap's was read with the tap.
    journey = open_journey(tap.tap_id, gate.gate_id, station_id, at_ms, terms, row)
    return (
        Decision(reason, True, 0, 0, 0, previous, closing, terms, incomplete_fare),
        TokenState(journey, clock_ms, state.number + 1, state.waivers, None, 0, row),
    )


def _decide_exit(
    state: TokenState, tap: Tap, gate: Gate, terms: Terms, row: int, at_ms: int, clock_ms: int
) -> Decided:
    journey = state.open
    if journey is None or at_ms >= journey.expires_at_ms:
        return _decide_unmatched_exit(state, tap, gate, terms, row, at_ms, clock_ms)

    modes, terms = terms.modes, journey.terms
    tariff = terms.tariff
    elapsed_ms = at_ms - journey.entered_at_ms
    if elapsed_ms < 0:
        elapsed_ms = 0  # Two gates' clocks within the tolerance: nobody leaves before she came.
    station_id, waivers = gate.station_id, state.waivers
    waived = asked = 0
    if elapsed_ms > tariff.max_stay_ms and not modes & _TIME_FREE:
        reason = Reason.OVERSTAY
    elif station_id != journey.station_id:
        reason = _DIFFERENT_STATION
    else:
        day = journey.service_day
        waived_before = waivers_on(waivers, day) if waivers else 0
        asked = _evaluate(journey, tap.gate_id, tap.medium_type, elapsed_ms, waived_before)
        if asked == _ALL_HELD:
            reason = _WAIVED
            waived = tariff.discounted(tariff.same_station_fare, tap.medium_type)
            waivers = count_waiver(waivers, day)
        else:
            reason = conditions.first_failure(asked)
    fare = 0 if reason is _WAIVED else _charge(reason, tariff, journey, tap, station_id)
    return (
        Decision(reason, True, fare, waived, asked, journey, _CONSUMED, terms),
        TokenState(None, clock_ms, state.number + 1, waivers, station_id, at_ms, row),
    )


def _decide_unmatched_exit(
    state: TokenState, tap: Tap, gate: Gate, terms: Terms, row: int, at_ms: int, clock_ms: int
) -> Decided:
    """An exit that finds no journey to close: none is open, or the open one has expired."""
    tariff, expired = terms.tariff, state.open
    closing = _NOTHING if expired is None else Closing.LEFT_OPEN
    repeated = (
        state.exit_station_id == gate.station_id and at_ms - state.exit_ms <= tariff.reexit_grace_ms
    )
    if repeated:
        decision = Decision(Reason.EXIT_REPEATED, True, entry=expired, closing=closing, terms=terms)
    else:
        opens = tariff.unmatched_exit_opens
        decision = Decision(
            Reason.NO_OPEN_ENTRY if expired is None else Reason.ENTRY_EXPIRED,
            opens,
            tariff.discounted(tariff.unmatched_exit_fare, tap.medium_type) if opens else 0,
            entry=expired,
            closing=closing,
            terms=terms,
        )
    # Only the first re-tap is free, so a repeated exit leaves no exit that could be repeated.
    return decision, TokenState(
        expired,
        clock_ms,
        state.number + 1,
        state.waivers,
        None if repeated else gate.station_id,
        at_ms,
        row,
    )


def _charge(reason: Reason, tariff: Tariff, journey: OpenJourney, tap: Tap, station_id: str) -> int:
    """What a charged journey costs in fen; the listed fare of a recorded tap beats the tariff."""
    if tap.listed_fare is not None:
        return tap.listed_fare
    if reason is _DIFFERENT_STATION:
        fare = tariff.fares.fare(journey.station_id, station_id)
    elif reason is Reason.OVERSTAY:
        fare = tariff.fares.highest_fare(station_id)
    else:
        fare = tariff.same_station_fare
    return tariff.discounted(fare, tap.medium_type)


def _close_incomplete(
    closing: Closing, journey: OpenJourney, tap: Tap, terms: Terms
) -> tuple[Closing, int]:
    """How a journey without its exit is closed, and the fare recorded against it."""
    if is_excused(journey, tap.occurred_at_ms, terms.stood_open):
        return Closing.EXCUSED, 0
    return closing, missing_exit_fare(journey, tap.medium_type)


def is_excused(journey: OpenJourney, at_ms: int, stood_open: StoodOpen) -> bool:
    """Whether who is missing an exit at an instant may have left through gates that stood open."""
    entered_ms = journey.entered_at_ms  # by a clock that may be ahead: its age is at least 0
    last_ms = min(at_ms, journey.expires_at_ms - 1)
    return stood_open.during(entered_ms, max(entered_ms, last_ms))


def missing_exit_fare(journey: OpenJourney, medium_type: str) -> int:
    """What a journey costs whose exit is missing, in fen; collected only after settlement."""
    tariff = journey.terms.tariff
    return tariff.discounted(tariff.missing_exit_fare, medium_type)
