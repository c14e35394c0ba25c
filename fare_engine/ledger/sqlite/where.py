"""Where taps stand in the embedded ledger: in the index tables, or behind the last merged row."""

import sqlite3
from collections.abc import Callable, Collection, Iterable
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, func, or_, select

from fare_engine.errors import LedgerUnavailable
from fare_engine.ledger.rows import TapRow
from fare_engine.ledger.schema import ledger_marks, tap_ids, taps, token_rows
from fare_engine.ledger.sqlite.index.tables import MERGED_THROUGH
from fare_engine.ledger.sqlite.statements import LOOKUP_MAX
from fare_engine.ledger.where import End


class SqliteWhere:
    """Finds taps for queries (`where.Where`).

    `find_recent_row` finds the row of a tap in the index's memory, in any thread. A tap's row is
    asked of it first, and then of the tables: SQLite's snapshot begins with the first SELECT of a
    connection, so an entry that leaves memory in between stands in the tables by then.

    Taps of tokens are not asked of memory: those behind the last merged row are read, in the same
    snapshot as the mark of that row.
    """

    def __init__(self, find_recent_row: Callable[[str], int | None]) -> None:
        self._find_recent_row = find_recent_row

    def find_end(self, connection: Connection) -> End:
        """The last row: one process writes this ledger, one batch after the other."""
        last_row = connection.execute(select(func.max(taps.c.row))).scalar_one() or 0
        return End(last_row, taps.c.row <= last_row)

    def page(self, query: Select[Any], row: ColumnElement[int], after_row: int) -> Select[Any]:
        """The rows of a query behind one of them; they rise with every commit."""
        return query.where(row > after_row).order_by(row)

    def find_row(self, connection: Connection, tap_id: str) -> int | None:
        """The row of a tap; nothing may have been read on the connection before."""
        try:
            row = self._find_recent_row(tap_id)
        except sqlite3.Error as error:
            raise LedgerUnavailable(f"the ledger cannot be read: {error}") from error
        if row is None:
            query = select(tap_ids.c.row).where(tap_ids.c.tap_id == tap_id)
            row = connection.execute(query).scalar_one_or_none()
        return row

    def list_later(
        self, connection: Connection, tap: TapRow, condition: ColumnElement[bool]
    ) -> list[TapRow]:
        """Taps of the same token that changed its state after this one, by their numbers."""
        number = tap.number or 0
        merged = (
            select(*taps.c)
            .join(token_rows, token_rows.c.row == taps.c.row)
            .where(token_rows.c.token == tap.token, token_rows.c.number > number, condition)
        )
        # One process writes this ledger, so what is later in a chain stands behind.
        after_row = max(_read_merged_through(connection), tap.row)
        recent = select(*taps.c).where(
            taps.c.row > after_row, taps.c.token == tap.token, taps.c.number > number, condition
        )
        found = [*_read(connection, merged), *_read(connection, recent)]
        return sorted(found, key=lambda row: row.number or 0)

    def list_taps(
        self,
        connection: Connection,
        tokens: Collection[bytes],
        first_row: int,
        condition: ColumnElement[bool],
    ) -> list[TapRow]:
        """Taps of these tokens from a row on, and all before it that changed no state."""
        merged = (
            select(*taps.c)
            .join(token_rows, token_rows.c.row == taps.c.row)
            .where(or_(token_rows.c.row >= first_row, token_rows.c.number == 0), condition)
        )
        recent = select(*taps.c).where(
            taps.c.row > _read_merged_through(connection),
            or_(taps.c.row >= first_row, taps.c.number.is_(None)),
            condition,
        )
        found: dict[int, TapRow] = {}  # a run that is being merged stands at both places
        ordered = sorted(tokens)
        for place in range(0, len(ordered), LOOKUP_MAX):
            chunk = ordered[place : place + LOOKUP_MAX]
            for query, column in ((merged, token_rows.c.token), (recent, taps.c.token)):
                found.update(
                    (row.row, row) for row in _read(connection, query.where(column.in_(chunk)))
                )
        return [*found.values()]


def _read_merged_through(connection: Connection) -> int:
    """The last row that has its entries in the index tables, in the connection's snapshot."""
    query = select(ledger_marks.c.value).where(ledger_marks.c.name == MERGED_THROUGH)
    return connection.execute(query).scalar_one_or_none() or 0


def _read(connection: Connection, query: Select[tuple[object, ...]]) -> Iterable[TapRow]:
    return [TapRow._make(values) for values in connection.execute(query)]
