"""The shared ledger's place: a database of PostgreSQL, and a directory with the token key.

The key is the same wherever workers of this ledger run; the database knows its fingerprint, and a
worker with another one does not start.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Self

from sqlalchemy import text

from fare_engine.errors import ConfigurationError, DataDirectoryMissing, DataDirectoryUsed
from fare_engine.ledger.database import (
    Database,
    find_revision,
    name_database,
    open_database,
    reading,
)
from fare_engine.ledger.files import check_is_file, check_modes, list_loose_modes, sync_directory
from fare_engine.ledger.postgresql.ledger import PostgresqlLedger
from fare_engine.ledger.token_key_file import TOKEN_KEY, read_token_key, write_token_key
from fare_engine.published import Published

EMBEDDED_LEDGER: Final = "ledger.sqlite3"
_LOCK_INIT: Final = text("SELECT pg_advisory_xact_lock(hashtextextended('fare-engine init', 0))")
_HAS_NETWORK: Final = text("SELECT EXISTS (SELECT FROM networks)")
_STANDBYS: Final = text("SELECT current_setting('synchronous_standby_names')")


class SharedHold:
    """What any number of processes may have at once."""

    def announce(self, url: str | None) -> None:
        """Nobody has to be asked: operators' commands open the ledger beside the servers."""


class SharedPlace:
    """A database and a data directory as the place of a ledger (`place.LedgerPlace`)."""

    def __init__(self, path: Path, url: str) -> None:
        self.path = path
        self.token_key_path = path / TOKEN_KEY
        self._url = url

    def open(self) -> Self:
        """This place, once its key was found to be there and closed to others."""
        try:
            check_is_file(self.token_key_path)
            check_modes(self.path, self.token_key_path)
        except (FileNotFoundError, NotADirectoryError):
            raise DataDirectoryMissing(
                f"there is no {self.token_key_path}: copy the one that the other machines of this "
                "ledger have; `fare-engine init` makes one for an empty database"
            ) from None
        except OSError as error:
            raise ConfigurationError(f"{self.path} cannot be read: {error.strerror}") from error
        return self

    @contextmanager
    def create_ledger(self) -> Iterator[Database]:
        """Fill an empty database, with the token key that is there or a new one."""
        database = self.open_database()
        try:
            with self._alone(database):
                self._refuse_if_used(database)
                with self._with_token_key():
                    yield database
        finally:
            database.dispose()

    @contextmanager
    def lock(self, purpose: str) -> Iterator[SharedHold]:
        """Nothing is held: what each process does, the database keeps apart."""
        del purpose
        yield SharedHold()

    def open_database(self) -> Database:
        """The database; nothing is read yet."""
        return open_database(self._url, must_exist=True)

    def open_ledger(self, published: Published) -> PostgresqlLedger:
        """The ledger, for the engine of this process; LedgerUnavailable where it cannot be read."""
        return PostgresqlLedger(self._url, published)

    def check_whole(self) -> None:
        """The server itself finds out, before it answers anything."""

    def check_storage(self, warnings: list[str]) -> None:
        """Warn where what is acknowledged stands on one machine alone."""
        database = self.open_database()
        try:
            with reading(database) as connection:
                if not connection.execute(_STANDBYS).scalar_one():
                    warnings.append(
                        f"{name_database(database)} has no synchronous standby: where its machine "
                        "is lost, so are the last taps that were acknowledged"
                    )
        finally:
            database.dispose()

    def list_warnings(self) -> list[str]:
        """What keeps nothing from working, and should be put right: loose modes, another owner."""
        return [*list_loose_modes(self.path, [self.token_key_path])]

    def read_token_key(self) -> bytes:
        """The key that turns media into tokens; FileInvalid when the file is not as written."""
        return read_token_key(self.token_key_path)

    def get_token_key_changed_ms(self) -> int:
        """When the file of the key was changed last, milliseconds since 1970."""
        return self.token_key_path.stat().st_mtime_ns // 1_000_000

    @contextmanager
    def _alone(self, database: Database) -> Iterator[None]:
        """Of two that fill a database at once, the second waits and finds it used."""
        with reading(database) as connection:
            connection.execute(_LOCK_INIT)
            yield

    def _refuse_if_used(self, database: Database) -> None:
        if (self.path / EMBEDDED_LEDGER).exists():
            raise DataDirectoryUsed(
                f"{self.path} holds a ledger of its own; nothing was changed. Name another "
                "directory for the token key"
            )
        if find_revision(database) is None:
            return
        with reading(database) as connection:
            if connection.execute(_HAS_NETWORK).scalar_one():
                raise DataDirectoryUsed(
                    f"{name_database(database)} already holds a ledger; nothing was changed"
                )

    @contextmanager
    def _with_token_key(self) -> Iterator[None]:
        """The key is durable before the database knows it; a new one goes where that fails."""
        if self.token_key_path.exists():
            self.open()
            yield
            return
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_token_key(self.token_key_path)
            sync_directory(self.path)
        except OSError as error:
            raise ConfigurationError(f"{self.path} cannot be made: {error.strerror}") from error
        try:
            yield
        except BaseException:
            self.token_key_path.unlink()
            raise
