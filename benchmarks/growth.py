"""The section `growth`: whether a tap costs more, the more taps the ledger holds.

One ledger grows through the engine itself. At each size: the whole engine in batches of 1,000, the
ledger's share of it, and how long a server that was killed takes to answer rightly again.
"""

import signal
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from benchmarks import metro, served
from benchmarks.figures import Figure, duration, rate
from benchmarks.sizes import Size
from benchmarks.workload import Presented, Workload, in_batches
from fare_engine.engine import Engine
from fare_engine.ledger.sqlite.data_directory import DataDirectory
from fare_engine.ledger.sqlite.ledger import SqliteLedger
from fare_engine.opening import open_engine
from fare_engine.ports import Changes, Loaded, Wanted

BATCH_TAPS = 1_000
ROWS_GOAL = 200_000
RESTART_GOAL_S = 2.0
REPORT_ROWS = 1_000_000


def measure(size: Size, say: Callable[[str], None]) -> list[Figure]:
    """All figures at one size of the ledger after the other."""
    workload = Workload()
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory(prefix="fare-growth-") as directory:
        data_dir = Path(directory) / "data"
        key = metro.create(data_dir)
        oldest = workload.mixed(2)[0]
        metro.store(data_dir, [oldest])
        rows = 1
        for wanted in size.ledger_sizes:
            missing = max(0, wanted - rows)
            metro.fill(data_dir, workload, missing, _make_progress(say, rows, wanted))
            rows += missing
            say(f"measuring with {rows:,} rows")
            figures += _measure_at(data_dir, workload, size, wanted)
            rows += 2 * size.growth_batches * BATCH_TAPS * size.rounds
            passenger = workload.one_station(2 * size.rounds)
            seconds = [
                _restart(data_dir, key, oldest, *passenger[place : place + 2])
                for place in range(0, len(passenger), 2)
            ]
            name = f"killed with {rows:,} rows, started, two right answers"
            figures.append(duration(name, seconds, RESTART_GOAL_S))
            rows += len(passenger)
    return figures


def _make_progress(say: Callable[[str], None], before: int, wanted: int) -> Callable[[int], None]:
    """Shows every million rows how far the ledger has grown, and how fast."""
    begun = time.perf_counter()
    reported = before // REPORT_ROWS

    def report(done: int) -> None:
        nonlocal reported
        if (before + done) // REPORT_ROWS > reported:
            reported = (before + done) // REPORT_ROWS
            pace = done / (time.perf_counter() - begun)
            left_min = (wanted - before - done) / pace / 60
            say(f"{before + done:,} of {wanted:,} rows, {pace:,.0f}/s, {left_min:.0f} min to go")

    return report


class _WatchedLedger(SqliteLedger):
    """The ledger, with a watch on it."""

    spent_s = 0.0

    def load(self, wanted: Wanted) -> Loaded:
        begun = time.perf_counter()
        loaded = super().load(wanted)
        self.spent_s += time.perf_counter() - begun
        return loaded

    def commit(self, changes: Changes) -> None:
        begun = time.perf_counter()
        super().commit(changes)
        self.spent_s += time.perf_counter() - begun

    def confirm(self) -> None:
        begun = time.perf_counter()
        super().confirm()
        self.spent_s += time.perf_counter() - begun


def _measure_at(data_dir: Path, workload: Workload, size: Size, rows: int) -> list[Figure]:
    ledger_path, published = DataDirectory(data_dir).open().ledger_path, metro.load(data_dir)
    whole: list[float] = []
    stored: dict[str, list[float]] = {"gates mixed": [], "one station each": []}
    count = size.growth_batches * BATCH_TAPS
    with open_engine(partial(_WatchedLedger, ledger_path), published) as (engine, ledger):
        for thread in threading.enumerate():
            if thread.name == "ledger-tokens":
                thread.join()  # what a server reads beside its first taps is no part of the figure
        for _ in range(size.rounds):
            mixed = list(in_batches(workload.mixed(count), BATCH_TAPS))
            one_station = [workload.one_station(BATCH_TAPS) for _ in range(size.growth_batches)]
            for name, batches in (("gates mixed", mixed), ("one station each", one_station)):
                ledger.spent_s = 0.0
                taken_s = _process(engine, batches)
                stored[name].append(count / ledger.spent_s)
                if name == "gates mixed":
                    whole.append(count / taken_s)
    return [
        rate(f"engine with its ledger, batches of 1,000, {rows:,} rows before", whole),
        *(
            rate(
                f"ledger alone, commits of 1,000, {name}, {rows:,} rows before",
                values,
                ROWS_GOAL,
                "rows/s",
            )
            for name, values in stored.items()
        ),
    ]


def _process(engine: Engine, batches: Sequence[Sequence[Presented]]) -> float:
    made = [[metro.as_tap(tap) for tap in batch] for batch in batches]
    begun = time.perf_counter()
    for taps in made:
        engine.process(taps, taps[-1].occurred_at_ms)
    return time.perf_counter() - begun


def _restart(
    data_dir: Path, key: str, oldest: Presented, entry: Presented, leaving: Presented
) -> float:
    """Seconds from starting the process to its second right answer, after a kill.

    Right: the oldest tap gets its first decision, and an exit finds the entry of before the kill.
    """
    with served.serving(data_dir, ends_by=signal.SIGKILL) as port:
        served.send_batch(port, key, [entry])
    begun = time.perf_counter()
    with served.serving(data_dir) as port:
        again, left = served.send_batch(port, key, [oldest, leaving])
        taken = time.perf_counter() - begun
    if again["reason"] != "entry_opened" or left["journey"]["entry_tap_id"] != entry.tap_id:
        raise AssertionError(f"not the right answers: {again}, {left}")
    return taken
