"""A plan: the taps of all passengers who have one intention, step by step, each step a column."""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fare_engine.decision import Reason
from fare_engine.network import Direction
from fare_engine.tariff import MINUTE_MS, SECOND_MS
from simulator.world.chance import Chance, Ints
from simulator.world.metro import Metro, Place
from simulator.world.times import Curve, Hours

AGAIN: Final = 1
"""The gate timed out, and sends the same tap once more."""
ALONE: Final = 2
"""The gate decided by itself, and uploads what it did."""
TURNED_BACK: Final = 4
"""Nobody went through after the gate opened, and the gate reports so."""
BLOCKED: Final = 8
"""The medium is on the block list."""
SHOWN: Final = 16
"""A ride code that is shown to two gates, under one code_id."""

CARD_VARIANT: Final = 0
CODE_VARIANT: Final = 1
COMPANIONS_MAX: Final = 3
VARIANTS: Final = CODE_VARIANT + COMPANIONS_MAX + 1
"""Media of one passenger: a card, an account's ride code, and those of companions with it."""

_CARD_SHARE: Final = 0.6
_RIDE_MS_A_METRE: Final = 109
"""33 km/h, stops included."""

Bytes = NDArray[np.uint8]


class Step(NamedTuple):
    """One tap of each passenger; `who` are those who make it, None all of them."""

    who: Ints | None
    due_ms: Ints
    direction: Direction
    gates: Ints
    variants: Bytes
    expected: Bytes
    flags: int


class Plan:
    """What an intention is written in. A passenger here may be a party: a family, two evaders.

    `hers` is the medium each passenger has always. Expected reasons are what the fare rules make
    of the tap for certain, or None.
    """

    def __init__(
        self, metro: Metro, chance: Chance, hours: Hours, curve: Curve, count: int
    ) -> None:
        self.metro = metro
        self.count = count
        self._chance = chance
        self._hours = hours
        self.begin_ms = self.draw_ms(curve)
        self.hers: Bytes = (chance.share(count) >= _CARD_SHARE).astype(np.uint8)
        self.steps: list[Step] = []

    def draw_ms(self, curve: Curve) -> Ints:
        """Instants at which they come, by a curve of the day."""
        return self._hours.draw_ms(self._chance, self.count, curve)

    def between(self, low: int, high: int) -> Ints:
        """A whole number each."""
        return self._chance.between(self.count, low, high)

    def choose(self, group: Ints) -> Ints:
        """A station of a group each."""
        return group[self.between(0, len(group))]

    def choose_pairs(self) -> tuple[Ints, Ints]:
        """Where each comes from and goes to."""
        pairs = self._chance.choose(self.count, self.metro.pairs)
        return np.divmod(pairs, len(self.metro.stations))

    def stay_ms(self, stations: Ints) -> Ints:
        """Time enough to walk through a station: a twentieth to six tenths of the window."""
        window_ms = self.metro.window_ms[stations]
        window_ms = np.where(window_ms > 0, window_ms, 15 * MINUTE_MS)
        share = self._chance.share(self.count) * 0.55 + 0.05
        return (window_ms * share).astype(np.int64)

    def ride_ms(self, start: Ints, end: Ints) -> Ints:
        """A walk at both ends, a wait, and the way between two stations."""
        way_ms = self.metro.distance_m[start, end] * _RIDE_MS_A_METRE
        return way_ms + self.between(4 * MINUTE_MS, 14 * MINUTE_MS)

    def moment_ms(self, low_s: int, high_s: int) -> Ints:
        """A while, given by its bounds in seconds."""
        return self.between(low_s * SECOND_MS, high_s * SECOND_MS)

    def enter(
        self,
        stations: Ints,
        at_ms: Ints,
        expected: Reason | Bytes = Reason.ENTRY_OPENED,
        *,
        place: Place = Place.LANE,
        medium: int | None = None,
        flags: int = 0,
        who: Ints | None = None,
    ) -> None:
        """They tap at an entry."""
        self._tap(Direction.ENTRY, stations, at_ms, expected, place, medium, flags, who)

    def leave(
        self,
        stations: Ints,
        at_ms: Ints,
        expected: Reason | Bytes = Reason.SAME_STATION_WITHIN_WINDOW,
        *,
        place: Place = Place.LANE,
        medium: int | None = None,
        flags: int = 0,
        who: Ints | None = None,
    ) -> None:
        """They tap at an exit."""
        self._tap(Direction.EXIT, stations, at_ms, expected, place, medium, flags, who)

    def _tap(
        self,
        direction: Direction,
        stations: Ints,
        at_ms: Ints,
        expected: Reason | Bytes,
        place: Place,
        medium: int | None,
        flags: int,
        who: Ints | None,
    ) -> None:
        variants = self.hers if medium is None else np.full(self.count, medium, np.uint8)
        if isinstance(expected, Reason):
            expected = np.full(self.count, int(expected), np.uint8)
        if who is not None:
            stations, at_ms = stations[who], at_ms[who]
            variants, expected = variants[who], expected[who]
        gates = self.metro.tables[place, direction].choose(self._chance, stations)
        self.steps.append(Step(who, at_ms, direction, gates, variants, expected, flags))
