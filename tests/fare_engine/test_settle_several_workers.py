"""Settlement over a ledger that several workers write at once."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from sqlalchemy import Connection as Connected
from sqlalchemy import event

from fare_engine.ledger.database import open_database
from fare_engine.ledger.postgresql.ledger import BLOCK_ROWS
from fare_engine.ledger.queries import settlement_scan
from fare_engine.settle import settle
from fare_engine.verdict import Verdict
from tests.fare_engine.settlement.settlement_table import (
    NEXT_MORNING_MS,
    THE_DAY,
    format_issue,
    open_metro,
    settle_day,
)
from tests.fare_engine.small_metro import Metro

WAITING = "SELECT count(*) FROM pg_locks WHERE NOT granted"


@pytest.fixture
def metro(small_database: str) -> Iterator[Metro]:
    metro = open_metro(small_database)
    yield metro
    metro.ledger.close()


def test_an_exit_that_is_scanned_before_its_entry_ends_it(
    metro: Metro, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its row is lower, and stands in an earlier stretch of the scan."""
    monkeypatch.setattr(settlement_scan, "SCAN_ROWS", BLOCK_ROWS)
    ledger = metro.open_ledger()
    second = metro.make_engine(ledger)
    metro.enter(0, token="berta")
    (entry,) = second.process([metro.tap("FHY-A-01", "entry", 0)], metro.now_ms)
    exit_ = metro.leave(20)
    ledger.close()
    assert isinstance(entry, Verdict)
    assert exit_.row < BLOCK_ROWS < entry.row
    outcome = settle_day(metro)
    assert outcome.tokens == 1, "berta's journey alone has to be looked at"
    assert [format_issue(issue).partition(" ")[2] for issue in outcome.issues] == [
        "missing +180 exit_missing entry_opened"
    ]


def test_a_run_that_the_database_gave_up_for_another_transaction_looks_again(
    metro: Metro,
) -> None:
    """A deadlock, as somebody makes it who locks the run and then what all changes lock."""
    metro.enter(30)  # nobody ends this journey
    database = open_database(metro.address)
    begun: list[bool] = []
    pool = ThreadPoolExecutor(1)
    other = psycopg.connect(str(metro.address))

    def lock_run(connection: Connected) -> None:
        begun.append("fare_engine_begin_immediate" in connection.get_execution_options())
        if begun[-1] and begun.count(True) == 2:
            other.execute("SELECT FROM settlements FOR UPDATE")
            pool.submit(lock_changes_once_it_waits)

    def lock_changes_once_it_waits() -> None:
        with psycopg.connect(str(metro.address), autocommit=True) as watching:
            while watching.execute(WAITING).fetchone() == (0,):
                pass
        other.execute("SELECT FROM configuration FOR UPDATE")
        other.rollback()

    event.listen(database, "engine_connect", lock_run)
    try:
        outcome = settle(
            database,
            lambda: metro.catalogue,
            THE_DAY,
            where=metro.ledger.where,
            actor="test",
            clock=lambda: NEXT_MORNING_MS,
        )
    finally:
        pool.shutdown()
        other.close()
        database.dispose()
    assert begun.count(True) == 4, "to begin, to store in vain, to store, to end"
    assert [issue.adjustment.fare for issue in outcome.issues] == [180]
    assert metro.count("adjustments") == 1
