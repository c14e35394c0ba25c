"""Strangers are told from tokens the ledger holds, and nobody known is ever taken for one."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from fare_engine.ledger.sqlite.index.token_filter import KnownTokens

HELD = [bytes([number]) * 16 for number in range(50)]
STRANGER = b"s" * 16


@pytest.fixture
def connect(tmp_path: Path) -> Callable[[], sqlite3.Connection]:
    """Opens a file whose index table holds some tokens, each more than once."""
    path = tmp_path / "ledger.sqlite3"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE token_rows (token BLOB, number INTEGER, row INTEGER)")
        rows = [(token, number, number) for token in HELD for number in range(3)]
        connection.executemany("INSERT INTO token_rows VALUES (?, ?, ?)", rows)
    return lambda: sqlite3.connect(path)


def read(known: KnownTokens, connect: Callable[[], sqlite3.Connection]) -> None:
    known.read_beside(connect)
    assert known._thread is not None
    known._thread.join()


def test_every_token_may_be_known_until_the_tables_are_read(
    connect: Callable[[], sqlite3.Connection],
) -> None:
    known = KnownTokens()
    assert known.pick([STRANGER, HELD[0]]) == [STRANGER, HELD[0]]
    read(known, connect)
    assert known.pick([STRANGER, HELD[0]]) == [HELD[0]]


def test_what_is_stored_before_during_and_after_the_reading_is_known(
    connect: Callable[[], sqlite3.Connection],
) -> None:
    known = KnownTokens()
    known.add([b"a" * 16])
    read(known, connect)
    known.add([b"b" * 16])
    assert known.pick([b"a" * 16, b"b" * 16, STRANGER, *HELD]) == [b"a" * 16, b"b" * 16, *HELD]


def test_all_tokens_are_known_where_they_are_read_in_many_steps(
    connect: Callable[[], sqlite3.Connection],
) -> None:
    held = [b"t%015d" % number for number in range(12_001)]
    with connect() as connection:
        connection.executemany("INSERT INTO token_rows VALUES (?, 1, 1)", [(t,) for t in held])
    known = KnownTokens()
    read(known, connect)
    assert known.pick([STRANGER, *held, *HELD]) == [*held, *HELD]


def test_strangers_that_share_a_place_with_others_are_looked_up_and_nobody_is_missed(
    connect: Callable[[], sqlite3.Connection],
) -> None:
    known = KnownTokens(places=64)
    read(known, connect)
    strangers = [b"u%015d" % number for number in range(1_000)]
    picked = known.pick([*strangers, *HELD])
    assert picked[-len(HELD) :] == HELD
    assert 0 < len(picked) - len(HELD) < len(strangers)


def test_a_reading_that_was_stopped_leaves_every_token_to_be_looked_up(
    connect: Callable[[], sqlite3.Connection],
) -> None:
    known = KnownTokens()
    known.stop()
    read(known, connect)
    assert known.pick([STRANGER]) == [STRANGER]


def test_tables_that_cannot_be_read_leave_every_token_to_be_looked_up(tmp_path: Path) -> None:
    known = KnownTokens()
    read(known, lambda: sqlite3.connect(tmp_path / "empty.sqlite3"))
    assert known.pick([STRANGER]) == [STRANGER]
