"""Where tap_ids and tokens stand in the ledger's rows: a log-structured merge index.

An index that is kept up row by row costs a random page a tap. So the latest rows are looked up in
memory (memtable), and their entries follow in sorted runs, merged into the index tables a little
with every commit (compaction). Two filters spare lookups: the highest tap_id of each prefix, and
one of all tokens. At the start the memtable is read from the ledger again (recovery).
"""

import sqlite3
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import closing

from fare_engine.ledger.sqlite.index import tables
from fare_engine.ledger.sqlite.index.background import StartTask, Task, ThreadTask
from fare_engine.ledger.sqlite.index.compaction import Compaction
from fare_engine.ledger.sqlite.index.memtable import Memtable
from fare_engine.ledger.sqlite.index.recovery import SCAN_MAX, Recovery
from fare_engine.ledger.sqlite.index.sizes import DEFAULT_SIZES, IndexSizes
from fare_engine.ledger.sqlite.index.tap_id_filter import TapIdFilter, raise_floors
from fare_engine.ledger.sqlite.index.token_filter import TokenFilter


class TapIndex:
    """Finds rows by tap_id and by token. Raises what the driver raises.

    Rows rise with every commit, and numbers may be left out. `reader` is the connection of the
    thread that asks; `connect` opens others, for reading. A commit takes entries along ::

        index.prepare(writer)           before its transaction
        index.merge_slice(writer, rows) in its transaction
        index.add(writer, rows, ...)    once it is durable

    One that failed is followed by `recover`, unless it was without taps.
    """

    def __init__(
        self,
        reader: sqlite3.Connection,
        connect: Callable[[], sqlite3.Connection],
        sizes: IndexSizes = DEFAULT_SIZES,
        start: StartTask = ThreadTask,
    ) -> None:
        self._reader = reader
        self._connect = connect
        self._sizes = sizes
        self._start = start
        self._memtable = Memtable()
        self.compaction = Compaction(self._memtable, connect, start, sizes)
        self._recovery: Recovery | None = None
        self._tap_id_filter = TapIdFilter(sizes.prefixes_max)
        self._token_filter = TokenFilter(sizes.token_slots)
        self._reading_tokens: Task | None = None
        self._floors_meanwhile: dict[str, str] = {}

    def recover(self, writer: sqlite3.Connection) -> int:
        """Find out what is stored, at the start and after a commit in doubt; the last row."""
        merged_through = tables.read_mark(self._reader, tables.MERGED_THROUGH)
        last_row, is_short = self._measure_end(merged_through)
        memtable = Memtable()
        self.compaction.restart(writer, memtable, merged_through, last_row)
        self._stop_recovery()
        self._floors_meanwhile = {}
        recovery = Recovery(merged_through, last_row, self._sizes, self._token_filter.add)
        self._recovery = recovery
        self._memtable = memtable  # in this order: see `find_recent_row`
        if is_short:
            self._end_recovery(recovery)
        else:
            recovery.start(self._connect, self._start)
        if self._reading_tokens is None:
            steps = self._token_filter.read(self._connect_after_recovery)
            self._reading_tokens = self._start("ledger-tokens", steps)
        return last_row

    def close(self, writer: sqlite3.Connection) -> None:
        """Stop what runs beside; what is not merged is merged after the next start."""
        self._stop_recovery()
        self.compaction.abandon(writer)
        if self._reading_tokens is not None:
            self._reading_tokens.stop()

    def find_taps(self, tap_ids: Sequence[str]) -> dict[str, int]:
        """The rows of those taps that are stored.

        Those that are new count as stored from here on: they are about to be.
        """
        recovery = self._find_recovery(len(tap_ids))
        ids = self._tap_id_filter
        if recovery is not None:
            raise_floors(self._floors_meanwhile, tap_ids)
            return self._find_rows(tap_ids, recovery.find_taps(self._reader, tap_ids))
        ids.begin_batch(self.compaction.last_row, self.compaction.merged_through)
        possible, unknown = ids.find_possible_repeats(tap_ids)
        if not possible:
            return {}
        for prefix in unknown:
            ids.learn(prefix, tables.read_highest(self._reader, prefix))
        if unknown:
            possible, _ = ids.find_possible_repeats(possible)
        return self._find_rows(possible, {})

    def find_latest(self, tokens: Collection[bytes]) -> dict[bytes, int]:
        """The rows of the latest taps that changed these tokens' states."""
        wanted, find_possible = list(tokens), self._token_filter.find_possible
        recovery = self._find_recovery(len(wanted))
        if recovery is None:
            latest, elsewhere = self._memtable.find_latest(find_possible(wanted))
        else:  # what is still to be read is not in the filter yet
            latest, elsewhere = self._memtable.find_latest(wanted)
            latest |= recovery.find_latest(self._reader, elsewhere)
            elsewhere = find_possible([token for token in elsewhere if token not in latest])
        latest.update(tables.find_latest(self._reader, elsewhere))
        return latest

    def find_recent_row(self, tap_id: str) -> int | None:
        """The row of a tap that the index tables may not have yet; safe to ask in any thread."""
        while True:
            memtable, recovery = self._memtable, self._recovery
            row = memtable.find_tap(tap_id)
            if row is None and recovery is not None:
                # Not on the reader: its other statements would see what this one sees.
                with closing(self._connect()) as connection:
                    row = recovery.find_taps(connection, [tap_id]).get(tap_id)
            if row is not None or memtable is self._memtable:
                return row

    def prepare(self, writer: sqlite3.Connection) -> bool:
        """Before a transaction; whether it can take entries along."""
        return self.compaction.prepare(writer)

    def merge_slice(self, writer: sqlite3.Connection, rows: int) -> None:
        """Add the entries that are due to the transaction of a commit of so many rows."""
        self.compaction.merge_slice(writer, rows)

    def add(
        self,
        writer: sqlite3.Connection,
        rows: Sequence[int],
        tap_ids: Sequence[str],
        tokens: Sequence[bytes],
        numbers: Sequence[int | None],
    ) -> None:
        """These rows are durable, and what went with them: find them from now on."""
        if rows:
            self._token_filter.add(tokens)
            self._memtable.add(rows, tap_ids, tokens, numbers)
            self.compaction.last_row = rows[-1]
            self._tap_id_filter.free_some(len(rows))
        self.compaction.committed(writer, len(rows), may_flush=self._recovery is None)

    def forget_below(self, writer: sqlite3.Connection, row: int) -> bool:
        """Remove the entries of some rows below one, in a transaction; whether there may be more.

        Rows that are not merged yet stay. The rows of `taps` are removed afterwards.
        """
        end = min(row, self.compaction.merged_through + 1)
        return tables.forget_below(writer, end, self._sizes.forget_rows)

    @property
    def unmerged_rows(self) -> int:
        """Rows that are looked up in memory; at most so many while they are recovered."""
        return len(self._memtable) + (0 if self._recovery is None else self._recovery.rows_max)

    @property
    def is_due(self) -> bool:
        """Whether a burst left entries to merge."""
        return self.compaction.is_due(self.unmerged_rows)

    @property
    def can_merge(self) -> bool:
        """Whether a commit without taps would merge some of them now."""
        try:
            return self._find_recovery() is None and self.compaction.can_merge
        except sqlite3.Error:
            return False  # the next tap gets the error

    def _measure_end(self, merged_through: int) -> tuple[int, bool]:
        """The last row, and whether so few rows are not merged that they are read at once."""
        (last_row,) = self._reader.execute("SELECT max(row) FROM taps").fetchone()
        (rows,) = self._reader.execute(
            "SELECT count(*) FROM (SELECT 1 FROM taps WHERE row > ? LIMIT ?)",
            (merged_through, self._sizes.at_once_rows + 1),
        ).fetchone()
        return max(last_row or 0, merged_through), rows <= self._sizes.at_once_rows

    def _find_recovery(self, values: int = 0) -> Recovery | None:
        """What reads the end of the ledger, to be asked beside the memtable; None once it is there.

        So many values are looked for: with many it is waited for.
        """
        recovery = self._recovery
        if recovery is None:
            return None
        if values > SCAN_MAX:
            recovery.wait()
        if recovery.is_running:
            return recovery
        self._end_recovery(recovery)
        return None

    def _end_recovery(self, recovery: Recovery) -> None:
        """The rows are read, or those that are left are read here: find them in the memtable."""
        for _ in recovery.read(self._reader) if not recovery.is_done else ():
            pass
        floors = recovery.floors, self._floors_meanwhile
        self._tap_id_filter = TapIdFilter(self._sizes.prefixes_max, floors)
        self._floors_meanwhile = {}
        self._memtable.add_earlier(recovery.tap_ids, recovery.tokens)
        self._recovery = None

    def _stop_recovery(self) -> None:
        if self._recovery is not None:
            self._recovery.stop()

    def _connect_after_recovery(self) -> sqlite3.Connection:
        """A connection once the end of the ledger has been read, which is wanted first."""
        recovery = self._recovery
        if recovery is not None:
            recovery.wait()
        return self._connect()

    def _find_rows(self, tap_ids: Iterable[str], found: dict[str, int]) -> dict[str, int]:
        """The rows of these taps, some of which are found already."""
        for tap_id in tap_ids:
            if tap_id not in found:
                row = self._memtable.find_tap(tap_id)
                if row is None:
                    row = tables.find_row(self._reader, tap_id)
                if row is not None:
                    found[tap_id] = row
        return found
