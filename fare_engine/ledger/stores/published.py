"""What operators have published, read as one value, and its version, raised by every change."""

from sqlalchemy import Connection, select
from sqlalchemy.exc import NoResultFound

from fare_engine.errors import LedgerDamaged
from fare_engine.ledger.rows import UNREADABLE
from fare_engine.ledger.schema import configuration
from fare_engine.ledger.stores.blocked import load_blocked
from fare_engine.ledger.stores.catalogue import load_catalogue
from fare_engine.ledger.stores.keys import load_keys
from fare_engine.published import Published


def load_published(connection: Connection) -> Published:
    """Everything that is published now; LedgerDamaged when it is not as it was written."""
    try:
        return Published(
            get_version(connection),
            load_catalogue(connection),
            load_keys(connection),
            load_blocked(connection),
        )
    except (*UNREADABLE, NoResultFound) as error:
        raise LedgerDamaged(
            f"what is published cannot be read: {type(error).__name__}: {error}"
        ) from error


def get_version(connection: Connection) -> int:
    """The version of what is published now."""
    version: int = connection.execute(select(configuration.c.version)).scalar_one()
    return version


def raise_version(connection: Connection) -> int:
    """Begin a change of what is published; the version that it makes.

    Called first in every such transaction: it puts the changes of all writers in one order.
    """
    raised = configuration.c.version + 1
    query = configuration.update().values(version=raised).returning(configuration.c.version)
    version: int = connection.execute(query).scalar_one()
    return version
