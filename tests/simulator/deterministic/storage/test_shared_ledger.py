"""The shared ledger answers as the embedded one, whatever is stored and whenever it restarts."""

import random
from pathlib import Path

import pytest

from fare_engine.batch import ReportSubmission, Result
from fare_engine.engine import Engine
from fare_engine.errors import FareEngineError
from fare_engine.journey import TokenState
from fare_engine.ports import Wanted
from fare_engine.states.memory import MemoryStates
from fare_engine.tap import Report, Tap
from simulator.deterministic.judging.invariants import list_broken
from simulator.deterministic.storage.shared_disk import SharedDisk
from simulator.deterministic.storage.shared_ledger import SharedLedger
from tests.fare_engine.small_metro import NOON_MS, SmallMetro

GATES = [("FHY-A-01", "entry"), ("FHY-C-02", "exit"), ("FHY-B-03", "exit"), ("CXL-A-01", "entry")]
LATER_MS = NOON_MS + 3_600_000


@pytest.mark.parametrize("seed", range(8))
def test_both_ledgers_lead_to_the_same_answers(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    metro = SmallMetro(tmp_path, run_rows=10)
    disk = SharedDisk(metro.catalogue)
    in_memory = open_engine(disk)
    taps: list[Tap] = []
    minutes = 0.0
    for _ in range(60):
        minutes += chance.choice((-0.6, 0.0, 0.4, 3.0))
        if chance.random() < 0.15:  # both start again on what is stored
            metro.restart()
            in_memory = open_engine(disk)
        if taps and chance.random() < 0.3:
            report = Report(chance.random() < 0.9, 0, chance.choice((None, True, False)))
            tap_id = chance.choice(taps[-6:]).tap_id
            answers = [report_to(engine, tap_id, report) for engine in (metro.engine, in_memory)]
        else:
            batch = [draw_tap(chance, metro, minutes, taps) for _ in range(chance.randint(1, 3))]
            taps += batch
            answers = [
                describe(engine.process(batch, LATER_MS)) for engine in (metro.engine, in_memory)
            ]
        assert answers[0] == answers[1]
    for one in disk.rows.values():
        tap_id, token = one.verdict.tap.tap_id, one.verdict.tap.token
        real, simulated = (
            ledger.load(Wanted((tap_id,), (tap_id,), (token,)))
            for ledger in (metro.ledger, SharedLedger(disk, metro.published))
        )
        assert describe([real.known[tap_id].verdict]) == describe([one.verdict])
        reports = [loaded.known[tap_id].report for loaded in (real, simulated)]
        assert len({report and report.replace(row=0) for report in reports}) == 1
        assert list(map(without_row, real.states.values())) == list(
            map(without_row, simulated.states.values())
        )
    assert list(list_broken(disk)) == []
    metro.ledger.close()


def open_engine(disk: SharedDisk) -> Engine:
    return Engine(SharedLedger(disk, disk.published), MemoryStates(), disk.published)


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
    return describe(submission.results)


def describe(results: list[Result]) -> list[object]:
    """What an answer says of a result; rows may differ, since nothing follows from them."""
    return [
        result.code
        if isinstance(result, FareEngineError)
        else (
            result.tap.tap_id,
            result.decision.replace(
                entry=result.decision.entry and result.decision.entry.replace(row=0)
            ),
            result.station_id,
            result.replayed,
        )
        for result in results
    ]


def without_row(state: TokenState) -> TokenState:
    return state.replace(row=0, open=state.open and state.open.replace(row=0))
