"""The block list has a limit, and a full one says so without losing what is on it."""

import pytest

from fare_engine.errors import CatalogueInvalid
from fare_engine.ledger.database import Database, writing
from fare_engine.ledger.queries.listings import list_audit
from fare_engine.ledger.stores import blocked as block_store
from fare_engine.ledger.stores.blocked import (
    BlockedMedium,
    block,
    list_blocked,
    load_blocked,
    unblock,
)


def _medium(number: int) -> BlockedMedium:
    return BlockedMedium(bytes([number]) * 16, "tianfutong", "****5678", "lost", number)


def test_a_full_list_takes_no_more_and_keeps_what_it_has(
    engine: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(block_store, "BLOCKED_MAX", 2)
    with writing(engine) as connection:
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


def test_a_medium_blocked_by_a_clock_that_was_ahead_is_blocked_again_from_now_on(
    engine: Database,
) -> None:
    ahead, now = _medium(9)._replace(blocked_at_ms=5_000), _medium(9)._replace(reason="stolen")
    with writing(engine) as connection:
        block(connection, ahead, "test", 5_000)
        assert block(connection, now, "test", 9) == now
        assert load_blocked(connection) == {now.token: 9}
        latest, *_ = list_audit(connection, None, 10)
        assert (latest.before["reason"], latest.after["reason"]) == ("lost", "stolen")
        later = now._replace(blocked_at_ms=99)
        assert block(connection, later, "test", 99) == now, "blocked already, it stays"


def test_a_reason_with_a_zero_character_is_kept_as_far_as_the_database_can(
    engine: Database,
) -> None:
    with writing(engine) as connection:
        block(connection, _medium(1)._replace(reason="lo\0st"), "test", 0)
        (held,) = list_blocked(connection, b"", 10)
    assert held.reason in ("lo\0st", "lo\ufffdst")
