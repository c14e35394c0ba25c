"""Skews of clocks are kept with their times, the latest first found, and only so many of a gate."""

import pytest
from sqlalchemy import Connection, select

from fare_engine.ledger.schema import clock_skews
from fare_engine.ledger.stores import clocks as clock_store
from fare_engine.ledger.stores.clocks import (
    list_measured,
    load_skews,
    load_skews_of,
    record_skews,
)


def _rows(connection: Connection) -> list[tuple[int, ...]]:
    query = select(clock_skews).order_by(clock_skews.c.gate, clock_skews.c.measured_at)
    return [tuple(row) for row in connection.execute(query)]


def test_the_latest_skew_of_each_gate_is_found(connection: Connection) -> None:
    record_skews(connection, {1: 40_000, 2: -5}, 100)
    record_skews(connection, {1: 10}, 200)
    assert load_skews(connection, 1_000) == {1: (200, 10), 2: (100, -5)}
    assert _rows(connection) == [(1, 100, 40_000), (1, 200, 10), (2, 100, -5)]


def test_the_latest_skews_of_some_gates_are_found(connection: Connection) -> None:
    record_skews(connection, {1: 40_000, 2: -5, 3: 8}, 100)
    record_skews(connection, {1: 10}, 200)
    assert load_skews_of(connection, [1, 2, 4]) == {1: 10, 2: -5}
    assert load_skews_of(connection, []) == {}


def test_what_a_clock_of_the_engine_that_was_ahead_has_measured_says_nothing_of_now(
    connection: Connection,
) -> None:
    record_skews(connection, {1: 7}, 100)
    record_skews(connection, {1: 5}, 50)
    record_skews(connection, {1: 6}, 50)
    assert _rows(connection) == [(1, 50, 6), (1, 100, 7)]
    assert load_skews(connection, 99) == {1: (50, 6)}
    assert list_measured(connection, 1) == [(50, 6), (100, 7)]


def test_the_oldest_are_let_go(connection: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock_store, "SKEWS_PER_GATE_MAX", 2)
    for at_ms in (1, 2, 3):
        record_skews(connection, {1: at_ms, 2: at_ms}, at_ms)
    assert _rows(connection) == [(1, 2, 2), (1, 3, 3), (2, 2, 2), (2, 3, 3)]
