"""While the end of the ledger is read into memory, every tap in it is found, wherever it stands."""

import random
import sqlite3
from collections.abc import Iterator

import pytest

from fare_engine.ledger.sqlite.index.background import Steps, ThreadTask
from fare_engine.ledger.sqlite.index.recovery import SCAN_MAX
from fare_engine.ledger.sqlite.index.tap_index import TapIndex
from tests.fare_engine.ledger.sqlite.index.index_world import SMALL, IndexWorld, ManualTask

TAPS = 18
Tap = tuple[str, bytes, bool]


@pytest.fixture
def world() -> Iterator[IndexWorld]:
    """An index that always recovers beside the writer, and flushes late."""
    world = IndexWorld(SMALL._replace(at_once_rows=0, run_rows=1_000))
    yield world
    world.close()


def make_taps(count: int = TAPS, first: int = 0) -> list[Tap]:
    """Taps of a few passengers at one gate with rising numbers, some without an effect."""
    chance = random.Random(first)
    return [
        (f"A.{number:06}", bytes([chance.randrange(7)]) * 16, chance.random() < 0.8)
        for number in range(first, first + count)
    ]


def restart(world: IndexWorld) -> ManualTask:
    """Lose what is in memory; the task that recovers it."""
    world.crash()
    return world.tasks[0]


def check(world: IndexWorld) -> None:
    model = world.model
    assert world.index.find_latest([*model.latest, b"never" * 3 + b"!"]) == model.latest
    assert world.index.find_taps([*model.tap_ids, "never"]) == model.tap_ids
    for tap_id, row in model.tap_ids.items():
        assert world.index.find_recent_row(tap_id) == row


@pytest.mark.parametrize("gap", [0, 1, 1_000])
def test_taps_and_tokens_are_found_however_much_is_read(world: IndexWorld, gap: int) -> None:
    taps = make_taps()
    for place in range(0, TAPS, 2):
        world.decide(taps[place : place + 2], gap)
    recovery = restart(world)
    steps = 0
    while recovery.is_running:
        check(world)
        recovery.step()
        steps += 1
    check(world)
    assert steps >= TAPS / SMALL.read_rows


def test_unmerged_rows_are_counted_and_not_their_numbers(world: IndexWorld) -> None:
    world.decide(make_taps(5), gap=100)
    world.decide(make_taps(5, first=5), gap=100)
    assert world.index.unmerged_rows == 10
    restart(world)
    assert world.index.unmerged_rows >= 10, "how many there are is not known before they are read"
    world.finish_tasks()
    world.commit()
    check(world)
    assert world.index.unmerged_rows == 10


def test_taps_that_come_meanwhile_are_known_ever_after(world: IndexWorld) -> None:
    world.decide(make_taps())
    recovery = restart(world)
    for first in range(TAPS, 2 * TAPS, 3):
        taps = make_taps(3, first)
        assert not world.index.find_taps([tap_id for tap_id, _, _ in taps])
        world.decide(taps)
        recovery.step()
    recovery.wait()
    check(world)
    assert world.index.unmerged_rows == 2 * TAPS


def test_ids_of_any_text_are_read_as_they_are(world: IndexWorld) -> None:
    ids = ["a\0b", 'q"x\\', "成都.😀.1", "x,y", "\x01\x1f\x7f", "é/.", "' OR 1"]
    world.decide((tap_id, b"anna" * 4, True) for tap_id in ids)
    restart(world).wait()
    assert world.index.find_taps(ids) == {tap_id: row for row, tap_id in enumerate(ids, 1)}


def test_a_tap_that_failed_to_commit_meanwhile_is_new_when_it_comes_again(
    world: IndexWorld,
) -> None:
    world.decide(make_taps())
    restart(world)
    lost, kept = ("A.100000", b"anna" * 4, True), ("A.200000", b"bela" * 4, True)
    assert not world.index.find_taps([lost[0]]), "asked, and never stored"
    world.decide([kept])
    world.finish_tasks()
    assert world.index.find_taps([lost[0], kept[0]]) == {kept[0]: world.model.tap_ids[kept[0]]}
    world.decide([lost])
    check(world)


def test_no_run_begins_before_all_is_read() -> None:
    world = IndexWorld(SMALL._replace(at_once_rows=0))
    for first in range(0, 60, 10):
        world.decide(make_taps(10, first))
    recovery = restart(world)
    world.decide(make_taps(3, 60))
    assert (world.index.is_due, world.index.can_merge) == (True, False)
    recovery.wait()
    assert world.index.can_merge
    world.catch_up()
    assert world.index.unmerged_rows < 2 * SMALL.run_rows
    world.close()


def test_what_could_not_be_read_beside_is_read_by_the_next_that_asks(world: IndexWorld) -> None:
    def fail() -> sqlite3.Connection:
        raise sqlite3.OperationalError("unable to open database file")

    world.decide(make_taps())
    world.index.close(world.writer)
    world.index = TapIndex(world.reader, fail, world.sizes)
    world.recover()
    assert world.index.find_taps([*world.model.tap_ids]) == world.model.tap_ids
    assert world.index.find_latest([*world.model.latest]) == world.model.latest


def test_many_taps_wait_until_all_is_read(world: IndexWorld) -> None:
    started: list[str] = []

    def start(name: str, steps: Steps) -> ThreadTask:
        started.append(name)
        return ThreadTask(name, steps)

    world.decide(make_taps(SCAN_MAX + 1))
    world.index.close(world.writer)
    world.index = TapIndex(world.reader, world.connect, world.sizes, start)
    world.recover()
    assert started[0] == "ledger-recovery"
    assert world.index.find_taps([*world.model.tap_ids]) == world.model.tap_ids
    assert world.index.can_merge
