"""Opens an engine over a ledger: for the server, operators' commands, replays and benchmarks."""

import logging
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from fare_engine.deciding import NO_SUSPECTS
from fare_engine.engine import BATCH_TAPS_MAX, PENDING_TAPS_MAX, Engine
from fare_engine.ledger.database import (
    Database,
    check_schema,
    make_driver_missing,
    reading,
    writing,
)
from fare_engine.ledger.place import LedgerPlace, OpenLedger
from fare_engine.ledger.soundness import check_tables
from fare_engine.ledger.sqlite.place import EmbeddedPlace
from fare_engine.ledger.stores.published import load_published
from fare_engine.ledger.stores.token_key import (
    check_token_key,
    is_key_plausible,
    store_fingerprint,
)
from fare_engine.published import Published
from fare_engine.states.memory import MemoryStates
from fare_engine.states.none import NoStates

logger = logging.getLogger(__name__)

L = TypeVar("L", bound=OpenLedger)


def make_place(data_dir: Path, database_url: str | None = None) -> LedgerPlace:
    """The place of a ledger: a database where a URL names one, else the data directory alone.

    Nothing is looked at yet. ConfigurationError where the driver of the database is missing.
    """
    if database_url is None:
        return EmbeddedPlace(data_dir)
    try:
        from fare_engine.ledger.postgresql.place import SharedPlace  # noqa: PLC0415 - an extra
    except ModuleNotFoundError as error:
        raise make_driver_missing(error) from error
    return SharedPlace(data_dir, database_url)


@contextmanager
def open_engine(
    open_ledger: Callable[[Published], L],
    published: Published,
    *,
    batch_taps_max: int = BATCH_TAPS_MAX,
    pending_taps_max: int = PENDING_TAPS_MAX,
    suspect_gates: Collection[str] = NO_SUSPECTS,
) -> Iterator[tuple[Engine, L]]:
    """An engine over a ledger (`LedgerPlace.open_ledger`), which is closed at the end.

    `published` is what the ledger holds (`read_published`).
    """
    ledger = open_ledger(published)
    try:
        engine = Engine(
            ledger,
            MemoryStates() if ledger.is_local else NoStates(),
            published,
            batch_taps_max=batch_taps_max,
            pending_taps_max=pending_taps_max,
            suspect_gates=suspect_gates,
        )
        yield engine, ledger
    finally:
        ledger.close()


def check_ledger(place: LedgerPlace, database: Database) -> None:
    """Refuse a ledger that is not whole, not of this schema, or not of this token key.

    The place is locked, and nothing of the ledger was opened before: what a cut-off process left
    is looked at first. LedgerIncomplete, SchemaVersionWrong, LedgerDamaged, LedgerUnavailable
    or TokenKeyWrong says what it is.
    """
    place.check_whole()
    check_contents(place, database)


def check_contents(place: LedgerPlace, database: Database) -> None:
    """Refuse a ledger that is not of this schema, damaged, or not of this token key."""
    check_schema(database)
    with reading(database) as connection:
        check_tables(connection)
    if not know_token_key(place, database):
        logger.warning(
            "the ledger does not know its token key, and token.key is newer than its last tap: "
            "where it is the right one, `fare-engine config accept-token-key`"
        )


def know_token_key(place: LedgerPlace, database: Database) -> bool:
    """Check the token key; whether the ledger knows it, from now on if it is plausible.

    TokenKeyWrong for the key of another ledger. A ledger of before learns its key when no tap in it
    is older than the file.
    """
    key = place.read_token_key()
    with reading(database) as connection:
        if check_token_key(connection, key):
            return True
        if not is_key_plausible(connection, place.get_token_key_changed_ms()):
            return False
    with writing(database) as connection:
        store_fingerprint(connection, key)
    return True


def read_published(place: LedgerPlace) -> Published:
    """What a ledger holds of what is published; a server may be using it meanwhile."""
    database = place.open_database()
    try:
        check_schema(database)
        with reading(database) as connection:
            return load_published(connection)
    finally:
        database.dispose()
