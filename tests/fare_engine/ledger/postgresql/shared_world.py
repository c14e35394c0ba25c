"""A ledger in PostgreSQL with the small metro's network, and workers over it."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import psycopg

from fare_engine.engine import Engine
from fare_engine.ledger.postgresql.ledger import PostgresqlLedger
from fare_engine.states.memory import MemoryStates
from tests.fare_engine.small_metro import make_published, prepare_database


class SharedWorld:
    """One database, and the ledgers that are open on it."""

    def __init__(self, make_database: Callable[..., str]) -> None:
        self.url = make_database(prepare_database)
        self.published = make_published()
        self._opened: list[PostgresqlLedger] = []

    def open(self, *, partition_rows: int = 50_000_000) -> PostgresqlLedger:
        """A ledger as one more worker has it."""
        ledger = PostgresqlLedger(self.url, self.published, partition_rows=partition_rows)
        self._opened.append(ledger)
        return ledger

    def start(self) -> tuple[Engine, PostgresqlLedger]:
        """One more worker, which remembers nothing."""
        ledger = self.open()
        return Engine(ledger, MemoryStates(), self.published), ledger

    def publish(self) -> None:
        """Publish something, which changes nothing but the version."""
        self.execute("UPDATE configuration SET version = version + 1")
        self.published = replace(self.published, version=self.published.version + 1)

    def connect(self) -> psycopg.Connection[tuple[Any, ...]]:
        """A connection of somebody else, whose transaction stays open within its block."""
        return psycopg.connect(self.url)

    def execute(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """What a statement returns, on a connection of its own."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            cursor = connection.execute(statement.encode(), values)
            return cursor.fetchall() if cursor.description else []

    def count(self, table: str) -> int:
        """How many rows a table has."""
        return int(self.execute(f"SELECT count(*) FROM {table}")[0][0])

    def close(self) -> None:
        """Close all ledgers."""
        for ledger in self._opened:
            ledger.close()
