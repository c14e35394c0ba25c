"""The latest heartbeat of each controller is known to all processes of a shared ledger."""

from collections.abc import Iterator

import pytest

from fare_engine.ledger.database import Database, open_database, reading, writing
from fare_engine.ledger.stores.heartbeats import (
    StoredHeartbeat,
    list_heartbeats,
    store_heartbeat,
)
from tests.fare_engine.ledger.postgresql.shared_world import SharedWorld


@pytest.fixture
def database(world: SharedWorld) -> Iterator[Database]:
    made = open_database(world.url)
    yield made
    made.dispose()


def store(database: Database, *heartbeats: StoredHeartbeat) -> None:
    with writing(database) as connection:
        for heartbeat in heartbeats:
            store_heartbeat(connection, heartbeat)


def test_the_latest_of_each_controller_is_kept(database: Database) -> None:
    first = StoredHeartbeat("one", 1_000, None, 0, {})
    other = StoredHeartbeat("other", 1_000, "v1", 3, {"FHY-A-01": -5})
    store(database, first, other)
    later = StoredHeartbeat("one", 2_000, "v2", 7, {"FHY-C-02": 400_000})
    store(database, later)
    with reading(database) as connection:
        found = list_heartbeats(connection)
    assert sorted(found, key=lambda one: one.controller_id) == [later, other]
