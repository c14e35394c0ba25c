"""Finds out what other workers publish: the database says so, and is asked now and then."""

from typing import Final

import psycopg

from fare_engine.errors import LedgerUnavailable
from fare_engine.ledger.sessions import OPERATOR, Connection, connect, name_database

LOOK_SECONDS: Final = 0.5
"""A word that was lost is made up for within this time."""

_LISTEN: Final = "LISTEN fare_engine_published"
_VERSION: Final = "SELECT version FROM configuration"


class Watch:
    """Waits for a publication on a connection of its own; for one thread."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection: Connection | None = None

    def wait(self) -> int:
        """The version of what is published, once there is another one or a moment has passed."""
        try:
            if self._connection is None or self._connection.closed:
                self._connection = connect(self._url, OPERATOR)
                self._connection.execute(_LISTEN, prepare=False)
            else:
                for _ in self._connection.notifies(timeout=LOOK_SECONDS, stop_after=1):
                    pass
            row = self._connection.execute(_VERSION, prepare=False).fetchone()
        except psycopg.Error as error:
            self.close()
            raise LedgerUnavailable(f"{name_database(self._url)}: {error}") from error
        assert row is not None
        return int(row[0])

    def close(self) -> None:
        """Close the connection; nothing may run."""
        if self._connection is not None:
            self._connection.close()
