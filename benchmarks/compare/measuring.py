"""One pair: both sides started after a kill, measured at rest in turns, and killed again."""

import gc
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
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

TURNS: Final = 5
"""Into so many turns each workload is cut: what disturbs the machine for seconds meets both."""

Figures = dict[str, float]


class Amount(NamedTuple):
    """How much each workload sends; the same for both sides, so that their ledgers stay alike."""

    singles: int
    paced: int
    batches_of_100: int
    batches_of_1000: int


class _Started(NamedTuple):
    """A side that serves, with the taps of this pair."""

    server: served.Running
    key: str
    taps: PairTaps


class _Sent(NamedTuple):
    """What one turn came to: taps, their time and the server's processor time, or latencies."""

    taps: int = 0
    seconds: float = 0.0
    processor_s: float = 0.0
    paced: load.Latencies | None = None


def make_amount(seconds: float) -> Amount:
    """What takes about so many seconds each."""
    return Amount(
        max(TURNS * SINGLE_CONNECTIONS, int(seconds * SINGLES_A_SECOND)),
        max(TURNS * 10, int(seconds * PEAK_TAPS_A_SECOND)),
        max(TURNS * BATCH_CONNECTIONS, int(seconds * BATCHES_OF_100_A_SECOND)),
        max(TURNS, int(seconds * BATCHES_OF_1000_A_SECOND)),
    )


def measure(
    sides: Sequence[Checkout],
    ledgers: Mapping[str, Ledger],
    pair: int,
    amount: Amount,
    workloads: Sequence[str],
) -> dict[str, Figures]:
    """By side, the figures of these workloads, and the seconds from a start to right answers."""
    figures: dict[str, Figures] = {side.name: {} for side in sides}
    with ExitStack() as servers:
        started = {}
        for side in sides:
            begun = time.perf_counter()
            ledger = ledgers[side.name]
            server = servers.enter_context(side.serving(ledger.data_dir, Signals.SIGKILL))
            _check_restart(side, server, ledger, pair)
            figures[side.name]["restart"] = time.perf_counter() - begun
            started[side.name] = _Started(server, ledger.key, PairTaps(pair))
        for one in started.values():
            served.wait_until_at_rest(one.server.port)
        for name in WORKLOADS:
            if name in workloads:
                for side_name, sent in _take_turns(name, started, amount).items():
                    figures[side_name] |= _FIGURES[name](sent)
        for one in started.values():
            served.send_batch(one.server.port, one.key, make_crossing(pair + 1)[:1])
    return figures


def _check_restart(side: Checkout, server: served.Running, ledger: Ledger, pair: int) -> None:
    entry, leaving = make_crossing(pair)
    again, left = served.send_batch(server.port, ledger.key, [get_oldest(), leaving])
    if again["reason"] != "entry_opened" or left["journey"]["entry_tap_id"] != entry.tap_id:
        raise AssertionError(f"{side.name}: not the right answers: {again}, {left}")


def _take_turns(
    name: str, started: Mapping[str, _Started], amount: Amount
) -> dict[str, list[_Sent]]:
    """One side and the other, the other and the first, and so on."""
    found: dict[str, list[_Sent]] = defaultdict(list)
    order = list(started.items())
    for turn in range(TURNS):
        for side_name, one in order if turn % 2 == 0 else order[::-1]:
            with _collected():
                found[side_name].append(_SENDS[name](one, amount, turn))
    return found


def _send_single(one: _Started, amount: Amount, _turn: int) -> _Sent:
    requests = served.single_requests(one.taps.mixed(amount.singles // TURNS), one.key)
    return _send(one.server, SINGLE_CONNECTIONS, requests, 1)


def _send_paced(one: _Started, amount: Amount, turn: int) -> _Sent:
    requests = served.single_requests(one.taps.mixed(amount.paced // TURNS), one.key)
    seed = SEED + TURNS * one.taps.pair + turn
    port = one.server.port
    return _Sent(
        paced=uvloop.run(
            load.open_loop(port, SINGLE_CONNECTIONS, requests, PEAK_TAPS_A_SECOND, seed)
        )
    )


def _send_hundreds(one: _Started, amount: Amount, _turn: int) -> _Sent:
    batches = [one.taps.one_station(100) for _ in range(amount.batches_of_100 // TURNS)]
    return _send_batches(one, batches)


def _send_thousands(one: _Started, amount: Amount, _turn: int) -> _Sent:
    mixed = one.taps.mixed(amount.batches_of_1000 // TURNS * 1_000)
    return _send_batches(one, list(in_batches(mixed, 1_000)))


def _send_batches(one: _Started, batches: Sequence[Sequence[Presented]]) -> _Sent:
    requests = [served.batch_request(batch, one.key) for batch in batches]
    return _send(one.server, BATCH_CONNECTIONS, requests, len(batches[0]))


def _send(
    server: served.Running, connections: int, requests: Sequence[bytes], taps_each: int
) -> _Sent:
    before_s = server.get_processor_s()
    rate = uvloop.run(load.closed_loop(server.port, connections, requests, taps_each))
    spent_s = server.get_processor_s() - before_s
    taps = len(requests) * taps_each
    return _Sent(taps, taps / rate, spent_s)


def _find_rate(sent: Sequence[_Sent]) -> float:
    return sum(one.taps for one in sent) / sum(one.seconds for one in sent)


def _find_processor_us(sent: Sequence[_Sent]) -> float:
    return sum(one.processor_s for one in sent) / sum(one.taps for one in sent) * 1e6


def _find_latencies(sent: Sequence[_Sent]) -> Figures:
    paced = load.summarise([one.paced for one in sent if one.paced is not None])
    return {"p99": paced.p99_ms, "p999": paced.p999_ms, "driver_late_p99": paced.late_p99_ms}


_SENDS: Final[dict[str, Callable[[_Started, Amount, int], _Sent]]] = {
    "single": _send_single,
    "paced": _send_paced,
    "batch-100": _send_hundreds,
    "batch-1000": _send_thousands,
}
_FIGURES: Final[dict[str, Callable[[Sequence[_Sent]], Figures]]] = {
    "single": lambda sent: {
        "single": _find_rate(sent),
        "processor_single": _find_processor_us(sent),
    },
    "paced": _find_latencies,
    "batch-100": lambda sent: {"batch_100": _find_rate(sent)},
    "batch-1000": lambda sent: {
        "batch_1000": _find_rate(sent),
        "processor_batch": _find_processor_us(sent),
    },
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
