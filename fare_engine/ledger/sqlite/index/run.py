"""Sorted runs: how the index tables follow the ledger without slowing it.

When enough rows have gathered, they are read once in the order of each index, beside the writer,
and every later commit takes along as many of the entries as twice its own rows. Neighbours in the
order stand on the same page, so a page is written once for many entries; there is no pause, no
timer, and no second writer. No entry passes through Python, so nothing waits for the interpreter.
"""

import itertools
import logging
import sqlite3
from collections.abc import Callable
from typing import Final

from fare_engine.ledger.sqlite.index.background import StartTask, Steps
from fare_engine.ledger.sqlite.index.tables import MERGED_THROUGH, write_mark

logger = logging.getLogger(__name__)

SLICE_ENTRIES_MIN: Final = 4

_names = itertools.count(1)

_SORT: Final = (
    "CREATE TABLE run.tap_ids AS SELECT tap_id, row FROM main.taps"
    " WHERE row > ? AND row <= ? ORDER BY tap_id",
    "CREATE TABLE run.tokens AS SELECT token, coalesce(number, 0) AS number, row FROM main.taps"
    " WHERE row > ? AND row <= ? ORDER BY token, 2, row",
)
_MERGE_TAP_IDS: Final = (
    "INSERT OR IGNORE INTO main.tap_ids SELECT tap_id, row FROM run.tap_ids"
    " WHERE rowid BETWEEN ? AND ?"
)
_MERGE_TOKENS: Final = (
    "INSERT OR IGNORE INTO main.token_rows SELECT token, number, row FROM run.tokens"
    " WHERE rowid BETWEEN ? AND ?"
)


class Run:
    """The index entries of a stretch of rows, sorted beside the writer.

    They stand in a database in memory that both connections see, so that no entry becomes a
    Python object on its way from the ledger into its index. What was rolled back is merged again
    by the next transaction; entries that are there already are left as they are.
    """

    def __init__(
        self,
        after_row: int,
        through_row: int,
        connect: Callable[[], sqlite3.Connection],
        start: StartTask,
    ) -> None:
        self.through_row = through_row
        self.is_sorted = False
        self.is_attached = False
        self.has_failed = False
        self._rows = 0
        self._merged = 0
        self._taken = 0
        self._uri = f"file:fare-run-{next(_names)}?mode=memory&cache=shared"
        # The database lives as long as a connection to it: this one keeps it.
        self._keeper = sqlite3.connect(self._uri, uri=True, check_same_thread=False)
        self._sorting = start("ledger-run", self._sort(connect, after_row))

    def wait_until_sorted(self) -> None:
        """Wait for what reads and sorts."""
        self._sorting.wait()

    def prepare(self, writer: sqlite3.Connection) -> None:
        """Before a transaction: let the writer see the sorted entries once they are there."""
        self._taken = 0  # a slice that was not committed is merged again
        if self.is_sorted and not self.is_attached:
            writer.execute("ATTACH ? AS run", (self._uri,))
            self.is_attached = True

    def merge_slice(self, writer: sqlite3.Connection, rows_committed: int) -> None:
        """Add the next entries to the transaction of a commit of so many rows."""
        if not self.is_attached:
            return
        self._taken = min(max(SLICE_ENTRIES_MIN, 2 * rows_committed), self._rows - self._merged)
        span = (self._merged + 1, self._merged + self._taken)
        writer.execute(_MERGE_TAP_IDS, span)
        writer.execute(_MERGE_TOKENS, span)
        if self._merged + self._taken == self._rows:
            write_mark(writer, MERGED_THROUGH, self.through_row)

    def slice_committed(self) -> bool:
        """The transaction with the last slice is durable; True when it was the run's last."""
        self._merged += self._taken
        self._taken = 0
        return self.is_attached and self._merged == self._rows

    def drop(self, writer: sqlite3.Connection) -> None:
        """Give up the sorted entries, when they are durable or after a failure."""
        self._sorting.wait()
        if self.is_attached:
            writer.execute("DETACH run")
            self.is_attached = False
        self._keeper.close()

    def _sort(self, connect: Callable[[], sqlite3.Connection], after_row: int) -> Steps:
        try:
            reader = connect()
            try:
                reader.execute("ATTACH ? AS run", (self._uri,))
                for sql in _SORT:
                    reader.execute(sql, (after_row, self.through_row))
                    yield
                (self._rows,) = reader.execute("SELECT count(*) FROM run.tap_ids").fetchone()
            finally:
                reader.close()
            self.is_sorted = True
        except sqlite3.Error:
            # Nothing of it was merged: the rows stay in memory, and the run is begun again.
            self.has_failed = True
            logger.exception("a run of the ledger's index could not be sorted")
