"""A prefix that nobody knows costs its tap a lookup, however many prefixes there are."""

from collections.abc import Iterator

import pytest

from fare_engine.ledger.sqlite.index.tap_id_filter import TapIdFilter
from tests.fare_engine.ledger.sqlite.index.index_world import SMALL, IndexWorld

PREFIXES_MAX = 20
LOOKUPS_PER_NEW_PREFIX = 1


@pytest.fixture
def world() -> Iterator[IndexWorld]:
    """An index that remembers few prefixes, and never merges a row."""
    world = IndexWorld(SMALL._replace(prefixes_max=PREFIXES_MAX, run_rows=10_000))
    world.finish_tasks()
    yield world
    world.close()


def count_statements(world: IndexWorld, tap_id: str) -> int:
    """How many statements the index needs to say that a tap is new."""
    statements: list[str] = []
    world.reader.set_trace_callback(statements.append)
    world.decide([(tap_id, b"anna" * 4, True)])
    world.reader.set_trace_callback(None)
    return len(statements)


def test_a_new_prefix_costs_one_lookup_after_thousands_that_came_once(world: IndexWorld) -> None:
    for number in range(100 * PREFIXES_MAX):
        world.decide([(f"A.{number:06}.1", b"bela" * 4, True)])
    for day in range(3):
        assert count_statements(world, f"B.{day}.1") == LOOKUPS_PER_NEW_PREFIX
        assert count_statements(world, f"B.{day}.2") == 0


def test_a_new_prefix_costs_one_lookup_after_a_restart_with_thousands(world: IndexWorld) -> None:
    for number in range(10 * PREFIXES_MAX):
        world.decide([(f"A.{number:06}.1", b"bela" * 4, True)])
    world.crash()
    world.finish_tasks()
    world.decide([("A.000000.2", b"anna" * 4, True)])
    assert count_statements(world, "B.1.1") == LOOKUPS_PER_NEW_PREFIX
    assert world.index.find_taps(["A.000000.1", "A.000007.1"]).keys() == {
        "A.000000.1",
        "A.000007.1",
    }


def test_prefixes_are_forgotten_once_the_tables_have_their_rows() -> None:
    ids = TapIdFilter(PREFIXES_MAX)
    for row in range(1, 50 * PREFIXES_MAX):
        ids.begin_batch(row, merged_through=row - 1)
        _, unknown = ids.find_possible_repeats([f"A.{row}.1"])
        for prefix in unknown:
            ids.learn(prefix, "")
        assert len(ids) <= PREFIXES_MAX + 2


def test_no_prefix_is_forgotten_whose_rows_the_tables_do_not_have() -> None:
    ids = TapIdFilter(PREFIXES_MAX)
    for row in range(1, 10 * PREFIXES_MAX):
        ids.begin_batch(row, merged_through=1)
        ids.find_possible_repeats([f"A.{row}.1"])
        ids.learn(f"A.{row}", f"A.{row}.1")
    possible, unknown = ids.find_possible_repeats([f"A.{PREFIXES_MAX}.1"])
    assert (possible, unknown) == ([f"A.{PREFIXES_MAX}.1"], set())


def test_a_gate_that_goes_on_is_remembered_while_others_come_once() -> None:
    ids = TapIdFilter(PREFIXES_MAX)
    for number in range(10 * PREFIXES_MAX):
        ids.begin_batch(number, merged_through=number)
        _, unknown = ids.find_possible_repeats([f"gate.{number:06}", f"A.{number}.1"])
        assert ("gate" in unknown) == (number == 0)
        for prefix in unknown:
            ids.learn(prefix, "")
        ids.find_possible_repeats([f"gate.{number:06}"])
