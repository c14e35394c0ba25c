"""`python -m benchmarks.shared_ledger`: what a commit to PostgreSQL takes, beside a naive design.

One worker over a ledger with so many taps before. Rounds alternate between commits of 100 and of
1,000 taps, and the naive design: one transaction a tap, which locks its token, inserts and updates.
Printed are taps a second of the commits alone, and of the whole engine with its loads.
"""

import argparse
import random
import time
from collections.abc import Iterator
from statistics import median
from typing import Final

import psycopg

from fare_engine.batch import Submission
from fare_engine.engine import Engine
from fare_engine.ledger.postgresql.ledger import PostgresqlLedger
from fare_engine.network import Direction
from fare_engine.ports import Changes, Loaded, Wanted
from fare_engine.published import Published
from fare_engine.states.memory import MemoryStates
from fare_engine.tap import Tap
from simulator.blackbox.postgresql_server import run_server
from tests.fare_engine.small_metro import NOON_MS, make_published, prepare_database
from tests.postgresql_server import Databases

FILL_TAPS: Final = 4_000
GATES: Final = ("FHY-A-01", "FHY-C-02")
STEP_MS: Final = 50
SETTINGS: Final = {
    "shared_buffers": "'1GB'",
    "max_wal_size": "'8GB'",
    "checkpoint_timeout": "'30min'",
}


class TimedLedger(PostgresqlLedger):
    """Counts the seconds of commits and loads."""

    committing = loading = 0.0

    def commit(self, changes: Changes) -> None:
        """Store all of it."""
        begun = time.perf_counter()
        super().commit(changes)
        self.committing += time.perf_counter() - begun

    def load(self, wanted: Wanted) -> Loaded:
        """Read what a batch needs."""
        begun = time.perf_counter()
        loaded = super().load(wanted)
        self.loading += time.perf_counter() - begun
        return loaded


class Forgetful(MemoryStates):
    """A cache that has nothing: every state is loaded, as a worker among many has to."""

    def __init__(self) -> None:
        super().__init__(0)


def make_taps(passengers: int) -> Iterator[Tap]:
    """Taps without end: passengers at random, who come in and go out in turn."""
    chosen = random.Random(42)
    inside: set[int] = set()
    number = 0
    while True:
        number += 1
        passenger = chosen.randrange(passengers)
        direction = Direction.EXIT if passenger in inside else Direction.ENTRY
        inside ^= {passenger}
        gate_id = GATES[direction is Direction.EXIT]
        yield Tap(
            f"{gate_id}.{number:010}",
            gate_id,
            int(direction),
            "tianfutong",
            passenger.to_bytes(4, "big") * 4,
            NOON_MS + number * STEP_MS,
        )


class Worker:
    """One engine over the ledger, which is sent batches of any size."""

    def __init__(self, url: str, published: Published, passengers: int) -> None:
        self.ledger = TimedLedger(url, published)
        self._engine = Engine(self.ledger, Forgetful(), published)
        self._taps = make_taps(passengers)

    def take(self, taps: int, size: int) -> float:
        """Decide and store so many taps in batches of a size; the seconds it took."""
        batches = [[next(self._taps) for _ in range(size)] for _ in range(taps // size)]
        begun = time.perf_counter()
        for batch in batches:
            now_ms = batch[-1].occurred_at_ms
            self._engine.offer(Submission(batch, now_ms, lambda _: None))
            self._engine.run_batch(now_ms)
        return time.perf_counter() - begun


class Naive:
    """A transaction a tap, over tables of its own in the same database."""

    def __init__(self, url: str, passengers: int) -> None:
        self._connection = psycopg.connect(url)
        self._random = random.Random(7)
        self._passengers = passengers
        self._number = 0
        with self._connection.transaction():
            self._connection.execute(
                "CREATE TABLE naive_taps (id BIGSERIAL PRIMARY KEY, tap_id TEXT UNIQUE,"
                " token BYTEA NOT NULL, gate TEXT, occurred_at BIGINT, fare INT)"
            )
            self._connection.execute(
                "CREATE TABLE naive_states (token BYTEA PRIMARY KEY, entered_at BIGINT)"
            )

    def take(self, taps: int) -> float:
        """Decide and store so many taps; the seconds it took."""
        begun = time.perf_counter()
        for _ in range(taps):
            self._number += 1
            token = self._random.randrange(self._passengers).to_bytes(4, "big") * 4
            with self._connection.transaction():
                self._connection.execute(
                    "SELECT entered_at FROM naive_states WHERE token = %s FOR UPDATE", (token,)
                )
                self._connection.execute(
                    "INSERT INTO naive_taps (tap_id, token, gate, occurred_at, fare)"
                    " VALUES (%s, %s, %s, %s, 200)",
                    (f"naive.{self._number:010}", token, GATES[0], self._number),
                )
                self._connection.execute(
                    "INSERT INTO naive_states VALUES (%s, %s)"
                    " ON CONFLICT (token) DO UPDATE SET entered_at = excluded.entered_at",
                    (token, self._number),
                )
        return time.perf_counter() - begun


def main() -> None:
    """Fill, measure, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rows", type=int, default=1_000_000, help="taps before")
    parser.add_argument("--taps", type=int, default=20_000, help="of each size a round")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    passengers = max(1_000, arguments.rows * 2 // 5)
    figures: dict[str, list[float]] = {}
    with run_server(SETTINGS) as server:
        url = Databases(server.url).make(prepare_database)
        worker, naive = Worker(url, make_published(), passengers), Naive(url, passengers)
        worker.take(arguments.rows, FILL_TAPS)
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("VACUUM ANALYZE")
            connection.execute("CHECKPOINT")
        for _ in range(arguments.rounds):
            for size in (100, 1_000):
                ledger = worker.ledger
                ledger.committing = ledger.loading = 0.0
                seconds = worker.take(arguments.taps, size)
                for name, took in (
                    ("commits", ledger.committing),
                    ("engine", seconds),
                    ("loads", ledger.loading),
                ):
                    figures.setdefault(f"{name} of {size:,}", []).append(arguments.taps / took)
            taps = arguments.taps // 20
            figures.setdefault("naive", []).append(taps / naive.take(taps))
        worker.ledger.close()
    base = median(figures["naive"])
    for name, rates in figures.items():
        print(
            f"{name:18} {median(rates):9,.0f} taps/s ({min(rates):,.0f} to {max(rates):,.0f}), "
            f"{median(rates) / base:.1f} × naive"
        )


if __name__ == "__main__":
    main()
