"""Where tap_ids and tokens stand in the ledger's rows: a log-structured merge index.

An index that is kept up row by row costs a random page a tap. So the latest rows are looked up in
memory (memtable), and their entries follow in sorted runs, merged into the index tables a little
with every commit (compaction). Two filters spare lookups: the greatest tap_id of each prefix, and
a mark a token.
"""

import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Final

from fare_engine.ledger.schema import MARK
from fare_engine.ledger.sqlite.index.indexing import Indexing
from fare_engine.ledger.sqlite.index.known_tokens import KnownTokens
from fare_engine.ledger.sqlite.index.runs import RUN_ROWS
from fare_engine.ledger.sqlite.index.tail import HighestTapIds
from fare_engine.ledger.sqlite.index.tail_reading import (
    AT_ONCE_ROWS,
    SCAN_MAX,
    TailReading,
    read_highest,
)

LOOKUP_MAX: Final = 500
"""Values of one IN list: below every SQLite's limit of variables."""


class TapIndex:
    """Finds rows by tap_id and by token. Raises what the driver raises.

    `reader` is the connection of the thread that asks; `connect` opens others, for reading.
    """

    def __init__(
        self,
        reader: sqlite3.Connection,
        connect: Callable[[], sqlite3.Connection],
        *,
        run_rows: int = RUN_ROWS,
        at_once_rows: int = AT_ONCE_ROWS,
    ) -> None:
        self._reader = reader
        self._connect = connect
        self._at_once_rows = at_once_rows
        self.indexing = Indexing(connect, run_rows)
        self._highest = HighestTapIds()
        self._known_tokens = KnownTokens()
        self._reads_tokens = False

    def restart(self, writer: sqlite3.Connection) -> int:
        """Find out what is stored, at the start and after a commit in doubt; the last row."""
        mark = self._reader.execute(
            "SELECT value FROM ledger_marks WHERE name = ?", (MARK,)
        ).fetchone()
        last: int = self._reader.execute("SELECT max(row) FROM taps").fetchone()[0] or 0
        self._highest.forget_all()
        reading = self.indexing.restart(writer, mark[0] if mark else 0, last)
        learn = self._known_tokens.add
        if self.indexing.unindexed_rows <= self._at_once_rows:
            reading.read(self._reader, learn)
            self._take_over(reading)
        else:
            reading.read_beside(self._connect, learn)
        if not self._reads_tokens:
            self._reads_tokens = True
            self._known_tokens.read_beside(self._connect_later)
        return last

    def close(self, writer: sqlite3.Connection) -> None:
        """Stop what runs beside; what is not merged is merged after the next start."""
        self.indexing.abandon(writer)
        self._known_tokens.stop()

    def find_taps(self, tap_ids: Sequence[str]) -> dict[str, int]:
        """The rows of those taps that are stored.

        Those that are surely new count as stored from here on: they are about to be.
        """
        reading = self._find_reading(len(tap_ids))
        if reading is not None:
            self._highest.raise_to(tap_ids)
            return self._find_rows(tap_ids, reading.find_taps(self._reader, tap_ids))
        doubtful, unknown = self._highest.pass_new(tap_ids)
        if not doubtful:
            return {}
        if unknown and self._highest.is_full:
            self._learn_tail()
        for prefix in unknown:
            self._highest.learn(prefix, read_highest(self._reader, prefix))
        if unknown:
            doubtful, _ = self._highest.pass_new(doubtful)
        return self._find_rows(doubtful, {})

    def find_latest(self, tokens: Collection[bytes]) -> dict[bytes, int]:
        """The rows of the latest taps that changed these tokens' states."""
        wanted, known, tail = list(tokens), self._known_tokens, self.indexing.tail
        reading = self._find_reading(len(wanted))
        if reading is None:
            latest, elsewhere = tail.find_latest(known.pick(wanted))
        else:  # what is still to be read is not known yet
            latest, elsewhere = tail.find_latest(wanted)
            latest |= reading.find_latest(self._reader, elsewhere)
            elsewhere = known.pick([token for token in elsewhere if token not in latest])
        latest.update(self._find_merged(elsewhere))
        return latest

    def find_recent_row(self, tap_id: str) -> int | None:
        """The row of a tap that no index table covers yet; safe to ask from any thread."""
        reading = self.indexing.reading
        row = self.indexing.tail.find_tap(tap_id)
        if row is None and reading is not None:
            row = reading.find_taps(self._reader, [tap_id]).get(tap_id)
        return row

    def prepare(self, writer: sqlite3.Connection) -> None:
        """Before a transaction: let the writer see a run that has been sorted."""
        self.indexing.prepare(writer)

    @property
    def has_run(self) -> bool:
        """Whether a run is being merged, so that a commit takes some of it along."""
        return self.indexing.run is not None

    def write(self, writer: sqlite3.Connection, rows: int) -> None:
        """Add what is due to the transaction of a commit of so many rows."""
        self.indexing.write(writer, rows)

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
            self._known_tokens.add(tokens)
            self.indexing.remember(rows, tap_ids, tokens, numbers)
        self.indexing.written(writer, len(rows))

    @property
    def unmerged_rows(self) -> int:
        """Rows that are looked up in memory."""
        return self.indexing.unindexed_rows

    @property
    def is_due(self) -> bool:
        """Whether a burst left entries to merge."""
        return self.indexing.is_behind

    @property
    def can_merge(self) -> bool:
        """Whether a commit without taps would merge some of them now."""
        try:
            return self._find_reading() is None and self.indexing.can_catch_up
        except sqlite3.Error:
            return False  # the next tap gets the error

    def _find_reading(self, values: int = 0) -> TailReading | None:
        """What reads the end of the ledger, to be asked beside the tail; None once it is there.

        So many values are looked for: with many it is waited for.
        """
        reading = self.indexing.reading
        if reading is None:
            return None
        if values > SCAN_MAX:
            reading.wait()
        if reading.is_running:
            return reading
        if not reading.is_done:
            reading.read(self._reader, self._known_tokens.add)  # its thread has failed
        self._take_over(reading)
        return None

    def _take_over(self, reading: TailReading) -> None:
        """The end of the ledger has been read: know its greatest tap_ids, and those since."""
        since = self._highest.items()
        self._highest = reading.highest
        for prefix, latest in since:
            known = self._highest.find(prefix) or read_highest(self._reader, prefix)
            self._highest.learn(prefix, max(latest, known))
        self.indexing.take_over(reading)

    def _connect_later(self) -> sqlite3.Connection:
        """A connection once the end of the ledger has been read, which is wanted first."""
        reading = self.indexing.reading
        if reading is not None:
            reading.wait()
        return self._connect()

    def _learn_tail(self) -> None:
        """Remember the greatest tap_ids of the latest rows alone; others are read when needed."""
        highest, tail = self._highest, self.indexing.tail
        highest.forget_all()
        highest.raise_to((*tail.draining_tap_ids, *tail.tap_ids))
        for prefix, latest in highest.items():
            highest.learn(prefix, max(latest, read_highest(self._reader, prefix)))

    def _find_rows(self, tap_ids: Iterable[str], found: dict[str, int]) -> dict[str, int]:
        """The rows of these taps, some of which are found already."""
        tail, reader = self.indexing.tail, self._reader
        for tap_id in tap_ids:
            if tap_id in found:
                continue
            row = tail.find_tap(tap_id)
            if row is None:
                merged = reader.execute(
                    "SELECT row FROM tap_ids WHERE tap_id = ?", (tap_id,)
                ).fetchone()
                row = merged[0] if merged else None
            if row is not None:
                found[tap_id] = row
        return found

    def _find_merged(self, tokens: list[bytes]) -> Iterator[tuple[bytes, int]]:
        """The rows that made the states of these tokens; one descent a token, however many taps."""
        for place in range(0, len(tokens), LOOKUP_MAX):
            chunk = tokens[place : place + LOOKUP_MAX]
            wanted = ", ".join(["(?)"] * len(chunk))
            yield from self._reader.execute(
                f"WITH wanted (token) AS (VALUES {wanted}) SELECT wanted.token, latest.row"
                " FROM wanted CROSS JOIN token_rows latest ON latest.token = wanted.token"
                " AND latest.number = (SELECT max(number) FROM token_rows"
                " WHERE token = wanted.token AND number > 0)",
                chunk,
            )
