"""The embedded ledger keeps the contract of ledgers."""

import sqlite3
from contextlib import closing
from pathlib import Path

from fare_engine.ledger.sqlite.ledger import SqliteLedger
from fare_engine.published import Published
from tests.fare_engine.ports.ledger_contract import LedgerContract
from tests.fare_engine.small_metro import create_ledger_file


class TestSqliteLedger(LedgerContract):
    opened: SqliteLedger | None = None

    def create(self, directory: Path) -> Published:
        self.path = directory / "ledger.sqlite3"
        return Published(1, create_ledger_file(self.path))

    def open(self) -> SqliteLedger:
        self.close()
        self.opened = SqliteLedger(self.path, self.published)
        return self.opened

    def count_conflicts(self, row: int) -> int:
        query = "SELECT count(*) FROM conflicts WHERE row = ?"
        with closing(sqlite3.connect(self.path)) as connection:
            return int(connection.execute(query, (row,)).fetchone()[0])

    def close(self) -> None:
        if self.opened is not None:
            self.opened.close()
            self.opened = None
