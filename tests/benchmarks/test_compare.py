"""Two checkouts are measured in pairs; here this one beside itself, at the smallest size."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.compare.metro import PairTaps, get_oldest, make_crossing
from benchmarks.compare.ratios import Comparison, find_interval, make_document, make_table
from benchmarks.workload import SEED, Workload

pytestmark = pytest.mark.slow

HERE = Path(__file__).resolve().parents[2]


def run_compare(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "benchmarks.compare", "--before", str(HERE), *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )


def test_the_smallest_size_of_every_figure_is_measured_and_printed(tmp_path: Path) -> None:
    done = run_compare("--small", "--json", tmp_path / "figures.json")
    assert done.returncode == 0, done.stderr
    rows = [line for line in done.stdout.splitlines() if line.startswith("| ")][1:]
    figures = json.loads((tmp_path / "figures.json").read_text())["figures"]
    assert len(rows) == len(figures)
    measured: dict[int, list[str]] = {}
    for figure in figures:
        measured.setdefault(figure["rows"], []).append(figure["figure"])
        assert len(figure["before"]) == len(figure["after"]) == 1
    growing = ["single", "batch_1000", "processor_single", "processor_batch", "restart"]
    latencies = ["p99", "p999", "driver_late_p99"]
    smaller, larger = measured.values()
    assert sorted(smaller) == sorted([*growing, *latencies, "batch_100"])
    assert larger == growing


def test_the_environment_reaches_the_other_sides_servers() -> None:
    done = run_compare("--small", "--before-env", "FARE_LOG_FORMAT=nonsense")
    assert done.returncode != 0
    assert "FARE_LOG_FORMAT" in done.stderr


@pytest.mark.parametrize(
    ("count", "interval"),
    [(5, None), (6, (1, 6)), (8, (1, 8)), (9, (2, 8)), (20, (6, 15)), (40, (14, 27))],
)
def test_the_interval_is_what_tables_of_order_statistics_say(
    count: int, interval: tuple[float, float] | None
) -> None:
    assert find_interval([float(value) for value in range(count, 0, -1)]) == interval


def test_the_ratio_is_that_of_each_pair_and_not_of_the_medians() -> None:
    figure = Comparison("single", 1_000, [100.0, 200.0, 1_000.0], [90.0, 300.0, 1_100.0])
    assert figure.ratios == [0.9, 1.5, 1.1]
    assert make_table([figure])[-1] == (
        "| single taps over 64 connections, 1,000 rows before | more | 200 taps/s (100–1,000) "
        "| 300 taps/s (90–1,100) | 1.100 | too few pairs |"
    )
    (document,) = make_document([figure])
    assert (document["median_ratio"], document["interval"]) == (1.1, None)


def test_pairs_send_taps_that_are_new_and_the_same_for_both_sides() -> None:
    def send(pair: int) -> list[str]:
        taps = PairTaps(pair)
        return [tap.tap_id for tap in (*taps.mixed(1_000), *taps.one_station(100))]

    built = [tap.tap_id for tap in Workload(SEED).mixed(1_000)]
    crossings = [tap.tap_id for number in (0, 1) for tap in make_crossing(number)]
    assert send(0) == send(0)
    assert len({*built, *send(0), *send(1), *crossings}) == 1_000 + 2 * 1_100 + 4
    assert get_oldest().tap_id == built[0]
