"""One canonical workload: a metro of 100 stations and 2,000 gates, seed 42.

Half of the journeys are crossings at a pilot station (ten stations have a policy), the others go
to another station. Gates number their taps, as real ones do.
"""

import random
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from fare_engine.network import (
    Direction,
    Exit,
    Gate,
    Line,
    MediumType,
    Name,
    Network,
    Segment,
    Station,
)

SEED = 42
STATIONS = 100
GATES_A_STATION = 20
PILOTS = 10
MORNING_MS = 1_637_712_000_000
"""2021-11-24 08:00 in Chengdu."""

_BOTH = frozenset(Direction)


class Presented(NamedTuple):
    """One tap of the workload, before it is written for the wire or for the engine."""

    tap_id: str
    gate_id: str
    direction: str
    medium_id: str
    token: bytes
    occurred_at_ms: int


def station_id(number: int) -> str:
    """The id of a station of the workload."""
    return f"S{number:02}"


def make_network() -> Network:
    """A line of 100 stations, a kilometre apart, each with 20 gates at four exits."""
    stations = [station_id(number) for number in range(STATIONS)]
    return Network(
        network_id="bench",
        name=Name("基准", "Bench"),
        time_zone="Asia/Shanghai",
        lines=(Line("1", Name("1号线", "Line 1")),),
        stations=tuple(Station(name, Name(name, name)) for name in stations),
        segments=tuple(Segment("1", here, there, 1_000) for here, there in pairwise(stations)),
        exits=tuple(
            Exit(name, letter, Name(f"{letter}口", f"Exit {letter}"))
            for name in stations
            for letter in "ABCD"
        ),
        gates=tuple(
            Gate(gate_id(station, number), station_id(station), _BOTH, "ABCD"[number % 4])
            for station in range(STATIONS)
            for number in range(GATES_A_STATION)
        ),
        media=(MediumType("tianfutong", Name("天府通", "Tianfutong"), "[0-9]{10,20}"),),
    )


def gate_id(station: int, number: int) -> str:
    """The id of a gate of the workload."""
    return f"{station_id(station)}-{'ABCD'[number % 4]}-{number:02}"


class Workload:
    """Endless taps, the same for the same seed: entry after entry, each exit a little later."""

    def __init__(self, seed: int = SEED) -> None:
        self._chance = random.Random(seed)
        self._sequences: dict[str, int] = {}
        self._at_ms = MORNING_MS

    def mixed(self, count: int, *, waiting: int = 500) -> list[Presented]:
        """Taps as they come from all gates at once, with so many journeys open meanwhile."""
        chance = self._chance
        open_journeys: list[tuple[str, bytes, int]] = []
        taps: list[Presented] = []
        while len(taps) < count:
            self._at_ms += 1
            if len(open_journeys) < waiting and (len(open_journeys) < 2 or chance.random() < 0.5):
                medium_id, token = self._medium()
                station = chance.randrange(STATIONS)
                open_journeys.append((medium_id, token, station))
                direction = "entry"
            else:
                medium_id, token, station = open_journeys.pop(chance.randrange(len(open_journeys)))
                direction = "exit"
                if chance.random() < 0.5:
                    station = chance.randrange(STATIONS)
            taps.append(self._present(station, direction, medium_id, token))
        return taps

    def one_station(self, count: int) -> list[Presented]:
        """The taps of one station's controller: passengers who cross there."""
        station = self._chance.randrange(STATIONS)
        taps: list[Presented] = []
        for _ in range(count // 2):
            medium_id, token = self._medium()
            for direction in ("entry", "exit"):
                self._at_ms += 1
                taps.append(self._present(station, direction, medium_id, token))
        return taps

    def _medium(self) -> tuple[str, bytes]:
        token = self._chance.randbytes(16)
        return str(31_000_000_000_000_00 + int.from_bytes(token[:5], "big")), token

    def _present(self, station: int, direction: str, medium_id: str, token: bytes) -> Presented:
        gate = gate_id(station, self._chance.randrange(GATES_A_STATION))
        number = self._sequences[gate] = self._sequences.get(gate, 0) + 1
        return Presented(
            f"{gate}.20211124.{number:07}", gate, direction, medium_id, token, self._at_ms
        )


def in_batches(taps: Sequence[Presented], size: int) -> Iterator[Sequence[Presented]]:
    """Taps cut into batches."""
    for place in range(0, len(taps), size):
        yield taps[place : place + size]
