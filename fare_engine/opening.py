"""Opens an engine over the ledger of a data directory: for the server, replays and benchmarks."""

import logging
import sqlite3
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from fare_engine.deciding import NO_SUSPECTS
from fare_engine.engine import BATCH_TAPS_MAX, PENDING_TAPS_MAX, Engine
from fare_engine.errors import LedgerUnavailable
from fare_engine.ledger.database import (
    Database,
    check_schema,
    open_database,
    reading,
    writing,
)
from fare_engine.ledger.soundness import check_tables
from fare_engine.ledger.sqlite.data_directory import DataDirectory
from fare_engine.ledger.sqlite.ledger import SqliteLedger
from fare_engine.ledger.sqlite.loss import check_whole
from fare_engine.ledger.stores.published import load_published
from fare_engine.ledger.stores.token_key import (
    check_token_key,
    is_key_plausible,
    store_fingerprint,
)
from fare_engine.published import Published
from fare_engine.states.memory import MemoryStates

logger = logging.getLogger(__name__)


@contextmanager
def open_engine(
    ledger_path: Path,
    published: Published,
    *,
    batch_taps_max: int = BATCH_TAPS_MAX,
    pending_taps_max: int = PENDING_TAPS_MAX,
    suspect_gates: Collection[str] = NO_SUSPECTS,
    open_ledger: Callable[[Path, Published], SqliteLedger] = SqliteLedger,
) -> Iterator[tuple[Engine, SqliteLedger]]:
    """An engine over a ledger that this process has for itself; closed at the end.

    `published` is what the ledger holds (`read_published`).
    """
    try:
        ledger = open_ledger(ledger_path, published)
    except sqlite3.Error as error:
        raise LedgerUnavailable(f"{ledger_path} cannot be read: {error}") from error
    try:
        engine = Engine(
            ledger,
            MemoryStates(),
            published,
            batch_taps_max=batch_taps_max,
            pending_taps_max=pending_taps_max,
            suspect_gates=suspect_gates,
        )
        yield engine, ledger
    finally:
        ledger.close()


def check_ledger(directory: DataDirectory, database: Database) -> None:
    """Refuse a ledger that is not whole, not of this schema, or not of this token key.

    The directory is locked, and nothing of the ledger was opened before: what a cut-off process
    left is looked at first. LedgerIncomplete, SchemaVersionWrong, LedgerDamaged, LedgerUnavailable
    or TokenKeyWrong says what it is.
    """
    check_whole(directory.ledger_path)
    check_contents(directory, database)


def check_contents(directory: DataDirectory, database: Database) -> None:
    """Refuse a ledger that is not of this schema, damaged, or not of this token key."""
    check_schema(database)
    with reading(database) as connection:
        check_tables(connection)
    if not know_token_key(directory, database):
        logger.warning(
            "the ledger does not know its token key, and token.key is newer than its last tap: "
            "where it is the right one, `fare-engine config accept-token-key`"
        )


def know_token_key(directory: DataDirectory, database: Database) -> bool:
    """Check the token key; whether the ledger knows it, from now on if it is plausible.

    TokenKeyWrong for the key of another ledger. A ledger of before learns its key when no tap in it
    is older than the file.
    """
    key = directory.read_token_key()
    with reading(database) as connection:
        if check_token_key(connection, key):
            return True
        if not is_key_plausible(connection, directory.get_token_key_changed_ms()):
            return False
    with writing(database) as connection:
        store_fingerprint(connection, key)
    return True


def read_published(ledger_path: Path) -> Published:
    """What a ledger holds of what is published; a server may be using it meanwhile."""
    database = open_database(ledger_path, must_exist=True)
    try:
        check_schema(database)
        with reading(database) as connection:
            return load_published(connection)
    finally:
        database.dispose()
