"""`python -m benchmarks.gate_action`: how long a passenger stands before the gate does something.

From the tap to the gate's action, with everything in between: reading the medium, the outbox
(durable twice), the engine or the rule alone. With an engine that decides 1,500 other taps a second
meanwhile; with one that never answers; and with the breaker open. `--small` is the tests' size.
"""

import argparse
import asyncio
import json
import random
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

import structlog

from benchmarks import metro, served
from benchmarks.workload import GATES_A_STATION, Workload, gate_id, station_id
from fare_engine.ledger.sqlite.data_directory import DataDirectory
from fare_engine.network import Direction
from gates.breaker import FAILURES_MAX
from gates.client.asynchronous import TAP_DEADLINE_S
from gates.controller import Passage
from gates.parameters import make_version
from gates.reading import Card
from gates.station import Station, StationSettings, open_station
from gates.station_file import StationFile
from gates.station_parameters import StationParameters
from gates.times import format_ms
from simulator.delivery.http_client import connect

STATION: Final = 0
BACKGROUND_A_SECOND: Final = 1_500
STATION_A_SECOND: Final = 20
"""Taps of the one station that is measured: a busy one at its peak."""

CONNECTIONS: Final = 64
SEED: Final = 42
GOAL_LIVE_MS: Final = 20.0
GOAL_SILENT_MS: Final = TAP_DEADLINE_S * 1_000 + 10


class Size(NamedTuple):
    """How many taps of each kind."""

    live: int
    silent: int
    alone: int


CANONICAL = Size(1_200, 100, 2_000)
SMALL = Size(20, 3, 20)


class Gate:
    """A barrier that stops the watch."""

    def __init__(self) -> None:
        self.acted_at_s = 0.0

    def act(self, _passage: Passage) -> None:
        """The gate moves."""
        self.acted_at_s = time.perf_counter()


class Passengers:
    """Cross the station, one after the other; how long each stood."""

    def __init__(self, station: Station) -> None:
        self._station = station
        self._chance = random.Random(SEED)
        self._gate = Gate()
        self._next_card = 1
        self._inside: list[str] = []
        self.waits_ms: list[float] = []
        self.alone = 0

    def pause_s(self) -> float:
        """Until the next of them comes."""
        return self._chance.expovariate(STATION_A_SECOND)

    async def tap(self) -> None:
        """The next of them taps."""
        if len(self._inside) < 10:
            card, direction = f"3{self._next_card:014}", Direction.ENTRY
            self._next_card += 1
            self._inside.append(card)
        else:
            card, direction = self._inside.pop(0), Direction.EXIT
        gate = gate_id(STATION, self._chance.randrange(GATES_A_STATION))
        begun_s = time.perf_counter()
        controller = self._station.controller
        passage = await controller.present(gate, direction, Card("tianfutong", card), self._gate)
        self.waits_ms.append((self._gate.acted_at_s - begun_s) * 1_000)
        self.alone += passage.alone


async def measure_live(settings: StationSettings, taps: int) -> Passengers:
    """Taps that the engine answers, arriving at random."""
    async with open_station(settings) as station:
        passengers = Passengers(station)
        for _ in range(taps):
            await asyncio.sleep(passengers.pause_s())
            await passengers.tap()
        return passengers


async def measure_silent(settings: StationSettings, taps: int) -> Passengers:
    """Taps that are all put to an engine that never answers."""
    async with open_station(settings) as station:
        station.task.cancel()
        passengers = Passengers(station)
        for _ in range(taps):
            station.controller.breaker.answered()  # or only the first three would be asked
            await passengers.tap()
        return passengers


async def measure_alone(settings: StationSettings, taps: int) -> Passengers:
    """Taps while the engine is known to be gone."""
    async with open_station(settings) as station:
        station.task.cancel()
        for _ in range(FAILURES_MAX):
            station.controller.breaker.failed()
        passengers = Passengers(station)
        for _ in range(taps):
            await passengers.tap()
        return passengers


def main() -> int:
    """Measure all three and print them beside their goals."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gate_action", description=__doc__)
    parser.add_argument("--small", action="store_true", help="a size for tests")
    parser.add_argument("--drive", nargs=2, metavar=("PORT", "KEY_FILE"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.drive:
        port, key_file = options.drive
        asyncio.run(_drive(int(port), Path(key_file).read_text("utf-8")))
        return 0
    size = SMALL if options.small else CANONICAL
    # What operators read of every tap that is decided alone is no part of the figure.
    structlog.configure(processors=[_silent])
    with tempfile.TemporaryDirectory(prefix="fare-gates-") as directory:
        _measure(Path(directory), size)
    return 0


def _measure(directory: Path, size: Size) -> None:
    engine_dir = directory / "engine"
    key = metro.create(engine_dir)
    token_key = DataDirectory(engine_dir).read_token_key()

    def settings(name: str, url: str) -> StationSettings:
        station = station_id(STATION)
        return StationSettings(station, f"{station}-1", url, directory / name, key, token_key)

    print("| time from tap to gate action | p50 | p99 | max | goal p99 | decided alone |")
    print("|---|---|---|---|---|---|")
    with served.serving(engine_dir) as port, _background(port, key, directory):
        live = asyncio.run(measure_live(settings("live", f"http://127.0.0.1:{port}"), size.live))
    _print_row(f"engine at {BACKGROUND_A_SECOND:,} other taps/s", live, GOAL_LIVE_MS)
    with _nobody_answers() as url:
        for name, measure, taps, goal_ms in (
            ("an engine that never answers", measure_silent, size.silent, GOAL_SILENT_MS),
            ("breaker open", measure_alone, size.alone, GOAL_LIVE_MS),
        ):
            station_settings = settings(name.replace(" ", "-"), url)
            _store_parameters(station_settings)
            _print_row(name, asyncio.run(measure(station_settings, taps)), goal_ms)


def _print_row(name: str, passengers: Passengers, goal_ms: float) -> None:
    waits_ms = sorted(passengers.waits_ms)
    p50, p99 = (waits_ms[int(share * len(waits_ms))] for share in (0.5, 0.99))
    print(
        f"| {name} | {p50:.2f} ms | {p99:.2f} ms | {waits_ms[-1]:.2f} ms | ≤ {goal_ms:g} ms "
        f"| {passengers.alone} of {len(waits_ms)} |",
        flush=True,
    )


@contextmanager
def _background(port: int, key: str, directory: Path) -> Iterator[None]:
    """The taps of all other stations, from a process of their own."""
    key_file = directory / "key"
    key_file.write_text(key, "utf-8")
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.gate_action", "--drive", str(port), str(key_file)],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        if not process.stdout.readline():
            raise RuntimeError("the background load did not start")
        yield
        if process.poll() is not None:
            raise RuntimeError("the background load ended before the measurement")
    finally:
        process.terminate()
        process.wait()


async def _drive(port: int, key: str) -> None:
    """Send taps at an even pace until terminated; an error as an answer ends it."""
    lines = await connect(port, CONNECTIONS)
    workload = Workload(SEED)
    begun_s = time.perf_counter()
    sent = 0
    waiting: set[asyncio.Future[tuple[int, bytes]]] = set()
    while True:
        requests = served.single_requests(workload.mixed(BACKGROUND_A_SECOND), key)
        for request in requests:
            early_s = begun_s + sent / BACKGROUND_A_SECOND - time.perf_counter()
            if early_s > 0:
                await asyncio.sleep(early_s)
            waiting.add(lines[sent % CONNECTIONS].ask(request))
            sent += 1
            if sent == BACKGROUND_A_SECOND // 2:
                print("driving", flush=True)
        done = {answer for answer in waiting if answer.done()}
        if any(answer.result()[0] != 200 for answer in done):
            sys.exit("a tap of the background was not decided")
        waiting -= done


@contextmanager
def _nobody_answers() -> Iterator[str]:
    """An address that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0), backlog=1_000) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


def _store_parameters(settings: StationSettings) -> None:
    """Leave the parameters in a controller's file, as an earlier run would have."""
    members = _members(settings.station_id)
    members["version"] = make_version(members)
    document = json.dumps(members).encode()
    with StationFile(settings.data_dir) as file:
        parameters = StationParameters(file, settings.station_id)
        parameters.adopt(document, parameters.read(document))


def _members(station: str) -> dict[str, Any]:
    since = format_ms(0)
    gates = [gate_id(STATION, number) for number in range(GATES_A_STATION)]
    name = {"zh": station, "en": station}
    policy = {
        "version": 1,
        "window_seconds": 900,
        "media": ["tianfutong"],
        "designated_gates": gates,
        "daily_limit": None,
        "effective_from": since,
        "effective_to": None,
    }
    rules = {
        "same_station_fare": 200,
        "missing_exit_fare": 200,
        "unmatched_exit": "refuse",
        "unmatched_exit_fare": 200,
        "discounts_percent": {"tianfutong": 10},
        "max_stay_minutes": 240,
        "reentry_grace_seconds": 120,
        "reexit_grace_seconds": 60,
        "clock_skew_tolerance_seconds": 30,
        "ride_code_validity_seconds": 30,
        "journey_expiry": "service_date_end",
        "service_date_cut": "04:00",
        "time_zone": "Asia/Shanghai",
    }
    return {
        "controller_id": f"{station}-1",
        "network": {"network_id": "bench", "time_zone": "Asia/Shanghai", "currency": "CNY"},
        "media": [{"type": "tianfutong", "name": name, "id_pattern": "[0-9]{10,20}"}],
        "stations": [
            {
                "station_id": station,
                "name": name,
                "gates": [{"gate_id": gate, "directions": ["entry", "exit"]} for gate in gates],
                "policies": [policy],
                "suspensions": [],
                "degraded_modes": [],
                "highest_fares": {"1": 1_000},
                "lowest_fares": {"1": 200},
            }
        ],
        "tariffs": [{"version": 1, "effective_from": since, "effective_to": None, "rules": rules}],
        "ride_code_issuers": [],
        "ride_code_validity_seconds": 30,
        "blocked": [f"{number:032x}" for number in range(10_000)],
    }


def _silent(_logger: Any, _name: str, _event: Any) -> Any:
    raise structlog.DropEvent


if __name__ == "__main__":
    sys.exit(main())
