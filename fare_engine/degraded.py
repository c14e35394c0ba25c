"""What degraded modes change of a decision; `fare_engine.matching` asks where one is in force.

Modes are those of the tap's own station at `occurred_at`. None of them makes a tap dearer.
"""

from typing import Final

from fare_engine.decision import Closing, Decision, Reason
from fare_engine.journey import Terms, TokenState
from fare_engine.modes import Mode
from fare_engine.network import Direction
from fare_engine.tap import Tap

_OPENS_UNMATCHED: Final = Mode.SEQUENCE_FREE | Mode.ENTRY_FREE | Mode.EXIT_FREE | Mode.EMERGENCY
_STANDS_OPEN: Final = {
    int(Direction.ENTRY): Mode.ENTRY_FREE | Mode.EMERGENCY,
    int(Direction.EXIT): Mode.EXIT_FREE | Mode.EMERGENCY,
}


def refuse(refusal: Reason, tap: Tap, terms: Terms) -> Decision:
    """A refused tap. A gate that stands open for everyone opens for it too."""
    if terms.modes & _STANDS_OPEN[tap.direction]:
        return Decision(refusal, gate_opens=True, terms=terms, modes=terms.modes)
    return Decision(refusal, gate_opens=False)


def adjust(
    decided: tuple[Decision, TokenState],
    state: TokenState,
    tap: Tap,
    station_id: str,
    terms: Terms,
) -> tuple[Decision, TokenState]:
    """What a decision made without modes comes to in those of the tap's own terms."""
    decision, after = decided
    modes = terms.modes
    if decision.closing is Closing.CONSUMED:
        if modes & Mode.EMERGENCY:
            decision = decision.replace(
                reason=Reason.EMERGENCY, fare=0, fare_waived=0, conditions=0
            )
            after = after.replace(waivers=state.waivers)
        elif modes & Mode.FARE_FREE and decision.reason is Reason.DIFFERENT_STATION:
            assert decision.terms is not None
            lowest = _lowest_fare(decision.terms, station_id, tap)
            decision = decision.replace(fare=min(decision.fare, lowest))
    elif modes & _OPENS_UNMATCHED and tap.direction == Direction.EXIT:
        fare = 0 if modes & Mode.EMERGENCY else _lowest_fare(terms, station_id, tap)
        if decision.gate_opens:  # by the tariff, or for the second tap at an exit
            fare = min(fare, decision.fare)
        decision = decision.replace(gate_opens=True, fare=fare)
    return decision.replace(modes=modes), after


def _lowest_fare(terms: Terms, station_id: str, tap: Tap) -> int:
    tariff = terms.tariff
    return tariff.discounted(tariff.fares.lowest_fare(station_id), tap.medium_type)
