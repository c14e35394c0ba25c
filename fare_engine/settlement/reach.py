"""How far back settlement of a service date reads and issues, in corrected time."""

from collections.abc import Iterable
from typing import Final, NamedTuple

from fare_engine.calendar import ServiceDay
from fare_engine.tariff import Tariff

DAY_MS: Final = 86_400_000
WAIVERS_MS: Final = 2 * DAY_MS
"""How long a waiver counts: the latest two service dates."""


class Reach(NamedTuple):
    """From when on taps are read, and from when on what they come to is issued."""

    read_from_corrected_ms: int
    issue_from_corrected_ms: int


def find_reach(tariffs: Iterable[Tariff], day: ServiceDay) -> Reach:
    """The reach of a service date: no journey and no waiver from before it can matter."""
    # A journey that was open when the date began may still be ended on it.
    longest_ms = max(tariff.journey_expiry_ms or 0 for tariff in tariffs)
    issue_from_ms = day.start_ms - longest_ms
    return Reach(issue_from_ms - max(longest_ms, DAY_MS) - WAIVERS_MS, issue_from_ms)
