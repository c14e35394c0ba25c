"""Deciding without the engine: the same rule, over the taps of this station.

What a station cannot know opens the gate, takes nothing, and is settled later: an exit whose entry
was made elsewhere, or any tap before the first parameters came.
"""

from typing import Final, NamedTuple

from fare_engine.decision import Outcome, Reason
from fare_engine.journey import Terms, TokenState, count_waiver, open_journey
from fare_engine.matching import decide
from fare_engine.network import Direction, Gate
from fare_engine.tap import Report, Tap
from gates.client.messages import Decision
from gates.outbox import Action
from gates.times import parse_ms

UNKNOWN_RULES: Final = "rules_unknown"
"""The reason of a gate that opened because the station never received its parameters."""

_CANNOT_KNOW: Final = frozenset({Reason.NO_OPEN_ENTRY, Reason.ENTRY_EXPIRED})
"""No entry is open here: the passenger may have come in at any other station."""


class AloneDecision(NamedTuple):
    """What a gate does by itself, and the token's state after it."""

    action: Action
    after: TokenState
    elapsed_ms: int | None = None
    fare_waived: int = 0


def decide_alone(
    state: TokenState,
    tap: Tap,
    gate: Gate,
    terms: Terms | None,
    place: int,
    refusal: Reason | None,
) -> AloneDecision:
    """Decide a tap at its station; `place` is its place in the outbox."""
    if terms is None:
        opens = refusal is None or (
            refusal is Reason.MEDIUM_BLOCKED and tap.direction == Direction.EXIT
        )
        reason = UNKNOWN_RULES if opens or refusal is None else refusal.code
        return AloneDecision(Action(opens, 0, reason, alone=True), state)
    decision, after = decide(state, tap, gate, terms, place, refusal)
    opens, fare = decision.gate_opens, decision.fare
    if decision.reason in _CANNOT_KNOW and not (terms.modes and opens):
        opens, fare = True, 0
        acted = tap.replace(report=Report(opens, fare))
        after = decide(state, acted, gate, terms, place, refusal)[1]
    elapsed_ms = None
    if decision.entry is not None and decision.reason.outcome in (Outcome.WAIVED, Outcome.CHARGED):
        elapsed_ms = max(0, tap.occurred_at_ms - decision.entry.entered_at_ms)
    action = Action(opens, fare, decision.reason.code, alone=True)
    return AloneDecision(action, after, elapsed_ms, decision.fare_waived)


def apply_answer(
    state: TokenState,
    tap: Tap,
    station_id: str,
    terms: Terms | None,
    place: int,
    answer: Decision,
) -> TokenState:
    """The state after a tap that the engine decided, as far as this station can know it."""
    reason, opens = answer.reason, answer.gate_opens
    if not opens or terms is None or answer.outcome in ("late", "refused", "recorded"):
        return state
    at_ms = tap.occurred_at_ms
    clock_ms, number = max(state.clock_ms, at_ms), state.number + 1
    if tap.direction == Direction.ENTRY:
        journey = open_journey(tap.tap_id, tap.gate_id, station_id, at_ms, terms, place)
        return TokenState(journey, clock_ms, number, state.waivers, None, 0, place)
    waivers = state.waivers
    if reason == Reason.SAME_STATION_WITHIN_WINDOW.code and answer.journey is not None:
        entered_at_ms = parse_ms(answer.journey.entered_at)
        day = terms.tariff.calendar.service_day(entered_at_ms)
        waivers = count_waiver(waivers, day.ordinal)
    exit_station_id = None if reason == Reason.EXIT_REPEATED.code else station_id
    left_open = state.open if answer.outcome == "unmatched" else None
    return TokenState(left_open, clock_ms, number, waivers, exit_station_id, at_ms, place)
