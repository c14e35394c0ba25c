"""Sorted runs: how the index tables follow the ledger without slowing it.

When enough rows have gathered, they are read once in the order of each index, beside the writer,
and every later commit takes along as many of the entries as twice its own rows. Neighbours in the
order stand on the same page, so a page is written once for many entries; there is no pause, no
timer, and no second writer. No entry passes through Python, so nothing waits for the interpreter.
"""

import logging
import sqlite3
import threading
from collections.abc import Callable
from functools import cache
from typing import Any, Final

from fare_engine.ledger.schema import MARK

logger = logging.getLogger(__name__)

RUN_ROWS: Final = 100_000
SLICE_ROWS_MIN: Final = 4
CHUNK_ROWS: Final = 1_000

_SORT: Final = (
    "CREATE TABLE run.tap_ids AS SELECT tap_id, row FROM main.taps"
    " WHERE row > ? AND row <= ? ORDER BY tap_id",
    "CREATE TABLE run.tokens AS SELECT token, coalesce(number, 0) AS number, row FROM main.taps"
    " WHERE row > ? AND row <= ? ORDER BY token, 2, row",
)
_WRITE_TAP_IDS: Final = (
    "INSERT OR IGNORE INTO main.tap_ids SELECT tap_id, row FROM run.tap_ids"
    " WHERE rowid BETWEEN ? AND ?"
)
_WRITE_TOKENS: Final = (
    "INSERT OR IGNORE INTO main.token_rows SELECT token, number, row FROM run.tokens"
    " WHERE rowid BETWEEN ? AND ?"
)


@cache
def _values_sql(head: str, width: int, rows: int) -> str:
    """An INSERT of many rows in one statement: one release of the interpreter for all of them."""
    group = "(" + ", ".join("?" * width) + ")"
    return f"{head} VALUES " + ", ".join([group] * rows)


def insert_rows(connection: sqlite3.Connection, head: str, width: int, values: list[Any]) -> None:
    """Insert rows, given value after value, in statements of fixed sizes that stay prepared."""
    place = 0
    for rows in (CHUNK_ROWS, 100, 10, 1):
        size = rows * width
        while len(values) - place >= size:
            chunk = values[place : place + size] if size < len(values) else values
            connection.execute(_values_sql(head, width, rows), chunk)
            place += size


class Run:
    """One run: the index entries of a stretch of rows, sorted beside the writer.

    They stand in a database in memory that both connections see, so that no entry becomes a
    Python object on its way from the ledger into its index.
    """

    def __init__(self, after_row: int, through_row: int) -> None:
        self.after_row = after_row
        self.through_row = through_row
        self.place = 0
        self._rows = 0
        self._taken = 0
        self._attached = False
        self.failed = False
        self._uri = f"file:fare-run-{id(self)}-{after_row}?mode=memory&cache=shared"
        self._ready = threading.Event()
        self._keeper: sqlite3.Connection | None = None
        self._thread: threading.Thread | None = None

    def read_beside(self, connect: Callable[[], sqlite3.Connection]) -> None:
        """Read and sort the entries in a thread of their own."""
        self._thread = threading.Thread(
            target=self._read, args=(connect,), name="ledger-run", daemon=True
        )
        self._thread.start()

    @property
    def is_sorted(self) -> bool:
        """Whether its entries can be written."""
        return self._ready.is_set()

    def wait_until_sorted(self) -> None:
        """Wait for the thread that reads and sorts."""
        if self._thread is not None:
            self._thread.join()

    def write_slice(self, connection: sqlite3.Connection, rows_committed: int) -> None:
        """Add the next entries to the transaction of a commit of so many rows."""
        if not self._attached:
            return
        self._taken = min(max(SLICE_ROWS_MIN, 2 * rows_committed), self._rows - self.place)
        span = (self.place + 1, self.place + self._taken)
        connection.execute(_WRITE_TAP_IDS, span)
        connection.execute(_WRITE_TOKENS, span)
        if self.place + self._taken == self._rows:
            connection.execute(
                "INSERT INTO ledger_marks (name, value) VALUES (?, ?)"
                " ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                (MARK, self.through_row),
            )

    def slice_committed(self) -> bool:
        """The transaction with the last slice is durable; True when it was the run's last."""
        self.place += self._taken
        self._taken = 0
        return self._attached and self.place == self._rows

    def attach(self, connection: sqlite3.Connection) -> None:
        """Let the writer see the sorted entries once they are there; outside a transaction."""
        if not self._attached and self._ready.is_set():
            connection.execute("ATTACH ? AS run", (self._uri,))
            self._attached = True

    def detach(self, connection: sqlite3.Connection) -> None:
        """Drop the sorted entries, when they are durable or after a failure."""
        self.wait_until_sorted()
        if self._attached:
            connection.execute("DETACH run")
            self._attached = False
        if self._keeper is not None:
            self._keeper.close()
            self._keeper = None

    def _read(self, connect: Callable[[], sqlite3.Connection]) -> None:
        try:
            # The database lives as long as a connection to it: this one keeps it.
            self._keeper = sqlite3.connect(self._uri, uri=True, check_same_thread=False)
            reader = connect()
            try:
                reader.execute("ATTACH ? AS run", (self._uri,))
                span = (self.after_row, self.through_row)
                for sql in _SORT:
                    reader.execute(sql, span)
                (self._rows,) = reader.execute("SELECT max(rowid) FROM run.tap_ids").fetchone()
            finally:
                reader.close()
            self._ready.set()
        except sqlite3.Error:
            # Never written: the rows stay in memory, and the run is begun again.
            self.failed = True
            logger.exception("a run of the ledger's index could not be sorted")
