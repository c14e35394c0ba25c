"""The network as the fare rules see it: lines, stations, exits, gates and the media they take."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import IntEnum
from itertools import chain
from typing import Final

from fare_engine.explicit_fares import ExplicitFares
from fare_engine.versions import ALWAYS_MS


class Direction(IntEnum):
    """Into the paid area or out of it."""

    ENTRY = 1
    EXIT = 2


DIRECTIONS: Final = {"entry": Direction.ENTRY, "exit": Direction.EXIT}
"""The contract's words for directions."""
DIRECTION_WORDS: Final[dict[int, str]] = {way: word for word, way in DIRECTIONS.items()}


@dataclass(frozen=True, slots=True)
class Name:
    """A name in Chinese and in English."""

    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the network; several lines may meet in one station."""

    line_id: str
    name: Name
    colour: str = "#888888"


@dataclass(frozen=True, slots=True)
class Exit:
    """One way between the street and the concourse of a station."""

    station_id: str
    exit_id: str
    name: Name


@dataclass(frozen=True, slots=True)
class Gate:
    """One gate machine (AGM) where it stands from an instant on, and what it does there.

    `number` is its small integer in the ledger, given once and never used again for another.
    `effective_from_ms` is the first instant of this placement, and `earlier` are those before it,
    oldest first. A gate without directions was taken down: it takes no taps.
    """

    gate_id: str
    station_id: str
    directions: frozenset[Direction]
    exit_id: str | None = None
    controller: str | None = None
    number: int = 0
    effective_from_ms: int = -ALWAYS_MS
    earlier: tuple["Gate", ...] = ()

    @property
    def placements(self) -> "tuple[Gate, ...]":
        """Everywhere it stood, stands and will stand, oldest first."""
        return (*self.earlier, replace(self, earlier=()) if self.earlier else self)

    def find_at(self, at_ms: int) -> "Gate | None":
        """The gate as it stands at an instant; None before its first placement."""
        if at_ms >= self.effective_from_ms:
            return self
        return next((one for one in reversed(self.earlier) if at_ms >= one.effective_from_ms), None)

    def at(self, at_ms: int) -> "Gate":
        """The gate as it stands at an instant; before its first placement, as in that one."""
        return self.find_at(at_ms) or self.placements[0]


def put_in_sequence(placements: Iterable[Gate]) -> Gate:
    """One gate of its placements; one that only repeats the one before it is left out."""
    kept: list[Gate] = []
    for one in sorted(placements, key=lambda placement: placement.effective_from_ms):
        if not kept or replace(one, effective_from_ms=kept[-1].effective_from_ms) != kept[-1]:
            kept.append(one)
    *earlier, latest = kept
    return replace(latest, earlier=tuple(earlier))


@dataclass(frozen=True, slots=True)
class Station:
    """The fare location: a station on three lines is one station."""

    station_id: str
    name: Name
    latitude: float | None = None
    longitude: float | None = None


@dataclass(frozen=True, slots=True)
class Segment:
    """Two neighbouring stations on one line and the metres between them, in both directions."""

    line_id: str
    from_station_id: str
    to_station_id: str
    distance_m: int


@dataclass(frozen=True, slots=True)
class MediumType:
    """A kind of medium that gates take, with the pattern its ids must match as a whole."""

    code: str
    name: Name
    id_pattern: str
    number: int = 0


@dataclass(frozen=True, slots=True)
class Network:
    """A metro network: the facts that fares and taps refer to."""

    network_id: str
    name: Name
    time_zone: str
    currency: str = "CNY"
    lines: tuple[Line, ...] = ()
    stations: tuple[Station, ...] = ()
    segments: tuple[Segment, ...] = ()
    exits: tuple[Exit, ...] = ()
    gates: tuple[Gate, ...] = ()
    media: tuple[MediumType, ...] = ()


_WHOLE_NETWORK: Final = ""
"""Where the highest fare of all is remembered, among those of the stations."""

Distances = Mapping[str, Mapping[str, int]]
"""Shortest distances in metres, from station to station."""


@dataclass(frozen=True, slots=True)
class FareTable:
    """Single fares before any discount, in fen, from station to station.

    An explicit origin–destination fare beats the distance bands. Rows are made when first asked
    for, since a day uses few of the hundred thousand pairs of a network.
    """

    distances: Distances = field(repr=False)
    bands: "DistanceBands"
    explicit: Mapping[tuple[str, str], int] = field(default_factory=dict, repr=False)
    """Given by pair in any mapping, and kept as `ExplicitFares`."""
    _rows: dict[str, dict[str, int]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )
    _highest: dict[str, int] = field(default_factory=dict, init=False, repr=False, compare=False)
    _lowest: dict[str, int] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "explicit", ExplicitFares.from_pairs(self.explicit))

    @property
    def table(self) -> ExplicitFares:
        """The explicit fares by origin."""
        assert isinstance(self.explicit, ExplicitFares)
        return self.explicit

    def fare(self, origin: str, destination: str) -> int:
        """The single fare of a pair in fen; KeyError where neither table nor track joins them."""
        return (self._rows.get(origin) or self._make_row(origin))[destination]

    def highest_fare(self, station_id: str) -> int:
        """The network's highest single fare from a station, in fen."""
        highest = self._highest.get(station_id)
        if highest is None:
            highest = self._highest[station_id] = max(self._to_others(station_id))
        return highest

    def find_highest_fare(self) -> int:
        """The network's highest single fare between any two stations, in fen.

        No rows are made for it: it is asked once, of a network whose rows are hardly used.
        """
        highest = self._highest.get(_WHOLE_NETWORK)
        if highest is None:
            explicit, fare = self.explicit, self.bands.fare
            distances = self.distances if self.bands.upper_bounds else {}
            listed = (one for (origin, to), one in explicit.items() if origin != to)
            by_distance = (
                fare(distance_m)
                for origin, metres in distances.items()
                for to, distance_m in metres.items()
                if origin != to and (origin, to) not in explicit
            )
            highest = max(chain(listed, by_distance), default=self._fare_of_no_distance())
            self._highest[_WHOLE_NETWORK] = highest
        return highest

    def lowest_fare(self, station_id: str) -> int:
        """The network's lowest single fare from a station to another, in fen."""
        lowest = self._lowest.get(station_id)
        if lowest is None:
            lowest = self._lowest[station_id] = min(self._to_others(station_id))
        return lowest

    def _to_others(self, station_id: str) -> list[int]:
        row = self._rows.get(station_id) or self._make_row(station_id)
        others = [fare for other, fare in row.items() if other != station_id]
        return others or [self._fare_of_no_distance()]

    def _fare_of_no_distance(self) -> int:
        return self.bands.fare(0) if self.bands.upper_bounds else 0

    def _make_row(self, origin: str) -> dict[str, int]:
        row = dict(self.table.get_row(origin))
        metres = self.distances.get(origin, {}) if self.bands.upper_bounds else {}
        for station, distance_m in metres.items():
            if station not in row:
                row[station] = self.bands.fare(distance_m)
        self._rows[origin] = row
        return row


@dataclass(frozen=True, slots=True)
class DistanceBands:
    """Fares by distance: metres with the bound inclusive, and fen.

    Beyond the last bound, each further stretch begun adds so much. Without any bound distances
    price nothing.
    """

    upper_bounds: tuple[tuple[int, int], ...]
    further_m: int
    further_fare: int

    def fare(self, distance_m: int) -> int:
        """The fare of a distance in fen."""
        for bound_m, fare in self.upper_bounds:
            if distance_m <= bound_m:
                return fare
        last_bound_m, last_fare = self.upper_bounds[-1]
        stretches = -(-(distance_m - last_bound_m) // self.further_m)
        return last_fare + stretches * self.further_fare


NO_BANDS = DistanceBands((), 0, 0)
"""Of a network that is priced by its table alone."""

CHENGDU_BANDS = DistanceBands(
    upper_bounds=(
        (4_000, 200),
        (8_000, 300),
        (12_000, 400),
        (18_000, 500),
        (24_000, 600),
        (32_000, 700),
        (40_000, 800),
        (50_000, 900),
        (70_000, 1_000),
    ),
    further_m=20_000,
    further_fare=100,
)
"""Chengdu Metro's distance bands."""
