"""The ledger in PostgreSQL, held to what every ledger and every shared one must do."""

from pathlib import Path
from typing import ClassVar

import psycopg
import pytest

from fare_engine.ledger.postgresql.ledger import PostgresqlLedger
from fare_engine.published import Published
from tests.fare_engine.ports.shared_ledger_contract import SharedLedgerContract
from tests.fare_engine.small_metro import make_published, prepare_database
from tests.postgresql_server import Databases


class TestPostgresqlLedger(SharedLedgerContract):
    databases: ClassVar[Databases]

    @pytest.fixture(scope="class", autouse=True)
    @classmethod
    def find_server(cls, databases: Databases) -> None:
        cls.databases = databases

    def create(self, directory: Path) -> Published:
        self.url = self.databases.make(prepare_database)
        self.opened: list[PostgresqlLedger] = []
        return make_published()

    def open(self) -> PostgresqlLedger:
        self.opened.append(PostgresqlLedger(self.url, self.published))
        return self.opened[-1]

    def publish(self, published: Published) -> None:
        with psycopg.connect(self.url) as connection:
            connection.execute("UPDATE configuration SET version = %s", [published.version])

    def count_conflicts(self, row: int) -> int:
        query = """SELECT count(*) FROM conflicts WHERE "row" = %s"""
        with psycopg.connect(self.url) as connection:
            found = connection.execute(query, [row]).fetchone()
        assert found is not None
        return int(found[0])

    def close(self) -> None:
        for ledger in self.opened:
            ledger.close()
        self.databases.drop(self.url)
