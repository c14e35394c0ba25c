"""The small metro that tests of engine and ledger stand on."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from fare_engine.ledger.database import Address, migrate, open_database, writing
from fare_engine.ledger.schema import configuration, list_tables
from fare_engine.ledger.stores.catalogue import store_network
from tests.fare_engine.small_metro import NETWORK, NOON_MS, SmallMetro
from tests.postgresql_server import Databases


@pytest.fixture(scope="session")
def kept_database(databases: Databases) -> Iterator[str]:
    """A database with the tables of this version, for one test after the other."""
    url = databases.make(prepare_tables)
    yield url
    databases.drop(url)


@pytest.fixture
def emptied_database(kept_database: str) -> str:
    """The same with nothing in its tables: to delete some rows is less work than to copy it."""
    others = ("heads", "batches")
    filled = [table.name for table in list_tables("postgresql") if table is not configuration]
    database = open_database(kept_database)
    with writing(database) as connection:
        for name in (*others, *reversed(filled)):
            connection.execute(text(f"DELETE FROM {name}"))
        connection.execute(configuration.update().values(version=1, token_key=None))
        sequences = "SELECT setval(oid::regclass, 1, false) FROM pg_class WHERE relkind = 'S'"
        connection.execute(text(sequences))
    database.dispose()
    return kept_database


@pytest.fixture
def small_database(emptied_database: str) -> str:
    """The same with the small metro's network, as `prepare_database` makes it."""
    database = open_database(emptied_database)
    with writing(database) as connection:
        store_network(connection, NETWORK, "test", NOON_MS)
    database.dispose()
    return emptied_database


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Address:
    """Where a ledger of the small metro is made: a folder, and a PostgreSQL database."""
    if request.param == "sqlite":
        return tmp_path
    url: str = request.getfixturevalue("small_database")
    return url


def prepare_tables(url: str) -> None:
    """Make the tables of this version."""
    database = open_database(url)
    migrate(database)
    database.dispose()


@pytest.fixture
def metro(tmp_path: Path) -> Iterator[SmallMetro]:
    small_metro = SmallMetro(tmp_path)
    yield small_metro
    small_metro.ledger.close()
