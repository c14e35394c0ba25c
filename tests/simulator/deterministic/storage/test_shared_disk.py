"""What a shared disk notes of commits that only a bug can bring, and what it loses on purpose."""

from collections.abc import Callable
from pathlib import Path

import pytest

from fare_engine.engine import Engine
from fare_engine.errors import LedgerUnavailable, Overtaken
from fare_engine.journey import Terms
from fare_engine.ports import Changes
from fare_engine.states.memory import MemoryStates
from fare_engine.tap import Report
from simulator.deterministic.judging.invariants import list_broken
from simulator.deterministic.storage.chains import is_same
from simulator.deterministic.storage.shared_disk import SharedDisk
from simulator.deterministic.storage.shared_ledger import CutLedger, SharedLedger
from tests.fare_engine.ports.ledger_contract import (
    ANNA,
    NOW_MS,
    TURNED_BACK,
    decide,
    leave,
    make_tap,
    process,
    send_report,
)
from tests.fare_engine.small_metro import create_ledger_file


class Unchecked(SharedDisk):
    """A disk without keys."""

    def _check(self, changes: Changes) -> None:
        """Whatever comes is stored."""


@pytest.fixture
def disk(tmp_path: Path) -> SharedDisk:
    return SharedDisk(create_ledger_file(tmp_path / "ledger.sqlite3"))


@pytest.fixture
def unchecked(tmp_path: Path) -> SharedDisk:
    return Unchecked(create_ledger_file(tmp_path / "ledger.sqlite3"))


def open_engine(disk: SharedDisk, *, is_alone: bool = False) -> Engine:
    ledger = SharedLedger(disk, disk.published, is_alone=is_alone)
    return Engine(ledger, MemoryStates(), disk.published)


def test_a_chain_that_forks_is_noted(unchecked: SharedDisk) -> None:
    one, other = open_engine(unchecked), open_engine(unchecked)
    process(one, make_tap("g.1"))
    batches = [decide(one, leave("g.2", 1)), decide(other, leave("g.3", 2))]
    one.commit(batches[0])
    other.commit(batches[1])
    assert set(list_broken(unchecked)) == {
        f"the chain of {ANNA.hex()} has [1, 2, 2] and ends at 2",
        "consumed 2 times: g.1",
        "decided on a state that was not its token's: g.3",
    }


def test_an_entry_that_is_consumed_after_it_was_taken_back_is_noted(unchecked: SharedDisk) -> None:
    engine, other = open_engine(unchecked), open_engine(unchecked)
    process(engine, make_tap("g.1"))
    batch = decide(other, leave("g.2", 2))
    send_report(engine, "g.1", TURNED_BACK)
    other.commit(batch)
    assert "consumed after it was taken back: g.1" in list_broken(unchecked)


def test_reports_that_are_taken_twice_are_noted(unchecked: SharedDisk) -> None:
    engine, other = open_engine(unchecked), open_engine(unchecked)
    process(engine, make_tap("g.1"), make_tap("g.2", minutes=1))
    send_report(engine, "g.1", Report(True, 0))
    process(engine, make_tap("g.1"))
    batches = [decide(one, make_tap("g.1", report=TURNED_BACK)) for one in (engine, other)]
    engine.commit(batches[0])
    other.commit(batches[1])
    assert list(list_broken(unchecked)) == ["the report of row 1 is completed twice"]


def test_the_only_engine_is_never_overtaken(disk: SharedDisk) -> None:
    alone = open_engine(disk, is_alone=True)
    batch = decide(alone, make_tap("g.1"))
    process(open_engine(disk), make_tap("g.2"))
    with pytest.raises(Overtaken):
        alone.commit(batch)
    (broken,) = list_broken(disk)
    assert broken.startswith("the only engine was overtaken")


def test_rows_of_two_engines_mix_and_are_followed_as_they_were_committed(disk: SharedDisk) -> None:
    one, other = open_engine(disk), open_engine(disk)
    for nth, engine in enumerate((one, other, one)):
        process(engine, make_tap(f"{nth}.1", token=bytes(15) + bytes((nth,))))
    assert disk.log == [1, 41, 2]


def test_what_a_failover_loses_is_gone_whole(disk: SharedDisk) -> None:
    engine = open_engine(disk)
    process(engine, make_tap("g.1"))
    state = disk.heads[ANNA]
    process(engine, leave("g.2", 2))
    disk.lose(1)
    assert disk.heads == {ANNA: state}
    assert list(disk.tap_ids) == ["g.1"]
    assert disk.log == [1]


@pytest.mark.parametrize(
    ("how", "at_once", "in_the_end"), [("before", 0, 0), ("after", 1, 1), ("late", 0, 1)]
)
def test_a_commit_whose_connection_is_lost_is_stored_or_not_and_nobody_knows(
    disk: SharedDisk, how: str, at_once: int, in_the_end: int
) -> None:
    later: list[Callable[[], None]] = []
    ledger = CutLedger(disk, disk.published, later.append, is_alone=False)
    ledger.cuts.append(how)
    (result,) = Engine(ledger, MemoryStates(), disk.published).process([make_tap("g.1")], NOW_MS)
    assert isinstance(result, LedgerUnavailable)
    assert len(disk.rows) == at_once
    for lost in later:
        lost()
    assert len(disk.rows) == in_the_end


def test_a_statement_that_was_lost_with_its_machine_is_not_stored_later(disk: SharedDisk) -> None:
    later: list[Callable[[], None]] = []
    ledger = CutLedger(disk, disk.published, later.append, is_alone=False)
    ledger.cuts.append("late")
    engine = Engine(ledger, MemoryStates(), disk.published)
    engine.process([make_tap("g.1")], NOW_MS)
    disk.epoch += 1
    for lost in later:
        lost()
    assert not disk.rows
    (result,) = engine.process([make_tap("g.1")], NOW_MS)
    assert disk.rows, result


def test_states_are_the_same_though_their_terms_are_other_objects(disk: SharedDisk) -> None:
    process(open_engine(disk), make_tap("g.1"))
    state = disk.heads[ANNA]
    assert state.open is not None
    terms = state.open.terms
    alike = Terms(terms.tariff, terms.policy, terms.suspended, terms.modes)
    assert is_same(state, state.replace(open=state.open.replace(terms=alike)))
    assert not is_same(state, state.replace(open=state.open.replace(row=9)))
