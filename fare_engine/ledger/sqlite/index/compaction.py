"""Which rows have their entries in the index tables, and when those of the others are written.

Rows without entries are looked up in memory (`tail`). Their entries follow in sorted runs (`runs`):
a little with every commit, but for those of a burst.
"""

import sqlite3
from collections.abc import Callable, Sequence
from typing import Final

from fare_engine.ledger.sqlite.index.memtable import Tail
from fare_engine.ledger.sqlite.index.recent import Recent
from fare_engine.ledger.sqlite.index.recovery import TailReading
from fare_engine.ledger.sqlite.index.run import RUN_ROWS, Run

BURST_ROWS: Final = 200
"""A commit of more rows belongs to a burst, which is over sooner without index entries."""

TENDED_ROWS: Final = 128
"""What a commit of nothing writes entries for: a tap that comes meanwhile waits a millisecond."""

BEHIND_RUNS: Final = 2
"""So many runs' rows without index entries come of a burst only, not of steady taps."""

BURST_RUNS: Final = 6
"""So many runs' rows may wait in memory; then bursts take index entries along like all commits."""


class Indexing:
    """The end of the ledger that has no index entries yet, and the run that writes them.

    `tail` finds those rows, at the start together with `reading`. Of one thread, but for `write`,
    which goes with a commit.
    """

    def __init__(
        self, open_reader: Callable[[], sqlite3.Connection], run_rows: int = RUN_ROWS
    ) -> None:
        self._open_reader = open_reader
        self._run_rows = run_rows
        self.tail = Tail()
        self.run: Run | None = None
        self.reading: TailReading | None = None
        self.last_row = 0
        self._indexed_through = 0

    @property
    def unindexed_rows(self) -> int:
        """Rows that are looked up in memory."""
        return self.last_row - self._indexed_through

    @property
    def is_behind(self) -> bool:
        """Whether a burst left entries to write."""
        waiting = self._run_rows * (1 if self.run is None else BEHIND_RUNS)
        return self.unindexed_rows >= waiting

    @property
    def can_catch_up(self) -> bool:
        """Whether a commit of nothing would write some of them now."""
        return self.run is None or self.run.is_sorted

    def restart(
        self, writer: sqlite3.Connection, indexed_through: int, last_row: int
    ) -> TailReading:
        """Begin with the rows up to one indexed; those behind it have to be read."""
        self.abandon(writer)
        self.tail = Tail()
        self._indexed_through = indexed_through
        self.last_row = max(last_row, indexed_through)
        self.reading = TailReading(indexed_through, self.last_row)
        return self.reading

    def take_over(self, reading: TailReading) -> None:
        """Those rows are read: find them in memory from now on, like those that came since."""
        tap_ids, tokens = Recent(reading.tap_ids), Recent(reading.tokens)
        tap_ids.extend(self.tail.tap_ids)
        tokens.extend(self.tail.tokens)
        self.tail.tap_ids, self.tail.tokens = tap_ids, tokens
        self.reading = None

    def abandon(self, writer: sqlite3.Connection) -> None:
        """Drop the run, what is not written of it included, and read no further."""
        if self.reading is not None:
            self.reading.stop()
            self.reading = None
        if self.run is not None:
            self.run.detach(writer)
            self.run = None

    def remember(
        self,
        rows: Sequence[int],
        tap_ids: Sequence[str],
        tokens: Sequence[bytes],
        numbers: Sequence[int | None],
    ) -> None:
        """Find these rows in memory from now on; the numbers are kept as they are given."""
        tail = self.tail
        tail.tap_ids.add(dict(zip(tap_ids, rows, strict=True)))
        if None in numbers:
            latest = zip(tokens, rows, numbers, strict=True)
            tail.tokens.add({token: row for token, row, number in latest if number})
        else:
            tail.tokens.add(dict(zip(tokens, rows, strict=True)))
        self.last_row = rows[-1]

    def prepare(self, writer: sqlite3.Connection) -> None:
        """Let the writer see a run that has been sorted, before its transaction begins."""
        if self.run is not None:
            self.run.attach(writer)

    def write(self, writer: sqlite3.Connection, rows: int) -> None:
        """Add what is due to the transaction of a commit of so many rows."""
        if self.run is not None and self._has_time(rows):
            self.run.write_slice(writer, rows or TENDED_ROWS)

    def written(self, writer: sqlite3.Connection, rows: int) -> None:
        """The commit of so many rows is durable: go on with the run, end it, or begin one."""
        self.tail.free_some()
        run = self.run
        if run is None:
            if self.reading is None and len(self.tail) >= self._run_rows and self._has_time(rows):
                self._start_run()
        elif run.failed:
            self.abandon(writer)
            self.tail.take_back_draining()  # and begun again, whole, with the next rows
        elif run.slice_committed():
            self.abandon(writer)
            self.tail.finish_draining()
            self._indexed_through = run.through_row

    def _has_time(self, rows: int) -> bool:
        """Whether entries may be written now: a burst of taps is let pass first."""
        return rows <= BURST_ROWS or self.unindexed_rows >= self._run_rows * BURST_RUNS

    def _start_run(self) -> None:
        self.run = Run(self._indexed_through, self.last_row)
        self.tail.start_draining()
        self.run.read_beside(self._open_reader)
