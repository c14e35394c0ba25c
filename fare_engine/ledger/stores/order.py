"""One order for the changes of all writers, so that a client that pages by a number misses none.

A database that takes several writers gives out numbers before it commits what they are for: a lower
one might appear after a higher one was read. So all that is listed by such a number (the audit,
adjustments) is stored under the lock of the one row of the configuration, which is held until the
transaction ends. Commits of taps read that row, and wait for nobody.
"""

from sqlalchemy import Connection, select

from fare_engine.ledger.schema import configuration


def lock_changes(connection: Connection) -> None:
    """Wait until no other change is under way; none begins until this transaction ends."""
    connection.execute(select(configuration.c.version).with_for_update())
