"""What is listed by a number appears in the order of its numbers, also if several store at once."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

import psycopg
import pytest

from fare_engine.errors import ReviewedOtherwise
from fare_engine.ledger.database import Connection, Database, open_database, reading, writing
from fare_engine.ledger.queries.listings import list_audit
from fare_engine.ledger.stores.adjustments import IssuedAdjustment, review_adjustment
from fare_engine.ledger.stores.audit import record_change
from fare_engine.settlement.adjustments import State
from fare_engine.tap import Report
from tests.fare_engine.settlement.settlement_table import open_metro, settle_day
from tests.fare_engine.small_metro import NOON_MS

WAITING = "SELECT count(*) FROM pg_locks WHERE NOT granted"


@pytest.fixture
def database(small_database: str) -> Iterator[Database]:
    database = open_database(small_database)
    yield database
    database.dispose()


@contextmanager
def meanwhile(url: str, change: Callable[[], object]) -> Iterator[Future[object]]:
    """Another change that has to wait for what the block does."""
    with ThreadPoolExecutor(1) as pool, psycopg.connect(url, autocommit=True) as watching:
        future = pool.submit(change)
        while watching.execute(WAITING).fetchone() == (0,):
            assert not future.done()
        yield future


def test_an_audit_entry_is_numbered_once_those_before_are_committed(
    database: Database, small_database: str
) -> None:
    def record(connection: Connection, subject: str) -> None:
        record_change(connection, at_ms=0, actor="test", action="key.created", subject=subject)

    def record_second() -> None:
        with writing(database) as connection:
            record(connection, "second")

    with writing(database) as first:
        record(first, "first")
        with meanwhile(small_database, record_second) as second:
            record(first, "first again")
            first.commit()
            second.result()
    with reading(database) as connection:
        subjects = [entry.subject for entry in list_audit(connection, None, 10)]
    assert subjects == ["second", "first again", "first", "small"]


def test_of_two_who_review_an_adjustment_at_once_one_decides(
    database: Database, small_database: str
) -> None:
    metro = open_metro(small_database)
    tap = metro.tap("FHY-C-02", "exit", 20, report=Report(True, 9_000))
    metro.decide(tap)
    assert settle_day(metro).totals.held == 1
    metro.ledger.close()

    def review(connection: Connection, state: State) -> IssuedAdjustment:
        return review_adjustment(connection, 1, state, "looked at it", "test", NOON_MS)

    def refuse() -> None:
        with writing(database) as connection:
            review(connection, State.REFUSED)

    with writing(database) as first:
        assert review(first, State.RELEASED).state is State.RELEASED
        with meanwhile(small_database, refuse) as second:
            first.commit()
            with pytest.raises(ReviewedOtherwise, match="it is released"):
                second.result()
