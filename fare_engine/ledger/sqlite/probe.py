"""Whether a tap would be stored now, found out by a transaction of the same kind without a tap."""

import sqlite3
import time
from pathlib import Path
from typing import Final

from fare_engine.errors import LedgerUnavailable
from fare_engine.ledger.sqlite.connections import connect
from fare_engine.ledger.sqlite.index.tables import write_mark

PROBED: Final = "probed"
"""The mark that a probe writes; nobody reads it."""

WRITE_TIMEOUT_S: Final = 1.0
"""How long a probe waits for somebody else who writes: an operator's change takes less."""

_SCHEMA: Final = "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL"


class LedgerProbe:
    """Reads the ledger and writes to it on a connection of its own, for one thread at a time.

    The connection stays open: a process without a free file descriptor answers taps, and is ready.
    """

    def __init__(self, path: Path) -> None:
        self._connection = connect(path, busy_timeout_s=WRITE_TIMEOUT_S)
        self._schema = self._read_schema()

    def close(self) -> None:
        """Close the connection; nothing may run."""
        self._connection.close()

    def read(self) -> None:
        """LedgerUnavailable where the ledger cannot be read, or its tables are others by now."""
        try:
            changed = sorted({name for name, _ in self._schema - self._read_schema()})
            self._connection.execute("SELECT max(row) FROM taps").fetchone()
        except sqlite3.Error as error:
            raise LedgerUnavailable(f"the ledger cannot be read: {error}") from error
        if changed:
            names = ", ".join(changed[:3])
            raise LedgerUnavailable(f"changed or gone while the ledger was in use: {names}")

    def write(self) -> None:
        """Make one mark durable; LedgerUnavailable where that fails, so a tap would fail too."""
        connection = self._connection
        try:
            connection.execute("BEGIN IMMEDIATE")
            write_mark(connection, PROBED, time.time_ns() // 1_000_000)
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            self._roll_back()
            raise LedgerUnavailable(f"the ledger cannot be written: {error}") from error

    def _read_schema(self) -> set[tuple[str, str]]:
        return set(self._connection.execute(_SCHEMA).fetchall())

    def _roll_back(self) -> None:
        try:
            if self._connection.in_transaction:
                self._connection.rollback()
        except sqlite3.Error:
            pass  # the next probe fails in the same way
