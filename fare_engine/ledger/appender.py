"""Appends rows of taps to the ledger, from whichever process has them."""

import sqlite3
from pathlib import Path
from typing import Any, Final

from fare_engine.errors import LedgerUnavailable
from fare_engine.ledger.connections import BUSY_TIMEOUT_S, connect
from fare_engine.ledger.runs import insert_rows

INSERT_TAPS: Final = "INSERT INTO taps"


class RowAppender:
    """Appends the rows of one transaction at a time, for the ledger that made them.

    It knows nothing of what they mean, and imports nothing that does: it starts in a moment. The
    ledger's own process calls it only while no commit of its own runs.
    """

    def __init__(self, path: Path, *, busy_timeout_s: float = BUSY_TIMEOUT_S) -> None:
        self._connection = connect(path, busy_timeout_s=busy_timeout_s)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def list_stations(self) -> dict[int, str]:
        """The station ids by the numbers that stand in the rows."""
        found = self._connection.execute("SELECT number, station_id FROM stations")
        return dict(found.fetchall())

    def append(self, width: int, values: list[Any]) -> None:
        """Store rows of so many columns, given value after value; durable on return.

        LedgerUnavailable: nothing of it is stored.
        """
        connection = self._connection
        try:
            connection.execute("BEGIN IMMEDIATE")
            insert_rows(connection, INSERT_TAPS, width, values)
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            if connection.in_transaction:
                connection.rollback()
            raise LedgerUnavailable(f"the ledger did not confirm: {error}") from error
