"""The section `memory`: what the process keeps of a token and of a tap_id, in bytes.

Counted by `tracemalloc`, over taps that came in as bytes: every string, number and table slot that
stays is in it. What the C library keeps beside each allocation is not.
"""

import gc
import tracemalloc
from collections.abc import Callable, Iterator
from typing import NamedTuple

from benchmarks.figures import Figure, size_each
from benchmarks.sizes import Size
from benchmarks.wire import Bench
from fare_engine.journey import BLANK
from fare_engine.ledger.sqlite.index.memtable import Memtable
from fare_engine.matching import decide
from fare_engine.network import Direction
from fare_engine.states.memory import MemoryStates
from fare_engine.tap import Tap


class Weights(NamedTuple):
    """Bytes each, everything included."""

    open_journey: float
    closed_state: float
    tap_id: float


def measure(size: Size, say: Callable[[str], None]) -> list[Figure]:
    """Weigh so many of each; the same in every run."""
    say(f"weighing {size.remembered:,} token states")
    weights = weigh(size.remembered)
    return [
        size_each("token state remembered, no journey open", weights.closed_state, 160),
        size_each("token state remembered, with its open journey", weights.open_journey),
        size_each("tap_id remembered, of the latest 600,000 rows", weights.tap_id, 100),
    ]


def weigh(count: int) -> Weights:
    """So many passengers enter and leave again."""
    bench = Bench(2 * count, whole_journeys=True)
    index, memtable = MemoryStates(4 * count), Memtable()
    with _Scale() as scale:
        _remember(bench, index, Direction.ENTRY)
        opened = scale.bytes()
        _remember(bench, index, Direction.EXIT)
        closed = scale.bytes()
        for taps in _batches(bench):
            _remember_ids(memtable, taps, index)
            del taps
        with_ids = scale.bytes()
    states = len(index)
    return Weights(opened / states, closed / states, (with_ids - closed) / len(memtable))


def _remember(bench: Bench, index: MemoryStates, direction: Direction) -> None:
    """Decide the taps of one direction, and keep nothing but the states."""
    gates, find_terms = bench.catalogue.gates, bench.catalogue.find_terms
    row = 100_000_000 * direction
    for taps in _batches(bench):
        for tap in taps:
            if tap.direction != direction:
                continue
            gate = gates[tap.gate_id]
            terms = find_terms(gate.station_id, tap.occurred_at_ms)
            assert terms is not None
            row += 1
            before = index.find((tap.token,)).get(tap.token, BLANK)
            index.apply({tap.token: decide(before, tap, gate, terms, row)[1]})


def _remember_ids(memtable: Memtable, taps: list[Tap], index: MemoryStates) -> None:
    """As a ledger does: a row's number is one object in the memtable and in the state it made."""
    states = index.find(tap.token for tap in taps)
    first = len(memtable) + 1
    rows = {}
    for row, tap in enumerate(taps, first):
        is_latest = tap.direction == Direction.EXIT
        rows[tap.tap_id] = states[tap.token].row if is_latest else row
    memtable.tap_ids.update(rows)


def _batches(bench: Bench) -> Iterator[list[Tap]]:
    for body in bench.bodies:
        yield bench.reader.read_batch(body, bench.published).taps


class _Scale:
    """Counts what is allocated inside the block and still there."""

    def __enter__(self) -> "_Scale":
        gc.collect()
        tracemalloc.start()
        return self

    def __exit__(self, *_error: object) -> None:
        tracemalloc.stop()

    def bytes(self) -> int:
        gc.collect()
        return tracemalloc.get_traced_memory()[0]
