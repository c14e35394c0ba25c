"""The embedded ledger's place: a data directory with the ledger, its key and its lock."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from fare_engine.errors import ConfigurationError, DataDirectoryInUse, LedgerUnavailable
from fare_engine.ledger.database import Database, open_database
from fare_engine.ledger.sqlite.data_directory import DataDirectory
from fare_engine.ledger.sqlite.ledger import SqliteLedger
from fare_engine.ledger.sqlite.loss import check_whole
from fare_engine.published import Published

ROOM_BYTES: Final = 2**20
"""What a ledger needs at least to store a batch of taps."""

_PROBE: Final = ".writing"


class EmbeddedPlace(DataDirectory):
    """A data directory as the place of a ledger (`place.LedgerPlace`)."""

    @contextmanager
    def create_ledger(self) -> Iterator[Database]:
        """Make the directory: fill the database, then leave the block."""
        with self.create() as ledger_path:
            database = open_database(ledger_path)
            try:
                yield database
            finally:
                # With its last connection SQLite folds the log into the file.
                database.dispose()

    def open_database(self) -> Database:
        """The ledger's database, which must exist; nothing is read yet."""
        return open_database(self.ledger_path, must_exist=True)

    def open_ledger(self, published: Published) -> SqliteLedger:
        """The ledger, for the engine of this process; LedgerUnavailable where it cannot be read."""
        try:
            return SqliteLedger(self.ledger_path, published)
        except sqlite3.Error as error:
            raise LedgerUnavailable(f"{self.ledger_path} cannot be read: {error}") from error

    def check_whole(self) -> None:
        """Raise LedgerIncomplete where what was acknowledged is missing. It is locked."""
        check_whole(self.ledger_path)

    def check_storage(self, warnings: list[str]) -> None:
        """The log is whole, and there is room; raises what keeps from a start.

        The log is read only while nobody has the directory: a server has read it at its start.
        """
        try:
            with self.lock("config check"):
                self.check_whole()
        except DataDirectoryInUse as error:
            if error.url is None:
                warnings.append(f"the log was not read: {error}")
        self._check_room()

    def _check_room(self) -> None:
        """Write as much as a batch needs, which a quota or a limit of the process may refuse."""
        path = self.path / _PROBE
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            try:
                os.posix_fallocate(descriptor, 0, ROOM_BYTES)
            finally:
                os.close(descriptor)
                path.unlink()
        except OSError as error:
            raise ConfigurationError(
                f"{self.path} cannot be written: {error.strerror}; every tap would be refused"
            ) from error
