"""The engines that decide a replay: over a ledger that is gone afterwards, or over a real one."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

from fare_engine.catalogue import Catalogue
from fare_engine.engine import Engine
from fare_engine.ledger.database import migrate, open_database, writing
from fare_engine.ledger.place import LedgerPlace
from fare_engine.ledger.sqlite.ledger import SqliteLedger
from fare_engine.ledger.stores.audit import record_change
from fare_engine.ledger.stores.network_rows import insert_network
from fare_engine.opening import check_ledger, open_engine, read_published
from fare_engine.published import Published

ACTOR = "command line"


@contextmanager
def open_scratch(catalogue: Catalogue) -> Iterator[Engine]:
    """An engine over a ledger of its own in a temporary directory, which is removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="fare-replay-") as directory:
        path = Path(directory) / "ledger.sqlite3"
        database = open_database(path)
        try:
            migrate(database)
            with writing(database) as connection:
                # Not `store_network`: what a file names need not be a network that could be run.
                network = insert_network(connection, catalogue.network)
        finally:
            database.dispose()
        numbered = replace(catalogue, network=network, terms={})
        with open_engine(partial(SqliteLedger, path), Published(0, numbered)) as (engine, _):
            yield engine


@contextmanager
def open_in_place(place: LedgerPlace) -> Iterator[Engine]:
    """An engine over the ledger of a place; the embedded one is held alone meanwhile."""
    with place.lock("replay"):
        database = place.open_database()
        try:
            check_ledger(place, database)
        finally:
            database.dispose()
        with open_engine(place.open_ledger, read_published(place)) as (engine, _):
            yield engine


def record_replay(
    place: LedgerPlace, file_name: str, format_name: str, taps: int, now_ms: int
) -> None:
    """Write down in the audit that these taps came from a file and not from gates."""
    database = place.open_database()
    try:
        with writing(database) as connection:
            record_change(
                connection,
                at_ms=now_ms,
                actor=ACTOR,
                action="taps.replayed",
                subject=file_name[:100],
                after={"format": format_name, "taps": taps},
            )
    finally:
        database.dispose()
