"""The databases that tests of the stores stand on: a file, and one of PostgreSQL."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from fare_engine.ledger.database import Connection, Database, migrate, open_database, writing
from fare_engine.ledger.stores.catalogue import store_network
from tests.fare_engine.small_metro import NETWORK, NOON_MS


@pytest.fixture(scope="session")
def empty_ledger(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The file of a ledger with the tables of this version, to be copied."""
    path = tmp_path_factory.mktemp("empty") / "ledger.sqlite3"
    database = open_database(path)
    migrate(database)
    database.dispose()
    return path.read_bytes()


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A database with the tables of this version, and nothing in them."""
    if request.param == "sqlite":
        path = tmp_path / "ledger.sqlite3"
        path.write_bytes(request.getfixturevalue("empty_ledger"))
        database = open_database(path)
    else:
        database = open_database(request.getfixturevalue("emptied_database"))
    yield database
    database.dispose()


@pytest.fixture
def connection(engine: Database) -> Iterator[Connection]:
    """A transaction that writes to a ledger with the small metro's network."""
    with writing(engine) as connection:
        store_network(connection, NETWORK, "test", NOON_MS)
        yield connection
