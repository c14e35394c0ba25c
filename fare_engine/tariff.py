"""The tariff: the versioned fare rules of the network, with every tolerance a decision reads."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from fare_engine.calendar import ServiceCalendar
from fare_engine.network import FareTable

SECOND_MS = 1_000
MINUTE_MS = 60 * SECOND_MS


@dataclass(frozen=True, slots=True)
class Tariff:
    """One version of the fare rules. Money is integer fen, time whole milliseconds.

    `journey_expiry_ms` None: a journey expires at the end of its service date. An unmatched exit
    stays shut (`unmatched_exit_opens` False) or opens and takes `unmatched_exit_fare`. Defaults
    are Chengdu's.
    """

    version: int
    effective_from_ms: int
    fares: FareTable
    effective_to_ms: int | None = None
    same_station_fare: int = 200
    missing_exit_fare: int = 200
    unmatched_exit_opens: bool = False
    unmatched_exit_fare: int = 200
    discounts_percent: Mapping[str, int] = field(default_factory=dict)
    max_stay_ms: int = 240 * MINUTE_MS
    reentry_grace_ms: int = 120 * SECOND_MS
    reexit_grace_ms: int = 60 * SECOND_MS
    clock_skew_tolerance_ms: int = 30 * SECOND_MS
    ride_code_validity_ms: int = 30 * SECOND_MS
    journey_expiry_ms: int | None = None
    calendar: ServiceCalendar = field(default_factory=ServiceCalendar)
    note: str = ""

    def discounted(self, fare: int, medium_type: str) -> int:
        """A fare after the discount of a medium's type, rounded half up to the fen."""
        percent = self.discounts_percent.get(medium_type)
        return (fare * (100 - percent) + 50) // 100 if percent else fare
