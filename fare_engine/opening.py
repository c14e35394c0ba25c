"""Opens an engine over the ledger of a data directory: for the server, replays and benchmarks."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from fare_engine.catalogue import Catalogue
from fare_engine.engine import BATCH_TAPS_MAX, PENDING_TAPS_MAX, Engine
from fare_engine.ledger.database import check_schema, open_database, reading
from fare_engine.ledger.sqlite.ledger import SqliteLedger
from fare_engine.ledger.stores.catalogue import load_catalogue
from fare_engine.states.memory import MemoryIndex


class OpenEngine(NamedTuple):
    """An engine, and the ledger it works over."""

    engine: Engine
    ledger: SqliteLedger


@contextmanager
def open_engine(
    ledger_path: Path,
    catalogue: Catalogue,
    *,
    batch_taps_max: int = BATCH_TAPS_MAX,
    pending_taps_max: int = PENDING_TAPS_MAX,
    open_ledger: Callable[[Path, Catalogue], SqliteLedger] = SqliteLedger,
) -> Iterator[OpenEngine]:
    """An engine over a ledger that this process has for itself; closed at the end.

    The catalogue is the one that the ledger holds (`read_catalogue`).
    """
    ledger = open_ledger(ledger_path, catalogue)
    try:
        engine = Engine(
            ledger,
            MemoryIndex(),
            catalogue,
            batch_taps_max=batch_taps_max,
            pending_taps_max=pending_taps_max,
        )
        yield OpenEngine(engine, ledger)
    finally:
        ledger.close()


def read_catalogue(ledger_path: Path) -> Catalogue:
    """The catalogue of a ledger, which a server may be using meanwhile."""
    database = open_database(ledger_path)
    try:
        check_schema(database)
        with reading(database) as connection:
            return load_catalogue(connection)
    finally:
        database.dispose()
