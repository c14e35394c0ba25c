"""A ledger for a world's network: what `init` makes, with all gates and crossing lanes."""

from pathlib import Path
from typing import Final

from fare_engine.access_key import ADMIN
from fare_engine.ledger.database import migrate, writing
from fare_engine.ledger.place import LedgerPlace
from fare_engine.ledger.stores import keys as key_store
from fare_engine.ledger.stores.catalogue import (
    load_catalogue,
    publish_policy,
    publish_tariff,
    store_network,
)
from fare_engine.network_file import read_builtin
from fare_engine.opening import make_place
from fare_engine.setup import make_first_tariff
from simulator.world.chengdu import BUILTIN, WorldNetwork

ACTOR: Final = "simulator"


def make_directory(
    path: Path, world: WorldNetwork, now_ms: int, database_url: str | None = None
) -> tuple[LedgerPlace, str]:
    """A new directory with the network and its policies, and an admin key.

    With a URL the ledger is in that database, and the directory has the token key alone.
    """
    place = make_place(path, database_url)
    file = read_builtin(BUILTIN)
    with place.create_ledger() as database:
        migrate(database)
        with writing(database) as connection:
            store_network(connection, world.network, ACTOR, now_ms)
            catalogue = load_catalogue(connection)
            tariff = make_first_tariff(file._replace(network=world.network))
            catalogue = publish_tariff(connection, catalogue, tariff, ACTOR, now_ms)
            for policy in world.policies:
                catalogue = publish_policy(connection, catalogue, policy, ACTOR, now_ms)
            _, key = key_store.create_key(connection, ADMIN, "simulator", None, now_ms, ACTOR)
    return place.open(), key
