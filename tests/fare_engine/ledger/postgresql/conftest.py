"""The ledger that tests of PostgreSQL stand on."""

from collections.abc import Callable, Iterator

import pytest

from tests.fare_engine.ledger.postgresql.shared_world import SharedWorld


@pytest.fixture
def world(make_database: Callable[..., str]) -> Iterator[SharedWorld]:
    shared_world = SharedWorld(make_database)
    yield shared_world
    shared_world.close()
