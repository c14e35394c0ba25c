"""Opens an engine over the ledger of a data directory: for the server, replays and benchmarks."""

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from fare_engine.deciding import NO_SUSPECTS
from fare_engine.engine import BATCH_TAPS_MAX, PENDING_TAPS_MAX, Engine
from fare_engine.ledger.database import check_schema, open_database, reading
from fare_engine.ledger.sqlite.ledger import SqliteLedger
from fare_engine.ledger.stores.published import load_published
from fare_engine.published import Published
from fare_engine.states.memory import MemoryStates


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
    ledger = open_ledger(ledger_path, published)
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


def read_published(ledger_path: Path) -> Published:
    """What a ledger holds of what is published; a server may be using it meanwhile."""
    database = open_database(ledger_path)
    try:
        check_schema(database)
        with reading(database) as connection:
            return load_published(connection)
    finally:
        database.dispose()
