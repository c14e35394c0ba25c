"""The index forgets rows below a mark, a step at a time, and no others."""

from collections.abc import Iterator

import pytest

from fare_engine.ledger.sqlite.index.tables import FORGOTTEN_THROUGH, MERGED_THROUGH
from tests.fare_engine.ledger.sqlite.index.index_world import SMALL, IndexWorld

ANNA, BELA = b"anna" * 4, b"bela" * 4


@pytest.fixture
def world() -> Iterator[IndexWorld]:
    """An index with some merged rows, of two tokens, and some that are not."""
    world = IndexWorld()
    for number in range(20):
        token = ANNA if number < 10 else BELA
        world.decide([(f"A.{number:02}", token, True)], gap=number % 3)
        world.finish_tasks()
    world.catch_up()
    world.decide([("recent", ANNA, True)])
    yield world
    world.close()


def forget(world: IndexWorld, row: int) -> int:
    """Forget all below a row; in how many steps."""
    steps = 1
    while world.forget_some(row):
        steps += 1
    return steps


def test_entries_below_the_mark_are_removed_and_the_others_stay(world: IndexWorld) -> None:
    row = world.model.tap_ids["A.07"]
    steps = forget(world, row)
    assert steps == 7 // SMALL.forget_rows + 1
    ids = [f"A.{number:02}" for number in range(20)]
    assert list(world.index.find_taps(ids)) == ids[7:]
    world.check_tables()


def test_a_token_of_which_everything_is_forgotten_is_not_found(world: IndexWorld) -> None:
    forget(world, world.model.tap_ids["A.15"])
    world.crash()
    assert world.index.find_latest([ANNA, BELA]) == world.model.latest
    assert world.index.find_latest([ANNA]) == {ANNA: world.model.tap_ids["recent"]}


def test_rows_that_are_not_merged_yet_stay(world: IndexWorld) -> None:
    forget(world, world.next_row)
    assert world.read_mark(FORGOTTEN_THROUGH) <= world.read_mark(MERGED_THROUGH)
    assert world.index.find_taps(["recent"])


def test_it_goes_on_where_it_stopped_after_a_crash(world: IndexWorld) -> None:
    row = world.model.tap_ids["A.10"]
    assert world.forget_some(row)
    before = world.read_mark(FORGOTTEN_THROUGH)
    world.crash()
    assert world.read_mark(FORGOTTEN_THROUGH) == before
    forget(world, row)
    assert [tap_id for tap_id in world.model.tap_ids if tap_id < "A.10"] == []
    world.check_tables()


def test_a_step_that_is_rolled_back_leaves_everything(world: IndexWorld) -> None:
    world.writer.execute("BEGIN IMMEDIATE")
    world.index.forget_below(world.writer, world.next_row)
    world.writer.rollback()
    assert world.read_mark(FORGOTTEN_THROUGH) == 0
    assert world.index.find_taps([*world.model.tap_ids]) == world.model.tap_ids
    world.check_tables()


def test_a_tap_id_that_was_forgotten_may_come_again(world: IndexWorld) -> None:
    forget(world, world.model.tap_ids["A.05"])
    assert not world.index.find_taps(["A.03"])
    world.decide([("A.03", ANNA, True)])
    assert world.index.find_taps(["A.03"]) == {"A.03": world.model.tap_ids["A.03"]}
