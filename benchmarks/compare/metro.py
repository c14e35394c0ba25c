"""The metro of the workload in the words of the contract, and taps that no earlier pair sent."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Final

from benchmarks.workload import (
    GATES_A_STATION,
    MORNING_MS,
    PILOTS,
    SEED,
    STATIONS,
    Presented,
    Workload,
    gate_id,
    station_id,
)

WINDOW_S: Final = 15 * 60
IN_FORCE_FROM: Final = "2021-11-24T00:00:00+08:00"
DAY_MS: Final = 24 * 3_600_000


def list_stations() -> list[str]:
    """The ids of all stations."""
    return [station_id(number) for number in range(STATIONS)]


def list_policies() -> Iterator[tuple[str, dict[str, object]]]:
    """The policies to publish beside the pilot's, by station."""
    for number in range(1, PILOTS):
        yield station_id(number), _make_policy(number)


def write_network(path: Path) -> None:
    """The metro as a file that `fare-engine init --network` reads, the first station its pilot."""
    stations = list_stations()
    pairs = pairwise(stations)
    pilot = _make_policy(0) | {"station_id": station_id(0), "other_station": station_id(PILOTS)}
    lines = [
        'network_id = "bench"',
        'name = { zh = "基准", en = "Bench" }',
        'time_zone = "Asia/Shanghai"',
        'lines = [{ line_id = "1", name = { zh = "1号线", en = "Line 1" } }]',
        *_list_all(
            "stations",
            [f'{{ station_id = "{name}", name = {_name(name)} }}' for name in stations],
        ),
        *_list_all("segments", [f'["1", "{here}", "{there}", 1000]' for here, there in pairs]),
        *_list_all(
            "exits",
            [
                f'{{ station_id = "{name}", exit_id = "{letter}", name = {_name(letter)} }}'
                for name in stations
                for letter in "ABCD"
            ],
        ),
        *_list_all(
            "gates",
            [
                f'{{ gate_id = "{gate_id(station, number)}", station_id = "{name}", '
                f'exit_id = "{"ABCD"[number % 4]}", directions = ["entry", "exit"] }}'
                for station, name in enumerate(stations)
                for number in range(GATES_A_STATION)
            ],
        ),
        "[pilot]",
        *(f"{name} = {json.dumps(value)}" for name, value in pilot.items()),
    ]
    path.write_text("\n".join(lines) + "\n", "utf-8")


class PairTaps:
    """A pair's own workload: the same for both sides, new to their ledgers.

    Gates go on numbering from pair to pair, as real ones do.
    """

    def __init__(self, pair: int) -> None:
        self.pair = pair
        self._workload = Workload(SEED + 1 + pair)

    def mixed(self, count: int) -> list[Presented]:
        """As the workload's."""
        return [self._renumber(tap) for tap in self._workload.mixed(count)]

    def one_station(self, count: int) -> list[Presented]:
        """As the workload's."""
        return [self._renumber(tap) for tap in self._workload.one_station(count)]

    def _renumber(self, tap: Presented) -> Presented:
        number = tap.tap_id.rpartition(".")[2]
        return tap._replace(tap_id=f"{tap.gate_id}.20211125.{self.pair:04}{number}")


def get_oldest() -> Presented:
    """The first tap of every ledger."""
    return Workload(SEED).mixed(1)[0]


def make_crossing(number: int) -> Sequence[Presented]:
    """An entry to send before a kill, and the exit after it that has to find the entry."""
    gate = gate_id(0, 0)
    token = hashlib.sha256(f"crossing {number}".encode()).digest()[:16]
    at_ms = MORNING_MS + 2 * DAY_MS + number
    return [
        Presented(
            f"{gate}.20211126.{2 * number + place:07}",
            gate,
            direction,
            "31" + format(number, "014"),
            token,
            at_ms + place,
        )
        for place, direction in enumerate(("entry", "exit"))
    ]


def _make_policy(number: int) -> dict[str, object]:
    return {
        "window_seconds": WINDOW_S,
        "media": ["tianfutong"],
        "designated_gates": [gate_id(number, gate) for gate in range(GATES_A_STATION)],
        "effective_from": IN_FORCE_FROM,
    }


def _list_all(name: str, entries: Sequence[str]) -> list[str]:
    return [f"{name} = [", *(f"  {entry}," for entry in entries), "]"]


def _name(text: str) -> str:
    return f'{{ zh = "{text}", en = "{text}" }}'
