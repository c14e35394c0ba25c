"""The one file of a station's controller: what must survive a crash, durable before a gate moves.

SQLite with `synchronous=FULL`: a committed transaction is there after a crash, and one that was cut
off never happened. One controller locks the directory; an operator's commands may read and write
the file meanwhile.
"""

import fcntl
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from gates.errors import OutboxBroken, OutboxInUse
from gates.times import now_ms

FILE_NAME: Final = "controller.sqlite3"
LOCK_NAME: Final = "controller.lock"
SCHEMA_VERSION: Final = 1
BUSY_TIMEOUT_S: Final = 1.0
"""How long to wait for the other writer: an operator's command, which is short."""

_SCHEMA: Final = """
CREATE TABLE facts (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;

CREATE TABLE sequences (
    gate_id TEXT NOT NULL, service_day INTEGER NOT NULL, last INTEGER NOT NULL,
    PRIMARY KEY (gate_id, service_day)
) STRICT, WITHOUT ROWID;

-- place: the order in which the station took them, never given twice. gate_opened, fare_taken:
-- what the gate did, null while the tap is at the lane. standing: see gates.outbox.Standing.
-- state_before: the token's state before this tap, for when the passenger did not pass.
CREATE TABLE taps (
    place INTEGER PRIMARY KEY AUTOINCREMENT,
    tap_id TEXT NOT NULL UNIQUE,
    gate_id TEXT NOT NULL,
    direction INTEGER NOT NULL,
    medium_type TEXT NOT NULL,
    token BLOB NOT NULL,
    code_id TEXT,
    occurred_at INTEGER NOT NULL,
    gate_opened INTEGER,
    fare_taken INTEGER,
    reason TEXT,
    alone INTEGER NOT NULL DEFAULT 0,
    standing INTEGER NOT NULL DEFAULT 0,
    problem TEXT,
    state_before TEXT
) STRICT;
CREATE INDEX taps_standing ON taps (standing, place);
CREATE INDEX taps_waiting ON taps (token, place) WHERE standing = 0;
CREATE INDEX taps_at_lane ON taps (place) WHERE gate_opened IS NULL;
CREATE INDEX taps_code ON taps (code_id) WHERE code_id IS NOT NULL;

CREATE TABLE reports (
    place INTEGER PRIMARY KEY REFERENCES taps ON DELETE CASCADE,
    passed INTEGER NOT NULL,
    cause TEXT,
    standing INTEGER NOT NULL DEFAULT 0,
    problem TEXT
) STRICT;
CREATE INDEX reports_standing ON reports (standing, place);

CREATE TABLE states (
    token BLOB PRIMARY KEY, touched_at INTEGER NOT NULL, document TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX states_touched ON states (touched_at);

CREATE TABLE parameters (
    place INTEGER PRIMARY KEY AUTOINCREMENT, version TEXT NOT NULL, document BLOB NOT NULL
) STRICT;

CREATE TABLE modes (
    place INTEGER PRIMARY KEY, mode TEXT NOT NULL,
    effective_from INTEGER NOT NULL, effective_to INTEGER, reason TEXT NOT NULL
) STRICT;
"""


class StationFile:
    """An open file; `transaction` writes, `read` queries. OutboxBroken when SQLite cannot."""

    def __init__(self, directory: Path) -> None:
        """Open the file in this directory; both are created when missing."""
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            path = directory / FILE_NAME
            path.touch(mode=0o600)
            self._sql = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None)
        except (OSError, sqlite3.Error) as error:
            raise OutboxBroken(f"{directory}: {error}") from error
        with self._naming_errors():
            self._sql.execute("PRAGMA journal_mode = WAL")
            self._sql.execute("PRAGMA synchronous = FULL")
            self._sql.execute("PRAGMA foreign_keys = ON")
            self._prepare()
        rows = self.read("SELECT value FROM facts WHERE name = 'created_at'")
        self.created_at_ms: int = rows[0][0]

    def transaction(self) -> "_Transaction":
        """All writes inside become durable at the end, or none of them."""
        return _Transaction(self._sql, self._begin, self._commit)

    def _begin(self) -> None:
        self._sql.execute("BEGIN IMMEDIATE")

    def _commit(self) -> None:
        self._sql.execute("COMMIT")

    def read(self, statement: str, values: tuple[Any, ...] = ()) -> list[Any]:
        """The rows of a query."""
        try:
            return self._sql.execute(statement, values).fetchall()
        except sqlite3.Error as error:
            raise OutboxBroken(str(error)) from error

    def close(self) -> None:
        """Close the file."""
        self._sql.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _prepare(self) -> None:
        """Create the tables of a new file; refuse one of another version."""
        sql = self._sql
        sql.execute("BEGIN IMMEDIATE")
        (version,) = sql.execute("PRAGMA user_version").fetchone()
        if version == 0:
            for statement in _SCHEMA.split(";\n"):
                sql.execute(statement)
            sql.execute("INSERT INTO facts VALUES ('created_at', ?)", (now_ms(),))
            sql.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        elif version != SCHEMA_VERSION:
            raise OutboxBroken(f"the file is of version {version}, not {SCHEMA_VERSION}")
        sql.execute("COMMIT")

    @contextmanager
    def _naming_errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise OutboxBroken(str(error)) from error


class _Transaction:
    """A transaction of a file: begun on entering, committed or rolled back on leaving."""

    __slots__ = "_begin", "_commit", "_sql"

    def __init__(
        self, sql: sqlite3.Connection, begin: Callable[[], None], commit: Callable[[], None]
    ) -> None:
        self._sql = sql
        self._begin = begin
        self._commit = commit

    def __enter__(self) -> sqlite3.Connection:
        try:
            self._begin()
        except sqlite3.Error as error:
            raise OutboxBroken(str(error)) from error
        return self._sql

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            if error is not None:
                self._roll_back()
                if isinstance(error, sqlite3.Error):
                    raise error
                return
            try:
                self._commit()
            except BaseException:
                self._roll_back()
                raise
        except sqlite3.Error as broken:
            raise OutboxBroken(str(broken)) from broken

    def _roll_back(self) -> None:
        if self._sql.in_transaction:
            self._sql.execute("ROLLBACK")


@contextmanager
def lock_directory(directory: Path) -> Iterator[None]:
    """Be the only controller of a directory, until the process ends; else OutboxInUse."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(directory / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise OutboxInUse(f"another controller is using {directory}") from None
        yield
    finally:
        os.close(descriptor)
