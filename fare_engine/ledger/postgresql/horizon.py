"""Follows what all workers commit: in the order of their transactions, none missed, none twice.

Rows are neither gapless nor in the order of commits, and the clocks of workers differ. So `batches`
are read by the number of their transaction, up to the oldest one that may still commit: behind
this horizon nothing can appear. Only a transaction that writes holds it back.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

from fare_engine.errors import EpochEnded
from fare_engine.ledger.sessions import Connection
from fare_engine.ports import START

_BATCHES: Final = """
    SELECT b.xid::text, b.first_row, b.rows FROM batches b
    WHERE (b.xid, b.first_row) >= (%s::text::xid8, %s)
        AND b.xid < pg_snapshot_xmin(pg_current_snapshot())
    ORDER BY b.xid, b.first_row LIMIT %s
"""
_AGE: Final = """
    SELECT pg_snapshot_xmax(s)::text::bigint - pg_snapshot_xmin(s)::text::bigint
    FROM pg_current_snapshot() s
"""


class Position(NamedTuple):
    """Up to where the ledger was followed: the last row, and the batch that it is in."""

    epoch: str
    xid: int = 0
    first_row: int = 0
    row: int = 0

    def format_cursor(self) -> str:
        """The position as a cursor."""
        return f"{self.epoch}:{self.xid}:{self.first_row}:{self.row}"


def parse_cursor(cursor: str, epoch: str) -> Position:
    """The position of a cursor; EpochEnded where it was made before a promotion or a restore."""
    if cursor == START:
        return Position(epoch)
    found, xid, first_row, row = cursor.split(":")
    if found != epoch:
        raise EpochEnded(
            "the ledger was restored or promoted since this cursor was given: what was followed "
            "may not be in it; follow it again from the beginning"
        )
    return Position(epoch, int(xid), int(first_row), int(row))


def list_rows(
    connection: Connection, position: Position, limit: int
) -> tuple[Sequence[int], Position]:
    """The next rows behind a position, up to so many, and the position behind them."""
    parameters = (str(position.xid), position.first_row, limit + 1)
    found: list[int] = []
    for xid, first_row, count in connection.execute(_BATCHES, parameters, prepare=True):
        is_begun = (int(xid), first_row) == (position.xid, position.first_row)
        begins = position.row + 1 if is_begun else first_row
        rows = range(begins, first_row + count)[: limit - len(found)]
        if rows:
            found += rows
            position = position._replace(xid=int(xid), first_row=first_row, row=rows[-1])
        if len(found) == limit:
            break
    return found, position


def read_age(connection: Connection) -> int:
    """How many transactions the horizon is behind: it grows while one that writes stays open."""
    row = connection.execute(_AGE, prepare=False).fetchone()
    assert row is not None
    return int(row[0])
