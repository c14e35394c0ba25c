"""The ledger in memory answers as the real one does, whatever is stored and whenever it is lost."""

import random
from pathlib import Path

import pytest

from fare_engine.batch import ReportSubmission, Result
from fare_engine.engine import Engine
from fare_engine.errors import FareEngineError
from fare_engine.states.memory import MemoryStates
from fare_engine.tap import Report, Tap
from simulator.deterministic.memory_ledger import Disk, MemoryLedger
from tests.fare_engine.small_metro import NOON_MS, SmallMetro

GATES = [("FHY-A-01", "entry"), ("FHY-C-02", "exit"), ("FHY-B-03", "exit"), ("CXL-A-01", "entry")]


@pytest.mark.parametrize("seed", range(8))
def test_both_ledgers_lead_to_the_same_answers(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    metro, disk = SmallMetro(tmp_path, run_rows=10), Disk()

    def open_memory() -> Engine:
        return Engine(MemoryLedger(disk, metro.catalogue), MemoryStates(), metro.catalogue)

    in_memory = open_memory()
    taps: list[Tap] = []
    minutes = 0.0
    for _ in range(60):
        minutes += chance.choice((-0.6, 0.0, 0.4, 3.0))
        if chance.random() < 0.15:  # both start again on what is stored
            metro.restart()
            in_memory = open_memory()
        if taps and chance.random() < 0.3:
            report = Report(chance.random() < 0.9, 0, chance.choice((None, True, False)))
            tap_id = chance.choice(taps[-6:]).tap_id
            told = [report_to(engine, tap_id, report) for engine in (metro.engine, in_memory)]
        else:
            batch = [draw_tap(chance, metro, minutes, taps) for _ in range(chance.randint(1, 3))]
            taps += batch
            at_ms = NOON_MS + 3_600_000
            told = [tell(engine.process(batch, at_ms)) for engine in (metro.engine, in_memory)]
        assert told[0] == told[1]
    for step in disk.rows:
        verdict = step[0]
        stored = metro.ledger.find_taps([verdict.tap.tap_id])[verdict.tap.tap_id]
        assert tell([stored]) == tell([verdict])
        token = verdict.tap.token
        assert metro.ledger.find_states([token]) == in_memory_states(disk, metro, token)
    metro.ledger.close()


def draw_tap(chance: random.Random, metro: SmallMetro, minutes: float, taps: list[Tap]) -> Tap:
    if taps and chance.random() < 0.15:
        again = chance.choice(taps)
        return again if chance.random() < 0.5 else again.replace(occurred_at_ms=1)
    gate_id, direction = chance.choice(GATES)
    return metro.tap(gate_id, direction, minutes, token=chance.choice(("anna", "boli")))


def report_to(engine: Engine, tap_id: str, report: Report) -> list[object]:
    submission = ReportSubmission(tap_id, report, NOON_MS, lambda _results: None)
    engine.offer(submission)
    engine.run_batch(NOON_MS)
    return tell(submission.results)


def in_memory_states(disk: Disk, metro: SmallMetro, token: bytes) -> object:
    return MemoryLedger(disk, metro.catalogue).find_states([token])


def tell(results: list[Result]) -> list[object]:
    """What an answer tells of a result."""
    return [
        result.code
        if isinstance(result, FareEngineError)
        else (result.decision, result.station_id, result.row, result.replayed)
        for result in results
    ]
