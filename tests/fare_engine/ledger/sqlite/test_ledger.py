"""The embedded ledger: what is stored is found, whatever stands in memory and what in the file."""

import random
import sqlite3
from collections.abc import Iterable
from pathlib import Path

import pytest

from fare_engine.batch import Result
from fare_engine.errors import LedgerUnavailable
from fare_engine.journey import BLANK
from fare_engine.ledger.database import open_database, writing
from fare_engine.ledger.sqlite.index.sizes import BURST_RUNS, DEFAULT_SIZES
from fare_engine.ledger.sqlite.index.tap_id_filter import TapIdFilter
from fare_engine.ports import Wanted
from fare_engine.tap import Tap
from fare_engine.verdict import Verdict
from tests.fare_engine.small_metro import NOON_MS, SmallMetro

RUN_ROWS = 64
BURST_ROWS = DEFAULT_SIZES.burst_rows


@pytest.fixture(params=[20_000, 0], ids=["recovered at once", "recovered beside"])
def busy_metro(tmp_path: Path, request: pytest.FixtureRequest) -> Iterable[SmallMetro]:
    """A small metro whose ledger starts a run of its index every few taps."""
    metro = SmallMetro(tmp_path, run_rows=RUN_ROWS, at_once_rows=request.param)
    yield metro
    metro.ledger.close()


def _taps(metro: SmallMetro, count: int, seed: int) -> list[Tap]:
    """Taps of some passengers, under ids of every shape a gate maker may think of."""
    chance = random.Random(seed)
    shapes = (
        "FHY-A-01.20211124.{:06}",
        "FHY-A-01.20211124.b.{:06}",
        "FHY-A-01.{:06}",
        "plain-{:06}",
        ".{:06}",
        "odd.{}.",
    )
    numbers = chance.sample(range(1_000_000), count)
    return [
        metro.tap(
            "FHY-B-03",
            chance.choice(("entry", "exit")),
            chance.uniform(0, 60),
            tap_id=chance.choice(shapes).format(number),
            token=f"token {chance.randrange(count // 8)}",
        )
        for number in numbers
    ]


def _decide_in_batches(metro: SmallMetro, taps: list[Tap], chance: random.Random) -> list[Verdict]:
    verdicts: list[Verdict] = []
    while len(verdicts) < len(taps):
        size = chance.choice((1, 2, 7, 30))
        for result in metro.decide_all(*taps[len(verdicts) : len(verdicts) + size]):
            assert isinstance(result, Verdict), result
            verdicts.append(result)
        _wait_until_sorted(metro)
        if chance.random() < 0.1:
            metro.restart()
    return verdicts


@pytest.mark.parametrize("seed", range(4))
def test_every_tap_is_found_again_through_runs_and_restarts(
    busy_metro: SmallMetro, seed: int
) -> None:
    chance = random.Random(seed)
    taps = _taps(busy_metro, 600, seed)
    firsts = _decide_in_batches(busy_metro, taps, chance)
    assert _indexed_through(busy_metro) > 3 * RUN_ROWS
    assert not any(first.replayed for first in firsts)
    order = list(range(len(taps)))
    chance.shuffle(order)
    again = _decide_in_batches(busy_metro, [taps[place] for place in order], chance)
    assert again == [firsts[place].replace(replayed=True) for place in order]
    assert _count_rows(busy_metro) == len(taps)


@pytest.mark.parametrize("seed", range(4))
def test_states_read_from_the_file_are_those_that_were_remembered(
    busy_metro: SmallMetro, seed: int
) -> None:
    taps = _taps(busy_metro, 400, seed)
    tokens = {tap.token for tap in taps}
    for place in range(0, len(taps), 20):
        busy_metro.decide_all(*taps[place : place + 20])
    cached = busy_metro.engine._cache.find(tokens)
    remembered = {token: state for token, state in cached.items() if state is not BLANK}
    busy_metro.restart()
    assert busy_metro.ledger.load(Wanted(tokens=tuple(tokens))).states == remembered


def test_a_finished_run_leaves_exactly_the_entries_of_its_rows(busy_metro: SmallMetro) -> None:
    _decide_in_batches(busy_metro, _taps(busy_metro, 400, 1), random.Random(1))
    through = _indexed_through(busy_metro)
    connection = busy_metro.ledger._connection
    assert through >= RUN_ROWS
    ids = connection.execute(
        "SELECT tap_id, row FROM tap_ids WHERE row <= ? ORDER BY row", (through,)
    ).fetchall()
    rows = connection.execute(
        "SELECT tap_id, row FROM taps WHERE row <= ? ORDER BY row", (through,)
    ).fetchall()
    assert ids == rows
    tokens = connection.execute(
        "SELECT token, number, row FROM token_rows WHERE row <= ? ORDER BY row", (through,)
    ).fetchall()
    rows = connection.execute(
        "SELECT token, coalesce(number, 0), row FROM taps WHERE row <= ? ORDER BY row",
        (through,),
    ).fetchall()
    assert tokens == rows


def test_a_burst_is_let_pass_and_its_entries_are_written_while_no_tap_waits(
    busy_metro: SmallMetro,
) -> None:
    burst = _taps(busy_metro, BURST_ROWS + 1, 1)
    firsts = busy_metro.decide_all(*burst)
    assert busy_metro.ledger.index.unmerged_rows == len(burst)
    _merge(busy_metro)
    assert busy_metro.ledger.index.unmerged_rows == 0
    assert _indexed_through(busy_metro) == len(burst)
    assert busy_metro.decide_all(*burst) == [_again(first) for first in firsts]


def test_a_step_of_maintenance_that_fails_is_done_by_a_later_one(tmp_path: Path) -> None:
    metro = SmallMetro(tmp_path, run_rows=RUN_ROWS)
    ledger = metro.ledger
    ledger._writer.execute("PRAGMA busy_timeout = 0")
    burst = _taps(metro, BURST_ROWS + 1, 1)
    firsts = metro.decide_all(*burst)
    ledger.maintenance.step()
    ledger.maintenance.stepped()
    _wait_until_sorted(metro)
    database = open_database(metro.path)
    with writing(database), pytest.raises(LedgerUnavailable, match="locked"):
        ledger.maintenance.step()
    database.dispose()
    assert ledger.maintenance.is_due
    more = _taps(metro, BURST_ROWS + 1, 2)  # a burst: it takes no entries along
    firsts += metro.decide_all(*more)
    _merge(metro)
    assert ledger.index.unmerged_rows < RUN_ROWS
    again = metro.decide_all(*burst, *more)
    assert again == [_again(first) for first in firsts]
    ledger.close()


def test_entries_are_written_in_a_burst_too_once_too_many_rows_wait(
    busy_metro: SmallMetro,
) -> None:
    taps = _taps(busy_metro, 10 * (BURST_ROWS + 1), 1)
    for place in range(0, len(taps), BURST_ROWS + 1):
        busy_metro.decide_all(*taps[place : place + BURST_ROWS + 1])
        _wait_until_sorted(busy_metro)
    assert _indexed_through(busy_metro) > 0
    assert busy_metro.ledger.index.unmerged_rows < (BURST_RUNS + 2) * (BURST_ROWS + 1)


def test_a_tap_id_below_the_greatest_of_a_longer_prefix_is_not_taken_for_new(
    busy_metro: SmallMetro,
) -> None:
    ids = [f"P.{number}" for number in range(10, 90)] + ["P.z.1"]
    firsts = [busy_metro.decide(busy_metro.tap("FHY-A-01", "entry", tap_id=i)) for i in ids]
    while busy_metro.ledger.index.compaction.run is not None:
        _wait_until_sorted(busy_metro)
        busy_metro.decide(busy_metro.tap("FHY-A-01", "entry"))
    busy_metro.decide(busy_metro.tap("FHY-A-01", "entry", tap_id="P.20x"))
    busy_metro.restart()
    for first in firsts:
        assert busy_metro.decide(first.tap).replayed


def test_forgetting_prefixes_never_forgets_a_tap(metro: SmallMetro) -> None:
    metro.ledger.index._tap_id_filter = TapIdFilter(prefixes_max=3)
    taps = [
        metro.tap("FHY-A-01", "entry", tap_id=f"gate-{gate}.day.{number}")
        for number in range(10, 40)
        for gate in range(8)
    ]
    for tap in taps:
        assert not metro.decide(tap).replayed
    for tap in taps:
        assert metro.decide(tap).replayed


def test_a_batch_in_which_prefixes_are_forgotten_keeps_its_own(metro: SmallMetro) -> None:
    metro.ledger.index._tap_id_filter = TapIdFilter(prefixes_max=3)
    first, *others = (
        metro.tap("FHY-A-01", "entry", tap_id=f"gate-{gate}.day.1") for gate in range(6)
    )
    metro.decide(metro.tap("FHY-A-01", "entry", tap_id="gate-0.day.0"))
    metro.decide_all(first, *others)
    assert metro.decide(first).replayed


def test_a_row_is_durable_in_the_file_before_it_is_answered(metro: SmallMetro) -> None:
    verdict = metro.enter(0)
    other = sqlite3.connect(f"file:{metro.path}?mode=ro", uri=True)
    try:
        stored = other.execute("SELECT tap_id, occurred_at, reason, number FROM taps").fetchall()
    finally:
        other.close()
    assert stored == [(verdict.tap.tap_id, NOON_MS, 1, 1)]


def test_no_card_number_and_no_gate_key_stands_in_a_row(metro: SmallMetro) -> None:
    columns = [
        name for (_, name, *_) in metro.ledger._connection.execute("PRAGMA table_info(taps)")
    ]
    assert "token" in columns
    assert not {"medium_id", "card", "account"} & set(columns)


def _wait_until_sorted(metro: SmallMetro) -> None:
    run = metro.ledger.index.compaction.run
    if run is not None:
        run.wait_until_sorted()


def _merge(metro: SmallMetro) -> None:
    """Do all maintenance that is due, as while no tap comes."""
    maintenance = metro.ledger.maintenance
    while maintenance.is_due or metro.ledger.index.compaction.run is not None:
        _wait_until_sorted(metro)
        maintenance.step()
        maintenance.stepped()


def _count_rows(metro: SmallMetro) -> int:
    (count,) = metro.ledger._connection.execute("SELECT count(*) FROM taps").fetchone()
    return int(count)


def _again(first: Result) -> Verdict:
    assert isinstance(first, Verdict), first
    return first.replace(replayed=True)


def _indexed_through(metro: SmallMetro) -> int:
    row = metro.ledger._connection.execute(
        "SELECT value FROM ledger_marks WHERE name = 'indexed_through'"
    ).fetchone()
    return int(row[0]) if row else 0
