"""What is published, read as one value, and the version that every change raises."""

import pytest

from fare_engine.access_key import GATE
from fare_engine.errors import CatalogueInvalid
from fare_engine.ledger.database import Connection, Database, reading, writing
from fare_engine.ledger.stores.blocked import BlockedMedium, block
from fare_engine.ledger.stores.catalogue import store_network
from fare_engine.ledger.stores.keys import create_key, hash_secret
from fare_engine.ledger.stores.published import load_published, raise_version
from fare_engine.published import Published
from tests.fare_engine.small_metro import NETWORK, NOON_MS

TOKEN = b"t" * 16


@pytest.fixture
def database(engine: Database) -> Database:
    with writing(engine) as connection:
        store_network(connection, NETWORK, "test", NOON_MS)
    return engine


def load(database: Database) -> Published:
    with reading(database) as connection:
        return load_published(connection)


def change_in_vain(connection: Connection) -> None:
    raise_version(connection)
    create_key(connection, GATE, "fhy", ["nowhere"], NOON_MS)


def test_a_new_ledger_has_published_its_network_as_version_1(database: Database) -> None:
    published = load(database)
    assert published.version == 1
    assert {gate.gate_id for gate in published.catalogue.network.gates} == {
        gate.gate_id for gate in NETWORK.gates
    }
    assert (published.keys, published.blocked) == ({}, {})


def test_a_change_raises_the_version_with_what_it_publishes(database: Database) -> None:
    medium = BlockedMedium(TOKEN, "qr", None, "lost", NOON_MS)
    with writing(database) as connection:
        assert raise_version(connection) == 2
        key, secret = create_key(connection, GATE, "fhy", ["FHY"], NOON_MS)
        block(connection, medium, "test", NOON_MS)
    published = load(database)
    assert published.version == 2
    assert published.keys == {hash_secret(secret): key}
    assert published.blocked == {TOKEN: NOON_MS}


def test_a_change_that_fails_leaves_the_version_as_it_was(database: Database) -> None:
    with pytest.raises(CatalogueInvalid), writing(database) as connection:
        change_in_vain(connection)
    assert load(database).version == 1
