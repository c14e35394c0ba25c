"""`python -m benchmarks`: the project's figures beside its goals, in one table.

Every figure is the median of rounds that alternate between the workloads, since machines are
shared. `--small` is the size that the tests run; it proves nothing but that it works.
"""

import argparse
import os
import platform
import statistics
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import uvloop
from rich.console import Console

from benchmarks import decide, load, metro, ride_codes, served, world
from benchmarks.workload import SEED, Workload, in_batches

RESULTS = Path(__file__).with_name("RESULTS.md")
SINGLE_CONNECTIONS = 64
BATCH_CONNECTIONS = 8
PEAK_TAPS_A_SECOND = 1_500


class Size(NamedTuple):
    """How much of everything: taps in the ledger before, rounds, and requests of each kind."""

    ledger_taps: int
    rounds: int
    singles: int
    batches_of_100: int
    batches_of_1000: int
    paced: int
    sm2_codes: int
    world_taps: int


CANONICAL = Size(1_000_000, 5, 40_000, 2_000, 200, 15_000, 50, world.TAPS)
SMALL = Size(2_000, 1, 200, 10, 2, 150, 2, 10_000)


class Figure(NamedTuple):
    """One line of the table; `share` is what was reached of the goal, None where there is none."""

    name: str
    measured: str
    goal: str
    share: float | None
    spread: str


def main() -> int:
    """Run all workloads and tell the figures."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--small", action="store_true", help="a size for tests")
    parser.add_argument("--rounds", type=int, help="rounds of each workload")
    parser.add_argument("--ledger-taps", type=int, help="taps in the ledger beforehand")
    options = parser.parse_args()
    size = SMALL if options.small else CANONICAL
    size = size._replace(
        rounds=options.rounds or size.rounds,
        ledger_taps=size.ledger_taps if options.ledger_taps is None else options.ledger_taps,
    )
    console = Console(stderr=True)
    with tempfile.TemporaryDirectory(prefix="fare-benchmarks-") as directory:
        figures = measure(Path(directory) / "data", size, console.print)
    text = tell(figures, size)
    print(text)
    if not options.small:
        RESULTS.write_text(text + "\n", encoding="utf-8")
    return 0


def measure(data_dir: Path, size: Size, say: Callable[[str], None]) -> list[Figure]:
    """All figures, over a ledger that holds taps already."""
    workload = Workload(SEED)
    key = metro.create(data_dir)
    say(f"filling a ledger with {size.ledger_taps:,} taps")
    metro.fill(data_dir, workload, size.ledger_taps, lambda _done: None)
    rounds: dict[str, list[float]] = {}
    late: list[float] = []
    with served.serving(data_dir) as port:
        for number in range(size.rounds):
            say(f"round {number + 1} of {size.rounds}")
            taken = _one_round(port, key, workload, size, number)
            late.append(taken.pop("late"))
            for name, value in taken.items():
                rounds.setdefault(name, []).append(value)
    sm2 = statistics.median(
        ride_codes.sm2_codes_a_second(size.sm2_codes) for _ in range(size.rounds)
    )
    rounds["codes"] = [ride_codes.codes_a_second(size.singles // 4) for _ in range(size.rounds)]
    made = [world.make(size.world_taps).seconds for _ in range(size.rounds)]
    rounds["decide"] = [decide.taps_a_second(size.singles) for _ in range(size.rounds)]
    return [
        _rate("`matching.decide` in process, duplicates checked", rounds["decide"], 1_300_000),
        _rate("durable single taps over HTTP, 64 connections", rounds["single"], 20_000),
        _latency("p99 at 1,500 single taps/s at random", rounds["p99"], 4.0, late),
        _latency("p99.9 at 1,500 single taps/s at random", rounds["p999"], 10.0, late),
        _rate("durable batches of 100, one station each", rounds["batch_100"], 100_000),
        _rate("durable batches of 1,000, gates mixed", rounds["batch_1000"], 150_000),
        _codes(rounds["codes"], sm2),
        _seconds(f"a simulated day of {size.world_taps:,} taps, made", made, 30.0),
    ]


def _one_round(
    port: int, key: str, workload: Workload, size: Size, number: int
) -> dict[str, float]:
    singles = served.single_requests(workload.mixed(size.singles), key)
    single = uvloop.run(load.closed_loop(port, SINGLE_CONNECTIONS, singles))
    hundreds = [
        served.batch_request(workload.one_station(100), key) for _ in range(size.batches_of_100)
    ]
    batch_100 = uvloop.run(load.closed_loop(port, BATCH_CONNECTIONS, hundreds, 100))
    mixed = workload.mixed(size.batches_of_1000 * 1_000)
    thousands = [served.batch_request(batch, key) for batch in in_batches(mixed, 1_000)]
    batch_1000 = uvloop.run(load.closed_loop(port, BATCH_CONNECTIONS, thousands, 1_000))
    paced_requests = served.single_requests(workload.mixed(size.paced), key)
    paced = uvloop.run(
        load.open_loop(
            port, SINGLE_CONNECTIONS, paced_requests, PEAK_TAPS_A_SECOND, seed=SEED + number
        )
    )
    return {
        "single": single,
        "batch_100": batch_100,
        "batch_1000": batch_1000,
        "p99": paced.p99_ms,
        "p999": paced.p999_ms,
        "late": paced.late_p99_ms,
    }


def _rate(name: str, values: list[float], goal: float) -> Figure:
    middle = statistics.median(values)
    return Figure(
        name,
        f"{middle:,.0f} taps/s",
        f"≥ {goal:,.0f}",
        middle / goal,
        f"{min(values):,.0f}–{max(values):,.0f}",
    )


def _codes(values: list[float], sm2: float) -> Figure:
    return Figure(
        f"ride codes verified in process, Ed25519 (SM2: {sm2:,.0f} codes/s)",
        f"{statistics.median(values):,.0f} codes/s",
        "none",
        None,
        f"{min(values):,.0f}–{max(values):,.0f}",
    )


def _latency(name: str, values: list[float], goal_ms: float, late: list[float]) -> Figure:
    middle = statistics.median(values)
    return Figure(
        f"{name} (driver's own p99 lateness {statistics.median(late):.2f} ms)",
        f"{middle:.2f} ms",
        f"≤ {goal_ms:g} ms",
        goal_ms / middle,
        f"{min(values):.2f}–{max(values):.2f}",
    )


def _seconds(name: str, values: list[float], goal_s: float) -> Figure:
    middle = statistics.median(values)
    spread = f"{min(values):.1f}–{max(values):.1f}"
    return Figure(name, f"{middle:.1f} s", f"≤ {goal_s:g} s", goal_s / middle, spread)


def tell(figures: list[Figure], size: Size) -> str:
    """The table as text that stands in a file."""
    lines = [
        "# Figures",
        "",
        f"`{' '.join(['python -m benchmarks', *sys.argv[1:]])}` of fare-engine "
        f"{version('fare-engine')} on {datetime.now(UTC):%Y-%m-%d}: "
        f"{os.cpu_count()} processors ({platform.machine()}), Python {platform.python_version()}, "
        f"{size.ledger_taps:,} taps in the ledger beforehand, 2,000 gates, seed {SEED}; medians "
        f"of {size.rounds} alternating rounds, least and greatest beside them.",
        "",
        "| figure | measured | least–greatest | goal | of the goal |",
        "|---|---|---|---|---|",
        *[
            f"| {figure.name} | {figure.measured} | {figure.spread} | {figure.goal} "
            f"| {'–' if figure.share is None else format(figure.share, '.0%')} |"
            for figure in figures
        ],
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
