"""What an operator can have checked of a data directory at any time, also beside a server."""

from collections.abc import Iterator
from typing import Final

from fare_engine.errors import LedgerUnavailable, TokenKeyWrong
from fare_engine.ledger.database import Connection, Database, check_schema, reading
from fare_engine.ledger.place import LedgerPlace
from fare_engine.ledger.soundness import (
    find_last_instant,
    list_page_faults,
    list_row_faults,
    list_table_faults,
)
from fare_engine.ledger.sqlite.deep_check import Progress, list_ledger_faults
from fare_engine.ledger.sqlite.place import EmbeddedPlace
from fare_engine.ledger.stores.published import load_published
from fare_engine.ledger.stores.token_key import check_token_key, is_key_plausible

CLOCK_BACK_MAX_MS: Final = 5 * 60_000
"""A clock so far behind what was stored last takes taps of now for taps of the future."""


def check_database(place: LedgerPlace, database: Database, warnings: list[str]) -> Iterator[str]:
    """Tables that are missing or cannot be read, and a token key that is another ledger's."""
    check_schema(database)
    with reading(database) as connection:
        faults = list_table_faults(connection)
        yield from faults
        yield from list_page_faults(connection)
        if faults:
            raise LedgerUnavailable("the ledger is damaged: restore a backup")
        try:
            is_known = check_token_key(connection, place.read_token_key())
        except TokenKeyWrong as error:
            yield str(error)
            return
        changed_at_ms = place.get_token_key_changed_ms()
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


def list_deep_faults(place: LedgerPlace, progress: Progress) -> list[str]:
    """Everything in the ledger that contradicts itself; it may take minutes."""
    database = place.open_database()
    try:
        with reading(database) as connection:
            catalogue = load_published(connection).catalogue
            progress("tables", 0, None)
            faults = list_row_faults(connection)
        if isinstance(place, EmbeddedPlace):
            faults += list_ledger_faults(place.ledger_path, catalogue, progress)
    finally:
        # Last, since a connection that only reads leaves an empty log behind.
        database.dispose()
    return faults
