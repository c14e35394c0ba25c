"""Partitions of `taps`: made ahead, since a commit fails where its rows have none.

A worker that sees fewer rows ahead than one partition has makes the next one, beside its commits.
"""

from typing import Final

import psycopg

from fare_engine.errors import LedgerUnavailable
from fare_engine.ledger.sessions import OPERATOR, Connection, connect

PARTITION_ROWS: Final = 50_000_000
"""Some days of a large metro: small enough to be dropped at once when nothing in it is kept."""


def read_end(connection: Connection) -> int:
    """The row that the last partition ends before."""
    row = connection.execute("SELECT find_partitions_end()", prepare=False).fetchone()
    assert row is not None
    return int(row[0])


class Partitioning:
    """Makes partitions ahead while no tap waits (`ports.Maintenance`).

    The ledger sets `highest_row`, the last row of the latest block that it has taken, and `end`
    with every connection.
    """

    def __init__(self, url: str, partition_rows: int = PARTITION_ROWS) -> None:
        self._url = url
        self._partition_rows = partition_rows
        self._made_end = 0
        self.highest_row = 0
        self.end = 0

    @property
    def is_due(self) -> bool:
        """Whether less than a whole partition is ahead."""
        return self.end - self.highest_row <= self._partition_rows

    @property
    def can_step(self) -> bool:
        """Whether a step would do some of it now."""
        return self.is_due

    def step(self) -> None:
        """Make the next partition, unless another worker has made it meanwhile."""
        try:
            with connect(self._url, OPERATOR) as connection:
                query = "SELECT make_partition(%s, %s)"
                row = connection.execute(query, (self.end, self._partition_rows)).fetchone()
                assert row is not None
                self._made_end = int(row[0])
        except psycopg.Error as error:
            raise LedgerUnavailable(f"no partition could be made: {error}") from error

    def stepped(self) -> None:
        """The step has succeeded."""
        self.end = self._made_end
