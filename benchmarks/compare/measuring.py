"""One side's share of a pair: started after a kill, measured at rest, and killed again."""

import gc
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from signal import Signals
from typing import Final, NamedTuple

import uvloop

from benchmarks import load, served
from benchmarks.compare.checkout import Checkout
from benchmarks.compare.ledgers import Ledger
from benchmarks.compare.metro import PairTaps, get_oldest, make_crossing
from benchmarks.workload import SEED, Presented, in_batches

SINGLE_CONNECTIONS: Final = 64
BATCH_CONNECTIONS: Final = 8
PEAK_TAPS_A_SECOND: Final = 1_500

SINGLES_A_SECOND: Final = 12_000
BATCHES_OF_100_A_SECOND: Final = 500
BATCHES_OF_1000_A_SECOND: Final = 60
"""About what a server answers: how many requests are made for a measurement of some seconds."""

WORKLOADS: Final = ("single", "paced", "batch-100", "batch-1000")
"""In the order in which they are sent: bursts come last, the next start finds their rows."""

Figures = dict[str, float]


class Amount(NamedTuple):
    """How much each workload sends; the same for both sides, so that their ledgers stay alike."""

    singles: int
    paced: int
    batches_of_100: int
    batches_of_1000: int


def make_amount(seconds: float) -> Amount:
    """What takes about so many seconds each."""
    return Amount(
        max(SINGLE_CONNECTIONS, int(seconds * SINGLES_A_SECOND)),
        max(10, int(seconds * PEAK_TAPS_A_SECOND)),
        max(BATCH_CONNECTIONS, int(seconds * BATCHES_OF_100_A_SECOND)),
        max(1, int(seconds * BATCHES_OF_1000_A_SECOND)),
    )


def measure(
    side: Checkout, ledger: Ledger, pair: int, amount: Amount, workloads: Sequence[str]
) -> Figures:
    """The figures of these workloads, and the seconds from a start to two right answers."""
    oldest, (entry, leaving) = get_oldest(), make_crossing(pair)
    figures: Figures = {}
    begun = time.perf_counter()
    with side.serving(ledger.data_dir, Signals.SIGKILL) as server:
        again, left = served.send_batch(server.port, ledger.key, [oldest, leaving])
        figures["restart"] = time.perf_counter() - begun
        if again["reason"] != "entry_opened" or left["journey"]["entry_tap_id"] != entry.tap_id:
            raise AssertionError(f"{side.name}: not the right answers: {again}, {left}")
        served.wait_until_at_rest(server.port)
        taps = PairTaps(pair)
        for name in WORKLOADS:
            if name in workloads:
                with _collected():
                    figures |= _MEASURES[name](server, ledger.key, taps, amount)
        served.send_batch(server.port, ledger.key, make_crossing(pair + 1)[:1])
    return figures


def _measure_single(server: served.Running, key: str, taps: PairTaps, amount: Amount) -> Figures:
    requests = served.single_requests(taps.mixed(amount.singles), key)
    before_s = server.get_processor_s()
    rate = uvloop.run(load.closed_loop(server.port, SINGLE_CONNECTIONS, requests))
    spent_s = server.get_processor_s() - before_s
    return {"single": rate, "processor_single": spent_s / amount.singles * 1e6}


def _measure_paced(server: served.Running, key: str, taps: PairTaps, amount: Amount) -> Figures:
    requests = served.single_requests(taps.mixed(amount.paced), key)
    paced = uvloop.run(
        load.open_loop(
            server.port, SINGLE_CONNECTIONS, requests, PEAK_TAPS_A_SECOND, SEED + taps.pair
        )
    )
    return {"p99": paced.p99_ms, "p999": paced.p999_ms, "driver_late_p99": paced.late_p99_ms}


def _measure_hundreds(server: served.Running, key: str, taps: PairTaps, amount: Amount) -> Figures:
    batches = [taps.one_station(100) for _ in range(amount.batches_of_100)]
    rate, _ = _send_batches(server, key, batches)
    return {"batch_100": rate}


def _measure_thousands(server: served.Running, key: str, taps: PairTaps, amount: Amount) -> Figures:
    mixed = taps.mixed(amount.batches_of_1000 * 1_000)
    rate, spent_us = _send_batches(server, key, list(in_batches(mixed, 1_000)))
    return {"batch_1000": rate, "processor_batch": spent_us}


def _send_batches(
    server: served.Running, key: str, batches: Sequence[Sequence[Presented]]
) -> tuple[float, float]:
    """Taps a second, and the server's processor time a tap in microseconds."""
    size = len(batches[0])
    requests = [served.batch_request(batch, key) for batch in batches]
    before_s = server.get_processor_s()
    rate = uvloop.run(load.closed_loop(server.port, BATCH_CONNECTIONS, requests, size))
    spent_s = server.get_processor_s() - before_s
    return rate, spent_s / (size * len(batches)) * 1e6


_Measure = Callable[[served.Running, str, PairTaps, Amount], Figures]
_MEASURES: Final[dict[str, _Measure]] = {
    "single": _measure_single,
    "paced": _measure_paced,
    "batch-100": _measure_hundreds,
    "batch-1000": _measure_thousands,
}


@contextmanager
def _collected() -> Iterator[None]:
    """No collection of the driver's own garbage while a server is measured."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
