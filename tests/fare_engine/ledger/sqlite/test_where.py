"""Queries find the taps of a tap_id and of tokens, in memory, behind the last run, or merged."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from sqlalchemy import true

from fare_engine.ledger.database import open_database, reading
from fare_engine.ledger.sqlite.where import SqliteWhere
from tests.fare_engine.ledger.sqlite.index.index_world import IndexWorld

ANNA, BELA = b"anna" * 4, b"bela" * 4


@dataclass
class Query:
    """What a query finds, on a connection of its own."""

    world: IndexWorld = field(default_factory=IndexWorld)

    def __post_init__(self) -> None:
        self.database = open_database(self.world.path)
        self.where = SqliteWhere(self.world.index.find_recent_row)

    def store(self, *taps: tuple[str, bytes, bool], gap: int = 0) -> None:
        self.world.decide(taps, gap)

    def merge(self) -> None:
        """Others tap until all that was stored before is merged."""
        for number in range(2 * self.world.sizes.run_rows):
            self.store((f"other.{self.world.next_row}.{number}", b"other" * 3 + b"!", True))
        self.world.catch_up()

    def find_row(self, tap_id: str) -> int | None:
        with reading(self.database) as connection:
            return self.where.find_row(connection, tap_id)

    def list_later(self, tap_id: str) -> list[str]:
        with reading(self.database) as connection:
            all_taps = self.where.list_taps(connection, (ANNA, BELA), 0, true())
            (tap,) = (tap for tap in all_taps if tap.tap_id == tap_id)
            return [one.tap_id for one in self.where.list_later(connection, tap, true())]

    def list_taps(self, *tokens: bytes, first_row: int = 0) -> list[str]:
        with reading(self.database) as connection:
            found = self.where.list_taps(connection, tokens, first_row, true())
            return sorted(tap.tap_id for tap in found)


@pytest.fixture
def query() -> Iterator[Query]:
    query = Query()
    yield query
    query.database.dispose()
    query.world.close()


@pytest.mark.parametrize("merged", [False, True])
def test_a_tap_is_found_by_its_id(query: Query, merged: bool) -> None:
    query.store(("A.1", ANNA, True), gap=7)
    if merged:
        query.merge()
        assert query.world.index.find_recent_row("A.1") is None
    assert query.find_row("A.1") == 8
    assert query.find_row("A.2") is None


def test_a_tap_is_found_while_the_memtable_is_recovered(query: Query) -> None:
    query.store(*((f"A.{number}", ANNA, True) for number in range(6)), gap=3)
    query.world.crash()
    query.where = SqliteWhere(query.world.index.find_recent_row)
    while any(task.is_running for task in query.world.tasks):
        assert query.find_row("A.5") == 9
        query.world.tasks[0].step()
        query.world.tasks[-1].step()
    assert query.find_row("A.5") == 9


@pytest.mark.parametrize("merged", ["none", "first", "all"])
def test_later_taps_of_a_token_come_in_the_order_of_their_numbers(
    query: Query, merged: str
) -> None:
    query.store(("in", ANNA, True), ("others", BELA, True), ("refused", ANNA, False), gap=2)
    if merged == "first":
        query.merge()
    query.store(("out", ANNA, True), gap=5)
    query.store(("in again", ANNA, True))
    if merged == "all":
        query.merge()
    assert query.list_later("in") == ["out", "in again"]
    assert query.list_later("in again") == []


@pytest.mark.parametrize("merged", [False, True])
def test_taps_that_changed_no_state_are_listed_however_old_they_are(
    query: Query, merged: bool
) -> None:
    query.store(("old", ANNA, True), ("quarantined", ANNA, False), ("others", BELA, True))
    first_row = query.world.next_row
    query.store(("new", ANNA, True))
    if merged:
        query.merge()
    assert query.list_taps(ANNA) == ["new", "old", "quarantined"]
    assert query.list_taps(ANNA, first_row=first_row) == ["new", "quarantined"]
    assert query.list_taps(BELA, b"never" * 3 + b"!", first_row=first_row) == []
