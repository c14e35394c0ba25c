"""Whether a tap in quarantine can be decided by now: what it names was repaired meanwhile."""

from fare_engine.catalogue import Catalogue
from fare_engine.engine import CLOCK_AHEAD_MAX_MS
from fare_engine.errors import (
    ClockAhead,
    DirectionNotAllowed,
    MediumIdInvalid,
    NoTariffInForce,
    UnknownGate,
    UnknownMedium,
)


def find_problem(
    catalogue: Catalogue,
    first_problem: str,
    gate_id: str,
    direction: int,
    medium_type: str,
    occurred_at_ms: int,
    now_ms: int,
) -> str | None:
    """The code of what still stands in the way, in the order of checks; None when nothing does.

    An id that did not fit its medium's pattern was not kept, so it can never be looked at again.
    """
    gate = catalogue.gates.get(gate_id)
    if gate is None:
        return UnknownGate.code
    if direction not in gate.directions:
        return DirectionNotAllowed.code
    if occurred_at_ms > now_ms + CLOCK_AHEAD_MAX_MS:
        return ClockAhead.code
    if medium_type not in catalogue.media:
        return UnknownMedium.code
    if first_problem == MediumIdInvalid.code:
        return MediumIdInvalid.code
    if catalogue.find_terms(gate.station_id, occurred_at_ms) is None:
        return NoTariffInForce.code
    return None
