"""The section `http`: a real server over a ledger that holds taps already, loaded by gates."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median

import uvloop

from benchmarks import load, metro, served
from benchmarks.figures import Figure, latency, rate
from benchmarks.sizes import Size
from benchmarks.workload import SEED, Workload, in_batches

SINGLE_CONNECTIONS = 64
BATCH_CONNECTIONS = 8
PEAK_TAPS_A_SECOND = 1_500


def measure(size: Size, say: Callable[[str], None]) -> list[Figure]:
    """Durable taps, alone and in batches, and how long gates wait at a peak."""
    workload = Workload(SEED)
    rounds: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory(prefix="fare-benchmarks-") as directory:
        data_dir = Path(directory) / "data"
        key = metro.create(data_dir)
        say(f"filling a ledger with {size.ledger_taps:,} taps")
        metro.fill(data_dir, workload, size.ledger_taps, lambda _done: None)
        with served.serving(data_dir) as port:
            say("over HTTP: just after the start")
            busy = _batches_of_1000(port, key, workload, size)
            for number in range(size.rounds):
                say(f"over HTTP: round {number + 1} of {size.rounds}")
                for name, value in _one_round(port, key, workload, size, number).items():
                    rounds.setdefault(name, []).append(value)
    late = f"(driver's own p99 lateness {median(rounds['late']):.2f} ms)"
    return [
        rate("durable single taps over HTTP, 64 connections", rounds["single"], 20_000),
        latency(f"p99 at 1,500 single taps/s at random {late}", rounds["p99"], 4.0),
        latency(f"p99.9 at 1,500 single taps/s at random {late}", rounds["p999"], 10.0),
        rate("durable batches of 100, one station each", rounds["batch_100"], 60_000),
        rate("durable batches of 1,000, gates mixed", rounds["batch_1000"], 65_000),
        rate("the same once, just after a start behind a burst of all those taps", [busy], None),
    ]


def _one_round(
    port: int, key: str, workload: Workload, size: Size, number: int
) -> dict[str, float]:
    served.wait_until_at_rest(port)
    singles = served.single_requests(workload.mixed(size.singles), key)
    single = uvloop.run(load.closed_loop(port, SINGLE_CONNECTIONS, singles))
    hundreds = [
        served.batch_request(workload.one_station(100), key) for _ in range(size.batches_of_100)
    ]
    batch_100 = uvloop.run(load.closed_loop(port, BATCH_CONNECTIONS, hundreds, 100))
    batch_1000 = _batches_of_1000(port, key, workload, size)
    paced_requests = served.single_requests(workload.mixed(size.paced), key)
    latencies = uvloop.run(
        load.open_loop(
            port, SINGLE_CONNECTIONS, paced_requests, PEAK_TAPS_A_SECOND, seed=SEED + number
        )
    )
    paced = load.summarise([latencies])
    return {
        "single": single,
        "batch_100": batch_100,
        "batch_1000": batch_1000,
        "p99": paced.p99_ms,
        "p999": paced.p999_ms,
        "late": paced.late_p99_ms,
    }


def _batches_of_1000(port: int, key: str, workload: Workload, size: Size) -> float:
    """Taps a second in batches of all gates."""
    mixed = workload.mixed(size.batches_of_1000 * 1_000)
    requests = [served.batch_request(batch, key) for batch in in_batches(mixed, 1_000)]
    return uvloop.run(load.closed_loop(port, BATCH_CONNECTIONS, requests, 1_000))
