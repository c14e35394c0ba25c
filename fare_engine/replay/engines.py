"""The engines that decide a replay: over a ledger that is gone afterwards, or over a real one."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from fare_engine.catalogue import Catalogue
from fare_engine.engine import Engine
from fare_engine.ledger.database import migrate, open_database, writing
from fare_engine.ledger.sqlite.data_directory import DataDirectory
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
        with open_engine(path, Published(0, numbered)) as (engine, _):
            yield engine


@contextmanager
def open_directory(directory: DataDirectory) -> Iterator[Engine]:
    """An engine over the ledger of a data directory, which is held alone meanwhile."""
    with directory.lock("replay"):
        database = open_database(directory.ledger_path, must_exist=True)
        try:
            check_ledger(directory, database)
        finally:
            database.dispose()
        published = read_published(directory.ledger_path)
        with open_engine(directory.ledger_path, published) as (engine, _):
            yield engine


def record_replay(
    directory: DataDirectory, file_name: str, format_name: str, taps: int, now_ms: int
) -> None:
    """Write down in the audit that these taps came from a file and not from gates."""
    database = open_database(directory.ledger_path, must_exist=True)
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
