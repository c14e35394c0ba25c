"""Unseen tokens need no lookup, and no stored token is ever taken for an unseen one."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from fare_engine.ledger.sqlite.index.background import ThreadTask
from fare_engine.ledger.sqlite.index.sizes import DEFAULT_SIZES
from fare_engine.ledger.sqlite.index.token_filter import TokenFilter

HELD = [bytes([number]) * 16 for number in range(50)]
UNSEEN = b"s" * 16

Connect = Callable[[], sqlite3.Connection]


@pytest.fixture
def connect(tmp_path: Path) -> Connect:
    """Opens a file whose index table holds some tokens, each more than once."""
    path = tmp_path / "ledger.sqlite3"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE token_rows (token BLOB, number INTEGER, row INTEGER)")
        rows = [(token, number, number) for token in HELD for number in range(3)]
        connection.executemany("INSERT INTO token_rows VALUES (?, ?, ?)", rows)
    return lambda: sqlite3.connect(path, check_same_thread=False)


@pytest.fixture
def tokens() -> TokenFilter:
    return TokenFilter(DEFAULT_SIZES.token_slots)


def read(tokens: TokenFilter, connect: Connect) -> None:
    ThreadTask("ledger-tokens", tokens.read(connect)).wait()


def test_every_token_is_possible_until_the_tables_are_read(
    tokens: TokenFilter, connect: Connect
) -> None:
    assert tokens.find_possible([UNSEEN, HELD[0]]) == [UNSEEN, HELD[0]]
    read(tokens, connect)
    assert tokens.find_possible([UNSEEN, HELD[0]]) == [HELD[0]]


def test_what_is_stored_before_during_and_after_the_reading_is_possible(
    tokens: TokenFilter, connect: Connect
) -> None:
    tokens.add([b"a" * 16])
    read(tokens, connect)
    tokens.add([b"b" * 16])
    stored = [b"a" * 16, b"b" * 16, *HELD]
    assert tokens.find_possible([UNSEEN, *stored]) == stored


def test_all_tokens_are_possible_where_they_are_read_in_many_steps(
    tokens: TokenFilter, connect: Connect
) -> None:
    held = [b"t%015d" % number for number in range(12_001)]
    with connect() as connection:
        connection.executemany("INSERT INTO token_rows VALUES (?, 1, 1)", [(t,) for t in held])
    read(tokens, connect)
    assert tokens.find_possible([UNSEEN, *held, *HELD]) == [*held, *HELD]


def test_unseen_tokens_that_share_a_slot_are_looked_up_and_none_is_missed(
    connect: Connect,
) -> None:
    tokens = TokenFilter(64)
    read(tokens, connect)
    unseen = [b"u%015d" % number for number in range(1_000)]
    possible = tokens.find_possible([*unseen, *HELD])
    assert possible[-len(HELD) :] == HELD
    assert 0 < len(possible) - len(HELD) < len(unseen)


def test_a_reading_that_was_stopped_leaves_every_token_to_be_looked_up(
    tokens: TokenFilter, connect: Connect
) -> None:
    steps = tokens.read(connect)
    next(steps)
    steps.close()
    assert tokens.find_possible([UNSEEN]) == [UNSEEN]


def test_tables_that_cannot_be_read_leave_every_token_to_be_looked_up(
    tokens: TokenFilter, tmp_path: Path
) -> None:
    read(tokens, lambda: sqlite3.connect(tmp_path / "empty.sqlite3"))
    assert tokens.find_possible([UNSEEN]) == [UNSEEN]
