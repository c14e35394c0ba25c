"""Taps are found and put in order whichever worker stored them, and under whichever rows."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine as Database
from sqlalchemy import select, true

from fare_engine.ledger.database import open_database, reading
from fare_engine.ledger.postgresql import ledger as ledger_module
from fare_engine.ledger.postgresql.ledger import BLOCK_ROWS
from fare_engine.ledger.postgresql.where import PostgresqlWhere
from fare_engine.ledger.queries.listings import list_quarantine
from fare_engine.ledger.schema import taps
from tests.fare_engine.ledger.postgresql.shared_world import SharedWorld
from tests.fare_engine.ports.ledger_contract import (
    ANNA,
    BERTA,
    OPENED,
    decide,
    leave,
    make_tap,
    process,
)

WHERE = PostgresqlWhere()


@pytest.fixture
def database(world: SharedWorld) -> Iterator[Database]:
    database = open_database(world.url)
    yield database
    database.dispose()


def list_taps(database: Database, *tokens: bytes, first_row: int = 0) -> list[str]:
    with reading(database) as connection:
        found = WHERE.list_taps(connection, tokens, first_row, true())
    return sorted(tap.tap_id for tap in found)


def list_later(database: Database, tap_id: str) -> list[str]:
    with reading(database) as connection:
        every = WHERE.list_taps(connection, [ANNA], 0, true())
        (tap,) = (tap for tap in every if tap.tap_id == tap_id)
        return [one.tap_id for one in WHERE.list_later(connection, tap, true())]


def list_set_aside(
    database: Database, after_row: int = 0, limit: int = 10
) -> list[tuple[int, str]]:
    with reading(database) as connection:
        found = list_quarantine(connection, WHERE, after_row, limit)
    return [(one.row, one.tap_id) for one in found]


def test_a_tap_is_found_by_its_id(world: SharedWorld, database: Database) -> None:
    engine, _ = world.start()
    (stored,) = process(engine, make_tap("g.1"))
    with reading(database) as connection:
        assert WHERE.find_row(connection, "g.1") == stored.row
        assert WHERE.find_row(connection, "g.2") is None


def test_later_taps_of_a_token_come_by_their_numbers_from_whichever_blocks(
    world: SharedWorld, database: Database
) -> None:
    (one, _), (other, _) = world.start(), world.start()
    process(one, make_tap("h.1", token=BERTA))
    process(other, make_tap("g.1"))
    process(one, leave("g.2", 3))
    process(other, make_tap("g.3", minutes=5))
    (last,) = process(one, leave("g.4", 8))
    assert last.row < BLOCK_ROWS, "its row is lower than those of the other worker"
    assert list_later(database, "g.1") == ["g.2", "g.3", "g.4"]
    assert list_later(database, "g.3") == ["g.4"]
    assert list_later(database, "g.4") == []


def test_of_old_partitions_only_taps_that_changed_no_state_are_listed(
    world: SharedWorld, database: Database
) -> None:
    engine, _ = world.start()
    process(engine, make_tap("g.1", minutes=10))
    process(engine, make_tap("g.2", minutes=0))  # late: it changes nothing
    world.execute("SELECT setval('tap_rows', 60000001, false)")
    engine, _ = world.start()
    (new,) = process(engine, leave("g.3", 12))
    process(engine, make_tap("h.1", token=BERTA))
    assert new.row > 50_000_000, "it stands in the next partition"
    assert list_taps(database, ANNA) == ["g.1", "g.2", "g.3"]
    assert list_taps(database, ANNA, first_row=new.row) == ["g.2", "g.3"]
    assert list_taps(database, BERTA, b"never" * 3 + b"!", first_row=new.row) == ["h.1"]


def test_an_end_leaves_out_what_is_committed_later_under_a_lower_row(
    world: SharedWorld, database: Database
) -> None:
    (one, _), (other, _) = world.start(), world.start()
    slow = decide(one, make_tap("g.1"))
    process(other, make_tap("h.1", token=BERTA))
    with reading(database) as connection:
        end = WHERE.find_end(connection)
    one.commit(slow)
    one.committed(slow)
    with reading(database) as connection:
        query = select(taps.c.tap_id).where(end.before)
        assert list(connection.execute(query).scalars()) == ["h.1"]
        now = WHERE.find_end(connection)
        assert set(connection.execute(select(taps.c.tap_id).where(now.before)).scalars()) == {
            "g.1",
            "h.1",
        }


def test_a_page_is_behind_the_one_before_whichever_worker_was_slow(
    world: SharedWorld, database: Database
) -> None:
    (one, _), (other, _) = world.start(), world.start()
    slow = decide(one, make_tap("g.1", "nowhere", report=OPENED))
    first = process(other, *(make_tap(f"h.{nth}", "nowhere", report=OPENED) for nth in range(3)))
    page = list_set_aside(database, limit=2)
    assert page == [(first[0].row, "h.0"), (first[1].row, "h.1")]
    one.commit(slow)
    one.committed(slow)
    rest = list_set_aside(database, after_row=page[-1][0])
    assert [tap_id for _, tap_id in rest] == ["h.2", "g.1"]
    assert rest[1][0] < first[0].row, "its row is lower than all that was shown before"
    assert list_set_aside(database, after_row=rest[1][0]) == []


def test_a_page_ends_where_a_transaction_may_still_put_something_before(
    world: SharedWorld, database: Database
) -> None:
    engine, _ = world.start()
    process(engine, make_tap("g.1", "nowhere", report=OPENED))
    with world.connect() as writing:
        writing.execute("SELECT pg_current_xact_id()")
        process(engine, make_tap("g.2", "nowhere", report=OPENED))
        assert [tap_id for _, tap_id in list_set_aside(database)] == ["g.1"]
        writing.rollback()
    assert [tap_id for _, tap_id in list_set_aside(database)] == ["g.1", "g.2"]


def test_a_worker_stores_nothing_under_rows_that_it_took_long_ago(
    world: SharedWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine, _ = world.start()
    (first,) = process(engine, make_tap("g.1"))
    (second,) = process(engine, leave("g.2", 3))
    assert second.row == first.row + 1
    monkeypatch.setattr(ledger_module, "BLOCK_SECONDS_MAX", -1)
    (third,) = process(engine, leave("g.3", 4))
    assert third.row >= first.row + BLOCK_ROWS
