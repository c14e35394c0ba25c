"""Rows of decided taps, made for the driver but not stored."""

import gc
import time
from typing import Any

from benchmarks.decide import make_catalogue
from benchmarks.metro import as_tap
from benchmarks.volatile_ledger import VolatileLedger
from benchmarks.workload import Workload, in_batches
from fare_engine.batch import Result, Submission
from fare_engine.engine import Engine
from fare_engine.ledger.rows import WIDTH, Places, encode
from fare_engine.ports import DecidedTap
from fare_engine.published import Published
from fare_engine.states.memory import MemoryStates


class Bench:
    """Decided taps in batches of 1,000, and what their rows are made with."""

    def __init__(self, count: int) -> None:
        catalogue = make_catalogue()
        gates = catalogue.network.gates
        self._places: Places = {
            gate.gate_id: (number, number // 20) for number, gate in enumerate(gates)
        }
        self._media = catalogue.media
        engine = Engine(VolatileLedger(), MemoryStates(), Published(1, catalogue))
        self._batches: list[list[DecidedTap]] = []
        for taps in in_batches(Workload().mixed(count), 1_000):
            now_ms = taps[-1].occurred_at_ms
            engine.offer(Submission([as_tap(tap) for tap in taps], now_ms, _nobody))
            batch = engine.run_batch(now_ms)
            assert batch is not None
            self._batches.append(list(batch.fresh.values()))

    def run(self) -> list[list[Any]]:
        """The values of all rows, batch by batch."""
        return [encode(decided, self._places, self._media) for decided in self._batches]


def rows_a_second(count: int) -> float:
    """Make the rows of so many taps."""
    bench = Bench(count)
    gc.collect()
    gc.disable()  # as in a server, which collects when idle
    begun = time.perf_counter()
    batches = bench.run()
    taken = time.perf_counter() - begun
    gc.enable()
    return sum(len(values) for values in batches) / WIDTH / taken


def _nobody(_results: list[Result]) -> None:
    pass
