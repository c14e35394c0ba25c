"""When passengers come: by the curve of a day with its peaks, or evenly between two instants."""

from collections.abc import Mapping
from datetime import date, datetime, time
from typing import Final, NamedTuple, Protocol
from zoneinfo import ZoneInfo

import numpy as np

from fare_engine.calendar import to_ms
from fare_engine.tariff import MINUTE_MS
from simulator.world.chance import Chance, Ints

ZONE: Final = "Asia/Shanghai"
CUT_MS: Final = 4 * 60 * MINUTE_MS
"""A service date begins at 04:00."""
DAY_MS: Final = 24 * 60 * MINUTE_MS
MONDAY: Final = date(2025, 3, 3)
"""The day that is simulated where none is named."""

_ZONE_AHEAD_MS: Final = 8 * 60 * MINUTE_MS
"""Chengdu's clocks have stood so far ahead of UTC since 1991, summer and winter."""


class Curve:
    """How many passengers come at which full hour; straight lines join the hours."""

    def __init__(self, weight_by_hour: Mapping[int, int]) -> None:
        weights = [weight_by_hour.get(hour, 0) for hour in range(25)]
        by_minute = [
            weights[hour] * (60 - minute) + weights[hour + 1] * minute
            for hour in range(24)
            for minute in range(60)
        ]
        self.cumulative: Ints = np.cumsum(np.array(by_minute, np.int64))

    def draw_ms(self, chance: Chance, count: int) -> Ints:
        """Times of day in milliseconds since midnight."""
        minutes = chance.choose(count, self.cumulative)
        return minutes * MINUTE_MS + chance.between(count, 0, MINUTE_MS)


WEEKDAY: Final = Curve(
    {6: 1, 7: 7, 8: 13, 9: 8, **dict.fromkeys(range(10, 16), 4)}
    | {16: 5, 17: 9, 18: 13, 19: 7, 20: 5, 21: 4, 22: 2}
)
MORNING: Final = Curve({6: 1, 7: 7, 8: 12, 9: 6, 10: 1})
EVENING: Final = Curve({16: 2, 17: 8, 18: 12, 19: 6, 20: 3, 21: 2, 22: 1})
NIGHT: Final = Curve({22: 1, 23: 1})


class Hours(Protocol):
    """The stretch of time in which passengers begin."""

    def draw_ms(self, chance: Chance, count: int, curve: Curve) -> Ints:
        """Instants, milliseconds since 1970."""


class Day:
    """A whole day by its curves."""

    def __init__(self, day: date = MONDAY) -> None:
        self.midnight_ms = to_ms(datetime.combine(day, time(tzinfo=ZoneInfo(ZONE))))

    def draw_ms(self, chance: Chance, count: int, curve: Curve) -> Ints:
        """As `Hours`."""
        return self.midnight_ms + curve.draw_ms(chance, count)


class Between(NamedTuple):
    """Any two instants, evenly, without the day's curve."""

    from_ms: int
    to_ms: int

    def draw_ms(self, chance: Chance, count: int, _curve: Curve) -> Ints:
        """As `Hours`."""
        return chance.between(count, self.from_ms, self.to_ms)


def next_cut_ms(at_ms: Ints) -> Ints:
    """The first instant of the service date after that of each instant."""
    shift_ms = _ZONE_AHEAD_MS - CUT_MS
    return (at_ms + shift_ms) // DAY_MS * DAY_MS + DAY_MS - shift_ms


def service_day_number(at_ms: int) -> int:
    """The service date of an instant, in days since 1970."""
    return (at_ms + _ZONE_AHEAD_MS - CUT_MS) // DAY_MS
