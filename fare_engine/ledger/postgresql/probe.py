"""Whether a tap would be stored now, found out by a commit without one."""

from typing import Final

import psycopg

from fare_engine.errors import LedgerUnavailable
from fare_engine.ledger.sessions import WRITER, Connection, connect, name_database

# Rows are taken in blocks ahead of the taps, and a commit fails where they have no partition.
_READ: Final = "SELECT find_partitions_end() > last_value FROM tap_rows"
# It is committed as taps are, to all standbys that have to confirm, and stands in no table.
_WRITE: Final = "SELECT pg_logical_emit_message(true, 'fare-engine', 'probe')"


class Probe:
    """Asks the database on a connection of its own, for one thread at a time."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection: Connection | None = None

    def close(self) -> None:
        """Close the connection; nothing may run."""
        if self._connection is not None:
            self._connection.close()

    def read(self) -> None:
        """LedgerUnavailable where the ledger cannot be read, or has no partition for new taps."""
        row = self._ask(_READ)
        if not row[0]:
            raise LedgerUnavailable("the ledger has no partition for the rows of new taps")

    def write(self) -> None:
        """LedgerUnavailable where nothing can be committed."""
        self._ask(_WRITE)

    def _ask(self, query: str) -> tuple[object, ...]:
        try:
            if self._connection is None or self._connection.closed:
                self._connection = connect(self._url, WRITER)
            row = self._connection.execute(query.encode(), prepare=False).fetchone()
        except psycopg.Error as error:
            self.close()
            raise LedgerUnavailable(f"{name_database(self._url)}: {error}") from error
        assert row is not None
        return row
