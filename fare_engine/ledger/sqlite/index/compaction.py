"""When the memtable is flushed, and when its run is merged into the index tables.

A little with every commit, but for those of a burst; the rest while no tap waits.
"""

import sqlite3
from collections.abc import Callable

from fare_engine.ledger.sqlite.index.background import StartTask
from fare_engine.ledger.sqlite.index.memtable import Memtable
from fare_engine.ledger.sqlite.index.run import Run
from fare_engine.ledger.sqlite.index.sizes import BURST_RUNS, DUE_RUNS, IndexSizes


class Compaction:
    """Merges the rows of the memtable into the index tables, one run after the other.

    Of one thread, but for `prepare` and `merge_slice`, which go with a commit.
    """

    def __init__(
        self,
        memtable: Memtable,
        connect: Callable[[], sqlite3.Connection],
        start: StartTask,
        sizes: IndexSizes,
    ) -> None:
        self._memtable = memtable
        self._connect = connect
        self._start = start
        self._sizes = sizes
        self.merged_through = 0
        self.last_row = 0
        self.run: Run | None = None

    def restart(
        self, writer: sqlite3.Connection, memtable: Memtable, merged_through: int, last_row: int
    ) -> None:
        """Begin anew with the rows behind one whose entries are merged."""
        self.abandon(writer)
        self._memtable = memtable
        self.merged_through, self.last_row = merged_through, last_row

    def abandon(self, writer: sqlite3.Connection) -> None:
        """Drop the run; what is merged of it is merged again with the next."""
        if self.run is not None:
            self.run.drop(writer)
            self.run = None

    def is_due(self, unmerged_rows: int) -> bool:
        """Whether a burst left so many rows that they should not wait for the next commits."""
        return unmerged_rows >= self._sizes.run_rows * (1 if self.run is None else DUE_RUNS)

    @property
    def can_merge(self) -> bool:
        """Whether a commit without taps would merge something, or begin a run."""
        return self.run is None or self.run.is_sorted

    def prepare(self, writer: sqlite3.Connection) -> bool:
        """Before a transaction; whether it can take entries along."""
        if self.run is None:
            return False
        self.run.prepare(writer)
        return self.run.is_attached

    def merge_slice(self, writer: sqlite3.Connection, rows: int) -> None:
        """Add the entries that are due to the transaction of a commit of so many rows."""
        if self.run is not None and self._has_time(rows):
            self.run.merge_slice(writer, rows or self._sizes.idle_rows)

    def committed(self, writer: sqlite3.Connection, rows: int, *, may_flush: bool) -> None:
        """The commit of so many rows is durable: go on with the run, end it, or begin one."""
        memtable, run = self._memtable, self.run
        memtable.free_some(rows)
        if run is None:
            if may_flush and len(memtable) >= self._sizes.run_rows and self._has_time(rows):
                self._flush()
        elif run.has_failed:
            self.abandon(writer)
            memtable.cancel_flush()  # and flushed again, whole, with the next rows
        elif run.slice_committed():
            self.abandon(writer)
            memtable.finish_flush()
            self.merged_through = run.through_row

    def _flush(self) -> None:
        self.run = Run(self.merged_through, self.last_row, self._connect, self._start)
        self._memtable.start_flush()

    def _has_time(self, rows: int) -> bool:
        """Whether entries may be merged now: a burst of taps is let pass first."""
        sizes = self._sizes
        return rows <= sizes.burst_rows or len(self._memtable) >= sizes.run_rows * BURST_RUNS
