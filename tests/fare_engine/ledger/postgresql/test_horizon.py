"""The ledger is followed behind a safe horizon, and only within one epoch."""

import pytest

from fare_engine.errors import EpochEnded
from fare_engine.ledger.postgresql.horizon import read_age
from fare_engine.ledger.postgresql.identity import raise_epoch
from fare_engine.ledger.sessions import OPERATOR, connect
from fare_engine.ports import START
from tests.fare_engine.ledger.postgresql.shared_world import SharedWorld
from tests.fare_engine.ports.ledger_contract import make_tap, process


def test_nothing_is_followed_that_an_earlier_transaction_may_still_come_before(
    world: SharedWorld,
) -> None:
    engine, ledger = world.start()
    process(engine, make_tap("g.1"))
    seen = ledger.follow(START, 10)
    with world.connect() as writing, connect(world.url, OPERATOR) as watching:
        age = read_age(watching)
        writing.execute("SELECT pg_current_xact_id()")
        (later,) = process(engine, make_tap("g.2", minutes=5))
        assert ledger.follow(seen.cursor, 10) == ((), seen.cursor)
        assert read_age(watching) > age
        writing.rollback()
    assert list(ledger.follow(seen.cursor, 10).verdicts) == [later]


def test_a_transaction_that_only_reads_holds_nothing_back(world: SharedWorld) -> None:
    engine, ledger = world.start()
    with world.connect() as reading:
        reading.execute("SELECT count(*) FROM taps")
        process(engine, make_tap("g.1"))
        assert len(ledger.follow(START, 10).verdicts) == 1


def test_a_cursor_ends_with_its_epoch(world: SharedWorld) -> None:
    engine, ledger = world.start()
    process(engine, make_tap("g.1"))
    cursor = ledger.follow(START, 10).cursor
    with connect(world.url, OPERATOR) as connection:
        raise_epoch(connection)
    ledger.recover()
    with pytest.raises(EpochEnded, match="follow it again from the beginning"):
        ledger.follow(cursor, 10)
    assert len(ledger.follow(START, 10).verdicts) == 1
