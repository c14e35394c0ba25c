"""The order of checks of a tap: whether it can be decided at all, before any rule looks at it.

The engine answers by it, and settlement asks it again about each tap in quarantine. A tap_id that
is known already comes before all of this (`Engine`); late and the rules come after it (`matching`).
"""

from typing import Final, NamedTuple, Protocol

from fare_engine.catalogue import Catalogue
from fare_engine.errors import (
    ClockAhead,
    DirectionNotAllowed,
    NoTariffInForce,
    TapRefused,
    UnknownGate,
    UnknownMedium,
)
from fare_engine.journey import Terms
from fare_engine.network import Gate

CLOCK_AHEAD_MAX_MS: Final = 5 * 60_000
"""A gate clock further ahead of the engine's is an error of the gate."""


class CheckedTap(Protocol):
    """What the checks read of a tap."""

    @property
    def gate_id(self) -> str:
        """The gate, as the tap names it."""

    @property
    def direction(self) -> int:
        """`Direction`, as a plain number."""

    @property
    def medium_type(self) -> str:
        """The code of the medium's type."""

    @property
    def occurred_at_ms(self) -> int:
        """The gate's clock."""


class Decidable(NamedTuple):
    """Nothing is wrong with a tap: its gate, and the terms in force there at its time."""

    gate: Gate
    terms: Terms


def check_tap(
    catalogue: Catalogue, tap: CheckedTap, now_ms: int, medium_fault: TapRefused | None = None
) -> Decidable | TapRefused:
    """The first check that a tap fails, or what decides it.

    `medium_fault` is what was found wrong with its medium at the edge, where the medium was read.
    """
    gate = catalogue.find_gate(tap.gate_id, tap.occurred_at_ms)
    if gate is None:
        known = tap.gate_id in catalogue.gates
        fault = f"gate {tap.gate_id!r} stood nowhere at occurred_at"
        return UnknownGate(fault if known else f"there is no gate {tap.gate_id!r}")
    if tap.direction not in gate.directions:
        fault = f"gate {tap.gate_id} did not take this direction at occurred_at"
        return DirectionNotAllowed(fault)
    if tap.occurred_at_ms > now_ms + CLOCK_AHEAD_MAX_MS:
        return ClockAhead("occurred_at is more than 5 minutes ahead of the engine's clock")
    if medium_fault is not None:
        return medium_fault
    if tap.medium_type not in catalogue.media:
        return UnknownMedium(f"there is no medium type {tap.medium_type!r}")
    terms = catalogue.find_terms(gate.station_id, tap.occurred_at_ms)
    if terms is None:
        return NoTariffInForce("no tariff was in force at occurred_at")
    return Decidable(gate, terms)
