"""From the bytes of a request to the bytes of its answer, in process and without a ledger."""

import gc
import hashlib
import time
from typing import NoReturn

from api.wire.answers import AnswerWriter
from api.wire.reader import TapReader
from benchmarks import served
from benchmarks.decide import make_catalogue
from benchmarks.volatile_ledger import VolatileLedger
from benchmarks.workload import Workload, in_batches
from fare_engine.engine import Engine
from fare_engine.published import Published
from fare_engine.states.memory import MemoryStates
from fare_engine.verdict import Verdict

BATCH_TAPS = 1_000


class Bench:
    """An engine over nothing, with what reads its requests and writes its answers."""

    def __init__(self, count: int, *, whole_journeys: bool = False) -> None:
        workload = Workload()
        taps = workload.one_station(count) if whole_journeys else workload.mixed(count)
        self.count = count
        self.now_ms = taps[-1].occurred_at_ms
        self.bodies = [served.batch_body(batch) for batch in in_batches(taps, BATCH_TAPS)]
        self.catalogue = make_catalogue()
        self.published = Published(1, self.catalogue)
        self.reader = TapReader(_never, _never)
        network = self.catalogue.network
        self._writer = AnswerWriter(network.time_zone, network.currency)
        self._engine = Engine(VolatileLedger(), MemoryStates(), self.published)

    def answer(self, body: bytes) -> bytes:
        """Read a batch, decide it, write its answer."""
        read = self.reader.read_batch(body, self.published)
        results = self._engine.process(read.taps, self.now_ms, read.findings)
        write = self._writer.write
        written = [write(result) for result in results if isinstance(result, Verdict)]
        return f'{{"results":[{",".join(written)}]}}'.encode()

    def run(self) -> str:
        """Answer all of them, once; a hash of the answers."""
        answers = hashlib.sha256()
        for body in self.bodies:
            answers.update(self.answer(body))
        return answers.hexdigest()


def taps_a_second(count: int) -> float:
    """So many taps of the workload in batches of 1,000, written beforehand."""
    bench = Bench(count)
    gc.collect()
    gc.disable()  # as in a server, which collects when idle
    begun = time.perf_counter()
    for body in bench.bodies:
        bench.answer(body)
    taken = time.perf_counter() - begun
    gc.enable()
    return count / taken


def _never(*_medium: object) -> NoReturn:
    raise AssertionError("the batches of an outbox hold tokens, neither cards nor codes")
