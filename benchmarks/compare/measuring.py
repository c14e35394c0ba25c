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
from benchmarks.workload import SEED, in_batches

SINGLE_CONNECTIONS: Final = 64
BATCH_CONNECTIONS: Final = 8
PEAK_TAPS_A_SECOND: Final = 1_500

SINGLES_A_SECOND: Final = 12_000
BATCHES_OF_100_A_SECOND: Final = 500
BATCHES_OF_1000_A_SECOND: Final = 60
"""About what a server answers: how many requests are made for a measurement of some seconds."""

WORKLOADS: Final = ("single", "paced", "batch-100", "batch-1000")
"""In the order in which they are sent: bursts come last, the next start finds their rows."""

TURNS: Final = {"single": 50, "paced": 5, "batch-100": 50, "batch-1000": 10}
"""Into so many turns a workload is cut: what disturbs the machine for a moment meets both sides."""

Figures = dict[str, float]


class Amount(NamedTuple):
    """Requests of a turn; the same for both sides, so that their ledgers stay alike."""

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
    """What takes about so many seconds in all turns of a workload."""
    return Amount(
        _divide(seconds * SINGLES_A_SECOND, "single", SINGLE_CONNECTIONS),
        _divide(seconds * PEAK_TAPS_A_SECOND, "paced", 10),
        _divide(seconds * BATCHES_OF_100_A_SECOND, "batch-100", 1),
        _divide(seconds * BATCHES_OF_1000_A_SECOND, "batch-1000", 1),
    )


def _divide(requests: float, workload: str, least: int) -> int:
    return max(least, round(requests / TURNS[workload]))


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
                with _collected():
                    found = (
                        _send_paced(started, amount)
                        if name == "paced"
                        else uvloop.run(_send(name, started, amount))
                    )
                for side_name, sent in found.items():
                    figures[side_name] |= _FIGURES[name](sent)
        for one in started.values():
            served.send_batch(one.server.port, one.key, make_crossing(pair + 1)[:1])
    return figures


def _check_restart(side: Checkout, server: served.Running, ledger: Ledger, pair: int) -> None:
    entry, leaving = make_crossing(pair)
    again, left = served.send_batch(server.port, ledger.key, [get_oldest(), leaving])
    if again["reason"] != "entry_opened" or left["journey"]["entry_tap_id"] != entry.tap_id:
        raise AssertionError(f"{side.name}: not the right answers: {again}, {left}")


def _list_turns(names: Sequence[str], turns: int) -> Iterator[str]:
    """One side and the other, the other and the first, and so on."""
    for turn in range(turns):
        yield from names if turn % 2 == 0 else names[::-1]


def _send_paced(started: Mapping[str, _Started], amount: Amount) -> dict[str, list[_Sent]]:
    found: dict[str, list[_Sent]] = defaultdict(list)
    for name in _list_turns([*started], TURNS["paced"]):
        server, key, taps = started[name]
        requests = served.single_requests(taps.mixed(amount.paced), key)
        seed = SEED + TURNS["paced"] * taps.pair + len(found[name])
        load_of_turn = load.open_loop(
            server.port, SINGLE_CONNECTIONS, requests, PEAK_TAPS_A_SECOND, seed
        )
        found[name].append(_Sent(paced=uvloop.run(load_of_turn)))
    return found


async def _send(
    workload: str, started: Mapping[str, _Started], amount: Amount
) -> dict[str, list[_Sent]]:
    """As fast as answers come, over connections that stay open from turn to turn."""
    make, connections, taps_each = _REQUESTS[workload]
    loops = {
        name: await load.ClosedLoop.open(one.server.port, connections)
        for name, one in started.items()
    }
    found: dict[str, list[_Sent]] = defaultdict(list)
    for name in _list_turns([*started], TURNS[workload]):
        one = started[name]
        requests = make(one, amount)
        before_s = one.server.get_processor_s()
        seconds = await loops[name].send(requests)
        spent_s = one.server.get_processor_s() - before_s
        found[name].append(_Sent(len(requests) * taps_each, seconds, spent_s))
    for loop in loops.values():
        loop.close()
    return found


def _make_singles(one: _Started, amount: Amount) -> list[bytes]:
    return served.single_requests(one.taps.mixed(amount.singles), one.key)


def _make_hundreds(one: _Started, amount: Amount) -> list[bytes]:
    batches = [one.taps.one_station(100) for _ in range(amount.batches_of_100)]
    return [served.batch_request(batch, one.key) for batch in batches]


def _make_thousands(one: _Started, amount: Amount) -> list[bytes]:
    mixed = one.taps.mixed(amount.batches_of_1000 * 1_000)
    return [served.batch_request(batch, one.key) for batch in in_batches(mixed, 1_000)]


def _find_rate(sent: Sequence[_Sent]) -> float:
    return sum(one.taps for one in sent) / sum(one.seconds for one in sent)


def _find_processor_us(sent: Sequence[_Sent]) -> float:
    return sum(one.processor_s for one in sent) / sum(one.taps for one in sent) * 1e6


def _find_latencies(sent: Sequence[_Sent]) -> Figures:
    paced = load.summarise([one.paced for one in sent if one.paced is not None])
    return {"p99": paced.p99_ms, "p999": paced.p999_ms, "driver_late_p99": paced.late_p99_ms}


_REQUESTS: Final[dict[str, tuple[Callable[[_Started, Amount], list[bytes]], int, int]]] = {
    "single": (_make_singles, SINGLE_CONNECTIONS, 1),
    "batch-100": (_make_hundreds, BATCH_CONNECTIONS, 100),
    "batch-1000": (_make_thousands, BATCH_CONNECTIONS, 1_000),
}
"""The requests of a turn, over how many connections, and the taps of each."""

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
