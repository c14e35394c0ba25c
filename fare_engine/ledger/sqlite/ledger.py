"""The embedded ledger: one SQLite file, owned by one process, durable at every commit.

The tables are SQLAlchemy's (`schema.py`); this module speaks to the driver, since binding rows is
what a commit costs. Two connections: one writes, one reads for the engine; runs, checkpoints and
operators open their own.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from fare_engine.catalogue import Catalogue
from fare_engine.code_use import CodeUse
from fare_engine.errors import LedgerUnavailable
from fare_engine.journey import TokenState
from fare_engine.ledger.rows import WIDTH, encode
from fare_engine.ledger.schema import MARK
from fare_engine.ledger.sqlite import side_tables
from fare_engine.ledger.sqlite.checkpoints import Checkpointer
from fare_engine.ledger.sqlite.connections import BUSY_TIMEOUT_S, connect
from fare_engine.ledger.sqlite.index.indexing import Indexing
from fare_engine.ledger.sqlite.index.known_tokens import KnownTokens
from fare_engine.ledger.sqlite.index.runs import CHUNK_ROWS, RUN_ROWS, insert_rows
from fare_engine.ledger.sqlite.index.tail import HighestTapIds
from fare_engine.ledger.sqlite.index.tail_reading import (
    AT_ONCE_ROWS,
    SCAN_MAX,
    TailReading,
    read_highest,
)
from fare_engine.ledger.sqlite.reading import LOOKUP_MAX, Past
from fare_engine.ports import Entries, StoredReport
from fare_engine.verdict import Verdict

_INSERT_TAPS: Final = "INSERT INTO taps"


class SqliteLedger:
    """The ledger in one SQLite file, one per process and file.

    One connection writes and another one reads, so that the next batch is decided while one is
    committed. Not shared between threads, except that `commit` may run in another one.
    """

    def __init__(
        self,
        path: Path,
        catalogue: Catalogue,
        *,
        run_rows: int = RUN_ROWS,
        at_once_rows: int = AT_ONCE_ROWS,
        busy_timeout_s: float = BUSY_TIMEOUT_S,
    ) -> None:
        self.path = path
        self._writer = connect(path, busy_timeout_s=busy_timeout_s)
        self._connection = connect(path, read_only=True)
        self._stations = _read_stations(self._connection)
        self._past = Past(self._connection, self._stations)
        self.catalogue = catalogue
        self.indexing = Indexing(lambda: connect(path, read_only=True), run_rows)
        self._at_once_rows = at_once_rows
        self._highest = HighestTapIds()
        self._known_tokens = KnownTokens()
        self._unconfirmed: list[Any] = []
        self.checkpointer = Checkpointer(lambda: connect(path), path)
        self.recover()
        self._known_tokens.read_beside(self._connect_later)

    def close(self) -> None:
        """Close the file; the log is folded into it by SQLite."""
        self.indexing.abandon(self._writer)
        self._known_tokens.stop()
        self.checkpointer.stop()
        self._connection.close()
        self._writer.close()

    @property
    def catalogue(self) -> Catalogue:
        """What knows every number in the rows."""
        return self._catalogue

    @catalogue.setter
    def catalogue(self, catalogue: Catalogue) -> None:
        self._catalogue = self._past.catalogue = catalogue
        numbers = {name: number for number, name in self._stations.items()}
        gates = catalogue.network.gates
        self._places = {gate.gate_id: (gate.number, numbers[gate.station_id]) for gate in gates}

    @property
    def is_behind(self) -> bool:
        """Whether a burst left index entries to write."""
        return self.indexing.is_behind

    @property
    def can_catch_up(self) -> bool:
        """Whether a commit of nothing would write some of them now."""
        try:
            return self._find_reading() is None and self.indexing.can_catch_up
        except sqlite3.Error:
            return False  # the next tap hears of it

    def next_row(self) -> int:
        """The place that the next tap will take."""
        return self.indexing.last_row + 1

    def recover(self) -> None:
        """Find out what is stored, at the start and after a commit with unknown result."""
        try:
            self._unconfirmed = []
            if self._writer.in_transaction:
                self._writer.rollback()
            mark = self._connection.execute(
                "SELECT value FROM ledger_marks WHERE name = ?", (MARK,)
            ).fetchone()
            last = self._connection.execute("SELECT max(row) FROM taps").fetchone()[0]
            self._highest.forget_all()
            reading = self.indexing.restart(self._writer, mark[0] if mark else 0, last or 0)
            learn = self._known_tokens.add
            if self.indexing.unindexed_rows <= self._at_once_rows:
                reading.read(self._connection, learn)
                self._take_over(reading)
            else:
                reading.read_beside(lambda: connect(self.path, read_only=True), learn)
        except sqlite3.Error as error:
            raise LedgerUnavailable(f"the ledger cannot be read: {error}") from error

    def find_taps(self, tap_ids: Sequence[str]) -> Mapping[str, Verdict]:
        """The taps among these ids that are stored, as they were decided."""
        try:
            reading = self._find_reading(len(tap_ids))
            if reading is not None:
                self._highest.raise_to(tap_ids)  # those that are new count as stored from here on
                places = reading.find_taps(self._connection, tap_ids)
                return self._read_verdicts(tap_ids, places)
            doubtful, unknown = self._highest.pass_new(tap_ids)
            if not doubtful:
                return {}
            if unknown and self._highest.is_full:
                self._learn_tail()
            for prefix in unknown:
                self._highest.learn(prefix, read_highest(self._connection, prefix))
            if unknown:
                doubtful, _ = self._highest.pass_new(doubtful)
            return self._read_verdicts(doubtful, {})
        except sqlite3.Error as error:
            raise LedgerUnavailable(f"the ledger cannot be read: {error}") from error

    def find_recent_row(self, tap_id: str) -> int | None:
        """The row of a tap that no index table covers yet; safe to ask from any thread."""
        reading = self.indexing.reading
        row = self.indexing.tail.find_tap(tap_id)
        if row is None and reading is not None:
            row = reading.find_taps(self._connection, [tap_id]).get(tap_id)
        return row

    def find_states(self, tokens: Iterable[bytes]) -> Mapping[bytes, TokenState]:
        """The states of those tokens that have one."""
        try:
            wanted, known, tail = list(tokens), self._known_tokens, self.indexing.tail
            reading = self._find_reading(len(wanted))
            if reading is None:
                latest, elsewhere = tail.find_latest(known.pick(wanted))
            else:  # what is still to be read is not known yet
                latest, elsewhere = tail.find_latest(wanted)
                latest |= reading.find_latest(self._connection, elsewhere)
                elsewhere = known.pick([token for token in elsewhere if token not in latest])
            latest.update(self._find_indexed(elsewhere))
            return self._past.read_states(latest)
        except sqlite3.Error as error:
            raise LedgerUnavailable(f"the ledger cannot be read: {error}") from error

    def get_state_before(self, verdict: Verdict) -> TokenState:
        """The state that a stored tap found; its `number` is that of the tap itself."""
        try:
            return self._past.read_state_before(verdict.row)
        except sqlite3.Error as error:
            raise LedgerUnavailable(f"the ledger cannot be read: {error}") from error

    def find_report(self, row: int) -> StoredReport | None:
        """The report stored beside a tap."""
        try:
            return self._past.find_report(row)
        except sqlite3.Error as error:
            raise LedgerUnavailable(f"the ledger cannot be read: {error}") from error

    def find_codes(self, code_ids: Sequence[str]) -> Mapping[str, CodeUse]:
        """The first uses of those ride codes that were used."""
        try:
            return side_tables.find_codes(self._connection, code_ids, self._stations)
        except sqlite3.Error as error:
            raise LedgerUnavailable(f"the ledger cannot be read: {error}") from error

    def commit(self, entries: Entries) -> None:
        """Store all of it in one transaction; durable on return. May run in another thread."""
        steps, connection, indexing = entries.steps, self._writer, self.indexing
        values = encode(steps, self._places, self._catalogue.media)
        try:
            indexing.prepare(connection)
            if len(steps) == 1 and indexing.run is None and entries.is_taps_alone():
                insert_rows(connection, _INSERT_TAPS, WIDTH, values)  # a transaction of its own
            else:
                connection.execute("BEGIN IMMEDIATE")
                insert_rows(connection, _INSERT_TAPS, WIDTH, values)
                self._insert_beside(connection, entries)
                indexing.write(connection, len(steps))
                connection.execute("COMMIT")
        except sqlite3.Error as error:
            self._roll_back()
            raise LedgerUnavailable(f"the ledger did not confirm: {error}") from error
        self._unconfirmed = values

    def confirm(self) -> None:
        """After a commit that succeeded: find what it stored from now on."""
        values, self._unconfirmed = self._unconfirmed, []
        if values:
            tokens = values[2::WIDTH]
            self._known_tokens.add(tokens)
            tap_ids, numbers = values[1::WIDTH], values[3::WIDTH]
            self.indexing.remember(values[::WIDTH], tap_ids, tokens, numbers)
        rows = len(values) // WIDTH
        self.indexing.written(self._writer, rows)
        self.checkpointer.committed(rows)

    def _insert_beside(self, connection: sqlite3.Connection, entries: Entries) -> None:
        if entries.reports:
            side_tables.insert_reports(connection, entries.reports)
        if entries.codes:
            side_tables.insert_codes(connection, entries.codes)
        side_tables.insert_conflicts(connection, entries.conflicts)
        if entries.reports:  # only a tap with a report of its gate can be set aside
            side_tables.insert_quarantine(connection, entries.steps)

    def _roll_back(self) -> None:
        try:
            if self._writer.in_transaction:
                self._writer.rollback()
        except sqlite3.Error:
            pass  # `recover` tries again before anything else is decided

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
            reading.read(self._connection, self._known_tokens.add)  # its thread has failed
        self._take_over(reading)
        return None

    def _take_over(self, reading: TailReading) -> None:
        """The end of the ledger has been read: know its greatest tap_ids, and those since."""
        since = self._highest.items()
        self._highest = reading.highest
        for prefix, latest in since:
            known = self._highest.find(prefix) or read_highest(self._connection, prefix)
            self._highest.learn(prefix, max(latest, known))
        self.indexing.take_over(reading)

    def _connect_later(self) -> sqlite3.Connection:
        """A connection once the end of the ledger has been read, which is wanted first."""
        reading = self.indexing.reading
        if reading is not None:
            reading.wait()
        return connect(self.path, read_only=True)

    def _learn_tail(self) -> None:
        """Remember the greatest tap_ids of the latest rows alone; others are read when needed."""
        highest, tail = self._highest, self.indexing.tail
        highest.forget_all()
        highest.raise_to((*tail.draining_tap_ids, *tail.tap_ids))
        for prefix, latest in highest.items():
            highest.learn(prefix, max(latest, read_highest(self._connection, prefix)))

    def _read_verdicts(
        self, tap_ids: Iterable[str], places: Mapping[str, int]
    ) -> dict[str, Verdict]:
        """Those of these taps that are stored; the rows of some are known."""
        found = {}
        for tap_id in tap_ids:
            row = places.get(tap_id) or self._find_row(tap_id)
            if row is not None:
                found[tap_id] = self._past.read_verdict(row)
        return found

    def _find_row(self, tap_id: str) -> int | None:
        row = self.indexing.tail.find_tap(tap_id)
        if row is None:
            found = self._connection.execute(
                "SELECT row FROM tap_ids WHERE tap_id = ?", (tap_id,)
            ).fetchone()
            row = found[0] if found else None
        return row

    def _find_indexed(self, tokens: list[bytes]) -> Iterator[tuple[bytes, int]]:
        """The rows that made the states of these tokens; one descent a token, however many taps."""
        for place in range(0, len(tokens), LOOKUP_MAX):
            chunk = tokens[place : place + LOOKUP_MAX]
            wanted = ", ".join(["(?)"] * len(chunk))
            yield from self._connection.execute(
                f"WITH wanted (token) AS (VALUES {wanted}) SELECT wanted.token, latest.row"
                " FROM wanted CROSS JOIN token_rows latest ON latest.token = wanted.token"
                " AND latest.number = (SELECT max(number) FROM token_rows"
                " WHERE token = wanted.token AND number > 0)",
                chunk,
            )


def _read_stations(connection: sqlite3.Connection) -> dict[int, str]:
    return dict(connection.execute("SELECT number, station_id FROM stations").fetchall())


assert WIDTH * CHUNK_ROWS < 32_766, "a chunk of rows must fit the variables of one statement"
