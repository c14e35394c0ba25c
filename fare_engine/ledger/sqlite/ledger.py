"""The embedded ledger: one SQLite file, owned by one process, durable at every commit.

The tables are SQLAlchemy's (`schema/`); this module speaks to the driver, since binding rows is
what a commit costs. Two connections: one writes, one reads for the engine; runs, checkpoints and
operators open their own.
"""

import logging
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Final

from fare_engine.errors import LedgerBusy, LedgerLost, LedgerUnavailable
from fare_engine.ledger.place import Figure
from fare_engine.ledger.rows import WIDTH, encode, number_places
from fare_engine.ledger.sqlite import side_tables
from fare_engine.ledger.sqlite.checkpoints import Checkpointer
from fare_engine.ledger.sqlite.connections import BUSY_TIMEOUT_S, connect
from fare_engine.ledger.sqlite.files_in_use import LedgerFiles
from fare_engine.ledger.sqlite.index.sizes import AT_ONCE_ROWS, RUN_ROWS, IndexSizes
from fare_engine.ledger.sqlite.index.tables import read_mark, write_mark
from fare_engine.ledger.sqlite.index.tap_index import TapIndex
from fare_engine.ledger.sqlite.loss import STARTS
from fare_engine.ledger.sqlite.probe import LedgerProbe
from fare_engine.ledger.sqlite.reach import Reach, Reached, name_reach
from fare_engine.ledger.sqlite.reading import Past
from fare_engine.ledger.sqlite.statements import CHUNK_ROWS, insert_rows
from fare_engine.ledger.sqlite.where import SqliteWhere
from fare_engine.ports import START, Changes, Followed, KnownTap, Loaded, Wanted
from fare_engine.published import Published

logger = logging.getLogger(__name__)

INSERT_TAPS: Final = "INSERT INTO taps"

READ_TIMEOUT_S: Final = 0.05
"""How long a read waits in the event loop: a write-ahead log has readers wait for nobody, but for a
moment while it is opened."""

FOLD_TIMEOUT_S: Final = 0.1
"""How long a checkpoint waits for transactions that read; it folds what it can without them."""


class SqliteLedger:
    """The ledger in one SQLite file, one per process and file.

    One connection writes and another one reads, so that the next batch is decided while one is
    committed. Not shared between threads, except that `commit` may run in another one.
    """

    is_local = True

    def __init__(
        self,
        path: Path,
        published: Published,
        *,
        run_rows: int = RUN_ROWS,
        at_once_rows: int = AT_ONCE_ROWS,
        busy_timeout_s: float = BUSY_TIMEOUT_S,
    ) -> None:
        self.path = path
        self._busy_timeout_s = busy_timeout_s
        self._writer = connect(path, busy_timeout_s=busy_timeout_s)
        self._writer_waits = self.may_wait = True
        self._connection = connect(path, read_only=True, busy_timeout_s=READ_TIMEOUT_S)
        self._stations = _read_stations(self._connection)
        self._past = Past(self._connection, self._stations)
        self.use(published)
        self.index = TapIndex(
            self._connection,
            lambda: connect(path, read_only=True),
            IndexSizes(run_rows=run_rows, at_once_rows=at_once_rows),
        )
        self.where = SqliteWhere(self.index.find_recent_row)
        self._unconfirmed: list[Any] = []
        self._next_row = 1
        self.checkpointer = Checkpointer(lambda: connect(path, busy_timeout_s=FOLD_TIMEOUT_S), path)
        self.maintenance = IdleCompaction(self)
        self.damage: str | None = None
        self.recover()
        self._reach = self._open_reach()
        self._files = LedgerFiles(path)

    def close(self) -> None:
        """Close the file; the log is folded into it by SQLite."""
        self.index.close(self._writer)
        self.checkpointer.stop()
        self._reach.close()
        self._connection.close()
        self._writer.close()
        self._files.close()

    def check_files(self) -> None:
        """Raise LedgerLost unless the files on disk are those that are written; a few stats."""
        self._look(self._files.check)

    def open_probe(self) -> LedgerProbe:
        """A probe with a connection of its own."""
        return LedgerProbe(self.path)

    def open_watch(self) -> None:
        """Nobody else publishes anything here."""

    def probed(self) -> None:
        """A probe has written something: probes alone make the log grow, too."""
        self.checkpointer.committed(0)

    def list_figures(self) -> list[Figure]:
        """Of the write-ahead log and of the index."""
        log = self.checkpointer
        return [
            Figure(
                "fare_checkpoints",
                "Write-ahead logs folded in",
                log.checkpoints,
                is_counter=True,
            ),
            Figure(
                "fare_checkpoint_waits",
                "Commits that had to wait for a checkpoint",
                log.waits,
                is_counter=True,
            ),
            Figure(
                "fare_ledger_unindexed_rows",
                "Rows looked up in memory until their index entries are written",
                self.index.unmerged_rows,
            ),
            Figure("fare_ledger_log_bytes", "Size of the write-ahead log", log.log_bytes()),
        ]

    def describe_index(self) -> str:
        """How many rows are found in memory, for `/readyz`."""
        return f"{self.index.unmerged_rows} rows looked up in memory"

    def use(self, published: Published) -> None:
        """Read and write rows by what is published now."""
        self._published, self._past.catalogue = published, published.catalogue
        self._places = number_places(published.catalogue.network.gates, self._stations)

    def take_rows(self, count: int) -> int:
        """The first of so many consecutive rows: they rise with every batch, with gaps."""
        first, self._next_row = self._next_row, self._next_row + count
        return first

    def recover(self) -> None:
        """Find out what is stored, at the start and after a commit in doubt."""
        self._unconfirmed = []
        try:
            if self._writer.in_transaction:
                self._writer.rollback()
            last_row = self.index.recover(self._writer)
        except sqlite3.Error as error:
            raise self._unreadable(error) from error
        self._next_row = max(self._next_row, last_row + 1)

    def load(self, wanted: Wanted) -> Loaded:
        """Read what a batch needs: taps known already, states not remembered, ride codes used."""
        past = self._past
        try:
            rows = self.index.find_taps(wanted.tap_ids)
            known = {tap_id: past.read_known(row) for tap_id, row in rows.items()}
            tokens, code_ids = wanted.tokens, wanted.code_ids
            if known and wanted.reported:
                tokens = {*tokens, *self._add_states_before(known, wanted.reported)}
            states = past.read_states(self.index.find_latest(tokens)) if tokens else {}
            codes = (
                side_tables.find_codes(self._connection, code_ids, self._stations)
                if code_ids
                else {}
            )
        except sqlite3.Error as error:
            raise self._unreadable(error) from error
        return Loaded(known, states, codes, self._published.version)

    def _add_states_before(
        self, known: dict[str, KnownTap], reported: Iterable[str]
    ) -> Iterator[bytes]:
        """Add what reported taps found, which their reports may bring back; their tokens."""
        for tap_id in reported:
            if tap_id in known:
                tap = known[tap_id]
                before = self._past.read_state_before(tap.verdict.row)
                known[tap_id] = tap._replace(before=before)
                yield tap.verdict.tap.token

    def commit(self, changes: Changes) -> None:
        """Store all of it in one transaction; durable on return. May run in another thread.

        One process owns the file, so no other engine can have been first. LedgerLost where what was
        written does not stand on disk.
        """
        taps, connection, index = changes.taps, self._writer, self.index
        self._look(self._files.check_before)
        values = encode(taps, self._places, self._published.catalogue.media)
        try:
            self._prepare_to_wait()
            may_merge = index.prepare(connection)
            if len(taps) == 1 and not may_merge and changes.is_taps_alone():
                insert_rows(connection, INSERT_TAPS, WIDTH, values)  # a transaction of its own
            else:
                connection.execute("BEGIN IMMEDIATE")
                insert_rows(connection, INSERT_TAPS, WIDTH, values)
                side_tables.insert_beside(connection, changes)
                index.merge_slice(connection, len(taps))
                connection.execute("COMMIT")
        except sqlite3.Error as error:
            self._roll_back()
            if not self.may_wait and _get_code(error) == sqlite3.SQLITE_BUSY:
                raise LedgerBusy("somebody else writes to the ledger") from error
            self._note_damage(error)
            raise LedgerUnavailable(f"the ledger did not confirm: {error}") from error
        self._look(self._files.check_after)
        self._unconfirmed = values

    def confirm(self) -> None:
        """After a commit that succeeded: find what it stored from now on."""
        values, self._unconfirmed = self._unconfirmed, []
        rows, tap_ids, tokens = values[::WIDTH], values[1::WIDTH], values[2::WIDTH]
        self.index.add(self._writer, rows, tap_ids, tokens, values[3::WIDTH])
        if rows:
            self._reach.committed(rows[-1])
        self.checkpointer.committed(len(rows))

    def follow(self, cursor: str, limit: int) -> Followed:
        """What was committed since a cursor, up to so many taps: in the order of rows.

        One process writes them, one batch after the other, so no row can come later before another.
        """
        after_row = int(cursor) if cursor != START else 0
        try:
            rows = self._past.list_rows(after_row, limit)
            verdicts = [self._past.read_known(row).verdict for row in rows]
        except sqlite3.Error as error:
            raise self._unreadable(error) from error
        return Followed(verdicts, str(rows[-1]) if rows else cursor)

    def _open_reach(self) -> Reach:
        """Count this start, in the log, and mark beside the ledger how far it reaches."""
        starts = read_mark(self._connection, STARTS)
        try:
            write_mark(self._writer, STARTS, starts + 1)
            starts += 1
        except sqlite3.Error as error:  # A full disk: what is known can be answered all the same.
            logger.warning("the start of the engine could not be stored: %s", error)
        (row,) = self._connection.execute("SELECT max(row) FROM taps").fetchone()
        return Reach(name_reach(self.path), Reached(starts, row or 0))

    def _look(self, check: Callable[[], None]) -> None:
        try:
            check()
        except LedgerLost:
            self.checkpointer.halt()  # what stands in the log may not be what was written
            raise

    def _prepare_to_wait(self) -> None:
        """Set how long the writer waits, and fold the log first where it has grown too large."""
        if self.may_wait is not self._writer_waits:
            timeout_ms = round(1_000 * self._busy_timeout_s) if self.may_wait else 0
            self._writer.execute(f"PRAGMA busy_timeout = {timeout_ms}")
            self._writer_waits = self.may_wait
        if self.checkpointer.is_overdue:
            if not self.may_wait:
                raise LedgerBusy("the write-ahead log has to be folded first")
            self.checkpointer.fold_overdue()

    def _unreadable(self, error: sqlite3.Error) -> LedgerUnavailable:
        self._note_damage(error)
        return LedgerUnavailable(f"the ledger cannot be read: {error}")

    def _note_damage(self, error: sqlite3.Error) -> None:
        """Remember for good that the file is damaged; what was found once is met again."""
        if _get_code(error) in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            self.damage = str(error)

    def _roll_back(self) -> None:
        try:
            if self._writer.in_transaction:
                self._writer.rollback()
        except sqlite3.Error:
            pass  # `recover` tries again before anything else is decided


class IdleCompaction:
    """Merges index entries that a burst left, a little at a time while no tap waits."""

    def __init__(self, ledger: SqliteLedger) -> None:
        self._ledger = ledger

    @property
    def is_due(self) -> bool:
        """Whether a burst left index entries to merge."""
        return self._ledger.index.is_due

    @property
    def can_step(self) -> bool:
        """Whether some of them could be merged now: they are sorted, and all rows are known."""
        return self._ledger.index.can_merge

    def step(self) -> None:
        """Merge some of them, in a transaction without taps. Raises LedgerUnavailable."""
        self._ledger.commit(Changes(()))

    def stepped(self) -> None:
        """What was merged is durable."""
        self._ledger.confirm()


def _get_code(error: sqlite3.Error) -> int:
    """The primary result code of SQLite; 0 of what the driver itself complains about."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def _read_stations(connection: sqlite3.Connection) -> dict[int, str]:
    return dict(connection.execute("SELECT number, station_id FROM stations").fetchall())


assert WIDTH * CHUNK_ROWS < 32_766, "a chunk of rows must fit the variables of one statement"
