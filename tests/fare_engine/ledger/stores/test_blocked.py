"""The block list has a limit, and a full one says so without losing what is on it."""

from pathlib import Path

import pytest
from sqlalchemy import select

from fare_engine.errors import CatalogueInvalid
from fare_engine.ledger.database import migrate, open_database, writing
from fare_engine.ledger.schema import audit
from fare_engine.ledger.stores import blocked as block_store
from fare_engine.ledger.stores.blocked import BlockedMedium, block, load_blocked, unblock


def _medium(number: int) -> BlockedMedium:
    return BlockedMedium(bytes([number]) * 16, "tianfutong", "****5678", "lost", number)


def test_a_full_list_takes_no_more_and_keeps_what_it_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(block_store, "BLOCKED_MAX", 2)
    database = open_database(tmp_path / "ledger.sqlite3")
    migrate(database)
    with writing(database) as connection:
        for number in (1, 2):
            block(connection, _medium(number), "test", 0)
        with pytest.raises(CatalogueInvalid, match="medium: the list has 2 media already"):
            block(connection, _medium(3), "test", 0)
        assert block(connection, _medium(2)._replace(blocked_at_ms=9), "test", 0) == _medium(2)
        assert load_blocked(connection) == {_medium(1).token: 1, _medium(2).token: 2}
        assert unblock(connection, _medium(1).token, "found", "test", 0) == _medium(1)
        assert unblock(connection, _medium(1).token, "found", "test", 0) is None
        block(connection, _medium(3), "test", 0)
        assert load_blocked(connection).keys() == {_medium(2).token, _medium(3).token}
    database.dispose()


def test_a_medium_blocked_while_the_clock_was_ahead_is_blocked_at_once_by_blocking_it_again(
    tmp_path: Path,
) -> None:
    database = open_database(tmp_path / "ledger.sqlite3")
    migrate(database)
    with writing(database) as connection:
        ahead = _medium(1)._replace(blocked_at_ms=9_000)
        block(connection, ahead, "test", 9_000)
        assert block(connection, ahead._replace(blocked_at_ms=5_000), "test", 5_000) == (
            ahead._replace(blocked_at_ms=5_000)
        )
        # Once it holds, it stays as it is.
        later = ahead._replace(blocked_at_ms=6_000)
        assert block(connection, later, "test", 6_000).blocked_at_ms == 5_000
        assert load_blocked(connection) == {ahead.token: 5_000}
        audited = connection.execute(select(audit.c.at, audit.c.before, audit.c.after)).all()
    assert [(row.at, (row.before or {}).get("blocked_at_ms")) for row in audited] == [
        (9_000, None),
        (5_000, 9_000),
    ]
    database.dispose()
