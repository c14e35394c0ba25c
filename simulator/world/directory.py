"""A data directory for a world's network: what `init` makes, with all gates and crossing lanes."""

from pathlib import Path
from typing import Final

from fare_engine.access_key import ADMIN
from fare_engine.ledger.database import migrate, open_database, writing
from fare_engine.ledger.sqlite.data_directory import DataDirectory
from fare_engine.ledger.stores import keys as key_store
from fare_engine.ledger.stores.catalogue import (
    load_catalogue,
    publish_policy,
    publish_tariff,
    store_network,
)
from fare_engine.network_file import read_builtin
from fare_engine.setup import make_first_tariff
from simulator.world.chengdu import BUILTIN, WorldNetwork

ACTOR: Final = "simulator"


def make_directory(path: Path, world: WorldNetwork, now_ms: int) -> tuple[DataDirectory, str]:
    """A new directory with the network and its policies, and an admin key."""
    directory = DataDirectory(path)
    file = read_builtin(BUILTIN)
    with directory.create() as ledger_path:
        database = open_database(ledger_path)
        try:
            migrate(database)
            with writing(database) as connection:
                store_network(connection, world.network, ACTOR, now_ms)
                catalogue = load_catalogue(connection)
                tariff = make_first_tariff(file._replace(network=world.network))
                catalogue = publish_tariff(connection, catalogue, tariff, ACTOR, now_ms)
                for policy in world.policies:
                    catalogue = publish_policy(connection, catalogue, policy, ACTOR, now_ms)
                _, key = key_store.create_key(connection, ADMIN, "simulator", None, now_ms, ACTOR)
        finally:
            database.dispose()
    return directory.open(), key
