"""The metro that a world is made in: stations, distances and gates as columns to choose from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fare_engine.network import Direction
from simulator.world.chance import Chance, Ints

DISTANCE_M: Final = 8_000
"""Between stations of unknown distance; also where the pull of a station is halved."""
CLOCK_OFFSETS_MS: Final = (20_000, -20_000, 5_000, -12_000)
"""Wrong clocks that the tolerance of late taps still covers, however two of them meet."""
WRONG_CLOCK_EVERY: Final = 17
"""One gate of so many has such a clock; those of crossing lanes are right."""
FAR_BEHIND_MS: Final = -600_000
FAR_BEHIND_EVERY: Final = 20
"""One station without a policy of so many has an exit gate whose clock is far behind."""

GATES_MAX: Final = 65_535
"""Gates of a metro: their places are kept in 16 bits."""

CARD: Final = "tianfutong"
CODE: Final = "qr"


class Place(IntEnum):
    """Which gates of a station."""

    LANE = 0
    BESIDE = 1
    ANY = 2
    FAR_BEHIND = 3
    """With a clock that is far behind; nobody else uses it."""


class PolicyFacts(NamedTuple):
    """What a passenger knows of a crossing lane."""

    window_ms: int
    media: frozenset[str]
    daily_limit: int | None


class GateFacts(NamedTuple):
    """One gate machine."""

    gate_id: str
    directions: frozenset[Direction]
    designated: bool


class StationFacts(NamedTuple):
    """A station with gates; `pull` is how many passengers want to be there, beside others."""

    station_id: str
    name: str
    gates: tuple[GateFacts, ...]
    policy: PolicyFacts | None
    pull: int


class GateTable(NamedTuple):
    """The gates of one place and direction, station after station."""

    first: Ints
    counts: Ints
    gates: Ints

    def choose(self, chance: Chance, stations: Ints) -> Ints:
        """One gate at each of these stations, all of which have one."""
        places = chance.share(len(stations)) * self.counts[stations]
        return self.gates[self.first[stations] + places.astype(np.int64)]


@dataclass(frozen=True)
class Metro:
    """Stations and gates by index. Groups list the stations where an intention can be had."""

    stations: tuple[StationFacts, ...]
    gate_ids: tuple[str, ...]
    gate_stations: tuple[int, ...]
    clock_offset_ms: Ints
    distance_m: NDArray[np.int64]
    tables: Mapping[tuple[Place, Direction], GateTable]
    pairs: NDArray[np.float64]
    """Weights of origin and destination, row after row, added up."""
    window_ms: Ints
    daily_limit: Ints
    """By station; very large where there is no limit."""
    lanes: Ints
    """Stations whose policy takes cards and codes, with gates on the lane and beside it."""
    limited: Ints
    """Those of the lanes with a daily limit."""
    card_lanes: Ints
    """Stations whose policy takes cards and no codes."""
    plain: Ints
    """Stations without a policy."""
    far_behind: Ints
    """Stations with a gate whose clock is far behind."""

    def nearest_plain(self, stations: Ints) -> Ints:
        """The station without a policy that is nearest to each."""
        rows: Ints = np.argmin(self.distance_m[np.ix_(stations, self.plain)], axis=1)
        return self.plain[rows]


_UNLIMITED: Final = 1 << 40


def build_metro(
    stations: Sequence[StationFacts], distances: Mapping[str, Mapping[str, int]]
) -> Metro:
    """Columns of these stations, those without gates left out."""
    stations = tuple(station for station in stations if station.gates)
    gates = [(place, gate) for place, station in enumerate(stations) for gate in station.gates]
    if len(gates) > GATES_MAX:
        raise ValueError(f"a metro has at most {GATES_MAX:,} gates, not {len(gates):,}")
    plain = _list_where([_is_plain(station) for station in stations])
    far_gates = _choose_far_behind(stations, plain)
    offsets_ms = [
        FAR_BEHIND_MS if number in far_gates else _clock_offset_ms(number, gate)
        for number, (_, gate) in enumerate(gates)
    ]
    distance_m = _make_distances(stations, distances)
    lanes = [_is_lane(station, {CARD, CODE}) for station in stations]
    policies = [station.policy for station in stations]
    return Metro(
        stations=stations,
        gate_ids=tuple(gate.gate_id for _, gate in gates),
        gate_stations=tuple(place for place, _ in gates),
        clock_offset_ms=np.array(offsets_ms, np.int64),
        distance_m=distance_m,
        tables={
            (place, direction): _make_table(len(stations), gates, place, direction, far_gates)
            for place in Place
            for direction in Direction
        },
        pairs=_make_pairs(stations, distance_m),
        window_ms=np.array([policy.window_ms if policy else 0 for policy in policies], np.int64),
        daily_limit=np.array(
            [(policy and policy.daily_limit) or _UNLIMITED for policy in policies], np.int64
        ),
        lanes=_list_where(lanes),
        limited=_list_where(
            [
                bool(lane and policy and policy.daily_limit)
                for lane, policy in zip(lanes, policies, strict=True)
            ]
        ),
        card_lanes=_list_where([_is_lane(station, {CARD}) for station in stations]),
        plain=plain,
        far_behind=np.array(sorted({gates[number][0] for number in far_gates}), np.int64),
    )


def _list_where(held: Sequence[bool]) -> Ints:
    return np.flatnonzero(np.array(held, bool)).astype(np.int64)


def _directions(gates: Sequence[GateFacts]) -> set[Direction]:
    return {direction for gate in gates for direction in gate.directions}


def _is_plain(station: StationFacts) -> bool:
    return station.policy is None and _directions(station.gates) == set(Direction)


def _is_lane(station: StationFacts, media: set[str]) -> bool:
    lane = [gate for gate in station.gates if gate.designated]
    beside = [gate for gate in station.gates if not gate.designated]
    return (
        station.policy is not None
        and station.policy.media & {CARD, CODE} == media
        and _directions(lane) == _directions(beside) == set(Direction)
    )


def _clock_offset_ms(number: int, gate: GateFacts) -> int:
    if gate.designated or number % WRONG_CLOCK_EVERY:
        return 0
    return CLOCK_OFFSETS_MS[number // WRONG_CLOCK_EVERY % len(CLOCK_OFFSETS_MS)]


def _choose_far_behind(stations: Sequence[StationFacts], plain: Ints) -> set[int]:
    """The last exit gate of some stations, where another one is left for everybody else."""
    first, chosen, candidates = 0, set(), 0
    wanted = set(plain.tolist())
    for place, station in enumerate(stations):
        exits = [
            first + number
            for number, gate in enumerate(station.gates)
            if Direction.EXIT in gate.directions
        ]
        only = [at for at in exits if len(station.gates[at - first].directions) == 1]
        if place in wanted and len(exits) > 1 and only:
            if candidates % FAR_BEHIND_EVERY == 0:
                chosen.add(only[-1])
            candidates += 1
        first += len(station.gates)
    return chosen


def _make_table(
    stations: int,
    gates: Sequence[tuple[int, GateFacts]],
    place: Place,
    direction: Direction,
    far_gates: set[int],
) -> GateTable:
    chosen = [
        (station, number)
        for number, (station, gate) in enumerate(gates)
        if direction in gate.directions and _is_at(place, gate, number in far_gates)
    ]
    counts = np.bincount(
        np.array([station for station, _ in chosen], np.int64), minlength=stations
    ).astype(np.int64)
    first = np.cumsum(counts) - counts
    return GateTable(first, counts, np.array([number for _, number in chosen], np.int64))


def _is_at(place: Place, gate: GateFacts, is_far_behind: bool) -> bool:
    if is_far_behind or place is Place.FAR_BEHIND:
        return is_far_behind and place is Place.FAR_BEHIND
    return place is Place.ANY or gate.designated == (place is Place.LANE)


def _make_distances(
    stations: Sequence[StationFacts], distances: Mapping[str, Mapping[str, int]]
) -> NDArray[np.int64]:
    rows = [distances.get(station.station_id, {}) for station in stations]
    return np.array(
        [[row.get(other.station_id, DISTANCE_M) for other in stations] for row in rows], np.int64
    )


def _make_pairs(
    stations: Sequence[StationFacts], distance_m: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Like gravity: by the pull of both ends, less with the square of the distance."""
    pull = np.array([float(station.pull) for station in stations])
    apart = distance_m / DISTANCE_M
    weights = pull[:, None] * pull[None, :] / (1.0 + apart * apart)
    np.fill_diagonal(weights, 0.0)
    for place, station in enumerate(stations):
        if _directions(station.gates) != set(Direction):
            weights[place, :] = weights[:, place] = 0.0
    return np.cumsum(weights.ravel())
