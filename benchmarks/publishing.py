"""`python -m benchmarks.publishing`: what taps wait for while a whole fare table is published.

One client taps without a break at a steady pace; meanwhile another one publishes a fare for each
pair of the built-in network's stations, reads it back, and sends a table that is wrong. The
longest wait of a tap in each of these is printed beside that of a stretch without them: on a
machine that others use too, only what every round shows is the publishing's.
"""

import argparse
import http.client
import json
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from benchmarks.served import running
from fare_engine.documents import rules_document
from fare_engine.ledger.sqlite.place import EmbeddedPlace
from fare_engine.network_file import read_builtin
from fare_engine.setup import initialise, make_first_tariff

PAUSE_S: Final = 0.002
REST_S: Final = 0.5
TAPPED_AT: Final = "2026-11-24T08:15:30.120+08:00"
NOW_MS: Final = 1_795_500_000_000


class Tapper(threading.Thread):
    """Sends taps one after the other and remembers how long each took."""

    def __init__(self, port: int, key: str) -> None:
        super().__init__(daemon=True)
        self._connection = http.client.HTTPConnection("127.0.0.1", port)
        self._headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
        self._over = threading.Event()
        self.waits: list[tuple[float, float]] = []

    def run(self) -> None:
        """Tap until it is over."""
        number = 0
        while not self._over.wait(PAUSE_S):
            number += 1
            tap = {
                "tap_id": f"FHY-A-01.20261124.{number:08}",
                "gate_id": "FHY-A-01",
                "direction": "entry",
                "medium": {"type": "tianfutong", "id": f"31048705{number:08}"},
                "occurred_at": TAPPED_AT,
            }
            begun = time.perf_counter()
            self._connection.request("POST", "/v1/taps", json.dumps(tap), self._headers)
            answer = self._connection.getresponse()
            answer.read()
            if answer.status != 200:
                raise AssertionError(answer.status)
            self.waits.append((begun, 1_000 * (time.perf_counter() - begun)))

    def stop(self) -> None:
        """End it, and wait for the last answer."""
        self._over.set()
        self.join()

    def longest_wait_ms(self, begun: float, ended: float) -> float:
        """The longest wait of a tap that was sent in a stretch of time."""
        return max((wait for at, wait in [*self.waits] if begun <= at <= ended), default=0.0)


def make_table() -> bytes:
    """A tariff with a fare for each pair of the built-in network's stations."""
    builtin = read_builtin("chengdu")
    names = [station.station_id for station in builtin.network.stations]
    table = [
        [origin, to, 200 + (place + 3 * number) % 9 * 100]
        for place, origin in enumerate(names)
        for number, to in enumerate(names)
        if origin != to
    ]
    rules = rules_document(make_first_tariff(builtin))
    dates = {"effective_from": "2027-01-01T00:00:00+08:00"}
    return json.dumps(rules | dates | {"explicit_fares": table}, separators=(",", ":")).encode()


def measure(rounds: int) -> dict[str, list[float]]:
    """By what was done, the longest wait of a tap meanwhile, round by round, in milliseconds."""
    table = make_table()
    wrong = table.replace(b'"FHY"', b'"NOPE"')
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder, "data")
        keys = initialise(EmbeddedPlace(directory), now_ms=NOW_MS)
        with running(directory) as server:

            def call(method: str, path: str, body: bytes | None, status: int) -> None:
                connection = http.client.HTTPConnection("127.0.0.1", server.port)
                headers = {"authorization": f"Bearer {keys.admin_key}"}
                connection.request(method, path, body, headers)
                answer = connection.getresponse()
                answer.read()
                connection.close()
                if answer.status != status:
                    raise AssertionError(answer.status)

            works: dict[str, Callable[[], Any]] = {
                "nothing": lambda: time.sleep(REST_S),
                "published": lambda: call("POST", "/v1/tariffs", table, 201),
                "read back": lambda: call("GET", "/v1/tariffs/2", None, 200),
                "listed": lambda: call("GET", "/v1/tariffs", None, 200),
                "refused": lambda: call("POST", "/v1/tariffs", wrong, 422),
            }
            tapper = Tapper(server.port, keys.gate_key)
            tapper.start()
            waits: dict[str, list[float]] = {name: [] for name in works}
            for _ in range(rounds):
                for name, work in works.items():
                    begun = time.perf_counter()
                    work()
                    time.sleep(PAUSE_S * 5)
                    waits[name].append(tapper.longest_wait_ms(begun, time.perf_counter()))
                    time.sleep(REST_S)
            tapper.stop()
    return waits


def format_waits(waits: dict[str, list[float]]) -> list[str]:
    """The figures as lines of a table."""
    head = ["| a full fare table is | least | median | most |", "|---|---|---|---|"]

    def row(name: str, found: Sequence[float]) -> str:
        return (
            f"| {name} | {min(found):.1f} ms | {statistics.median(found):.1f} ms "
            f"| {max(found):.1f} ms |"
        )

    return [*head, *(row(name, found) for name, found in waits.items())]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.publishing", description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    options = parser.parse_args()
    print("Longest wait of a tap meanwhile, over the rounds:\n")
    print("\n".join(format_waits(measure(options.rounds))))


if __name__ == "__main__":
    main()
