"""What an operator can have checked of a data directory at any time, also beside a server."""

import os
from collections.abc import Iterator
from typing import Final

from fare_engine.errors import (
    ConfigurationError,
    DataDirectoryInUse,
    LedgerUnavailable,
    TokenKeyWrong,
)
from fare_engine.ledger.database import (
    Connection,
    Database,
    check_schema,
    open_database,
    reading,
)
from fare_engine.ledger.soundness import (
    find_last_instant,
    list_page_faults,
    list_row_faults,
    list_table_faults,
)
from fare_engine.ledger.sqlite.data_directory import DataDirectory
from fare_engine.ledger.sqlite.deep_check import Progress, list_ledger_faults
from fare_engine.ledger.sqlite.loss import check_whole
from fare_engine.ledger.stores.published import load_published
from fare_engine.ledger.stores.token_key import check_token_key, is_key_plausible

ROOM_BYTES: Final = 2**20
"""What a ledger needs at least to store a batch of taps."""

CLOCK_BACK_MAX_MS: Final = 5 * 60_000
"""A clock so far behind what was stored last takes taps of now for taps of the future."""

_PROBE: Final = ".writing"


def check_files(directory: DataDirectory, warnings: list[str]) -> None:
    """The key can be read, the log is whole, and there is room; raises what keeps from a start.

    The log is read only while nobody has the directory: a server has read it at its start.
    """
    directory.read_token_key()
    try:
        with directory.lock("config check"):
            check_whole(directory.ledger_path)
    except DataDirectoryInUse as error:
        if error.url is None:
            warnings.append(f"the log was not read: {error}")
    _check_room(directory)


def check_database(
    directory: DataDirectory, database: Database, warnings: list[str]
) -> Iterator[str]:
    """Tables that are missing or cannot be read, and a token key that is another ledger's."""
    check_schema(database)
    with reading(database) as connection:
        faults = list_table_faults(connection)
        yield from faults
        yield from list_page_faults(connection)
        if faults:
            raise LedgerUnavailable("the ledger is damaged: restore a backup")
        try:
            is_known = check_token_key(connection, directory.read_token_key())
        except TokenKeyWrong as error:
            yield str(error)
            return
        changed_at_ms = directory.get_token_key_changed_ms()
        if not is_known and not is_key_plausible(connection, changed_at_ms):
            warnings.append(
                "the ledger does not know its token key, and token.key is newer than its last tap"
            )


def check_clock(connection: Connection, now_ms: int) -> Iterator[str]:
    """A clock of this machine that is behind what was stored last."""
    behind_ms = (find_last_instant(connection) or now_ms) - now_ms
    if behind_ms > CLOCK_BACK_MAX_MS:
        yield (
            f"the clock of this machine is {behind_ms // 1_000} s behind what the ledger stored "
            "last: set one or the other right before a start"
        )


def list_deep_faults(directory: DataDirectory, progress: Progress) -> list[str]:
    """Everything in the ledger that contradicts itself; it may take minutes."""
    database = open_database(directory.ledger_path, must_exist=True)
    try:
        with reading(database) as connection:
            catalogue = load_published(connection).catalogue
            progress("tables", 0, None)
            faults = list_row_faults(connection)
        faults += list_ledger_faults(directory.ledger_path, catalogue, progress)
    finally:
        # Last, since a connection that only reads leaves an empty log behind.
        database.dispose()
    return faults


def _check_room(directory: DataDirectory) -> None:
    """Write as much as a batch needs, which also a quota or a limit of the process may refuse."""
    path = directory.path / _PROBE
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            os.posix_fallocate(descriptor, 0, ROOM_BYTES)
        finally:
            os.close(descriptor)
            path.unlink()
    except OSError as error:
        raise ConfigurationError(
            f"{directory.path} cannot be written: {error.strerror}; every tap would be refused"
        ) from error
