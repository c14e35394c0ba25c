"""Where taps stand in a ledger that several workers share: in the indexes of its tables.

Workers take rows in blocks, so a lower row may be committed later. When a row was committed says
its batch: the transaction that stored it.
"""

from collections.abc import Collection, Iterable
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Select,
    String,
    cast,
    column,
    func,
    literal,
    select,
    table,
    true,
    tuple_,
)
from sqlalchemy.types import UserDefinedType

from fare_engine.ledger.rows import TapRow
from fare_engine.ledger.schema import tap_ids, taps
from fare_engine.ledger.where import End


class _Named(UserDefinedType[str]):
    """A type of PostgreSQL's own, as text."""

    cache_ok = True

    def __init__(self, name: str) -> None:
        self.name = name

    def get_col_spec(self, **_: Any) -> str:
        return self.name


_XID: Final = _Named("xid8")
_SNAPSHOT: Final = _Named("pg_snapshot")
_batches: Final = table("batches", column("first_row", BigInteger), column("xid", _XID))


class PostgresqlWhere:
    """Finds taps for queries (`where.Where`), by the keys of the tables and their partitions."""

    def find_end(self, connection: Connection) -> End:
        """What is committed in the connection's snapshot."""
        last_row = connection.execute(select(func.max(taps.c.row))).scalar_one() or 0
        query = select(cast(func.pg_current_snapshot(), String))
        snapshot = connection.execute(query).scalar_one()
        committed_by = _find_transaction(taps.c.row).scalar_subquery()
        was_committed = func.pg_visible_in_snapshot(committed_by, cast(snapshot, _SNAPSHOT))
        return End(last_row, (taps.c.row <= last_row) & was_committed)

    def page(self, query: Select[Any], row: ColumnElement[int], after_row: int) -> Select[Any]:
        """The rows of a query behind one of them, by their transactions.

        Only as far as no transaction that is under way can still put something before.
        """
        batch = _find_transaction(row).lateral()
        place = tuple_(batch.c.xid, row)
        page = query.join(batch, true()).order_by(*place)
        page = page.where(batch.c.xid < func.pg_snapshot_xmin(func.pg_current_snapshot()))
        if after_row:
            committed_by = _find_transaction(literal(after_row, BigInteger)).scalar_subquery()
            first = cast("0", _XID)  # of a row that never was
            page = page.where(place > tuple_(func.coalesce(committed_by, first), after_row))
        return page

    def find_row(self, connection: Connection, tap_id: str) -> int | None:
        """The row of a tap; None when there is no such tap."""
        query = select(tap_ids.c.row).where(tap_ids.c.tap_id == tap_id)
        return connection.execute(query).scalar_one_or_none()

    def list_later(
        self, connection: Connection, tap: TapRow, condition: ColumnElement[bool]
    ) -> list[TapRow]:
        """Taps of the same token that changed its state after this one, by their numbers."""
        later = (taps.c.token == tap.token) & (taps.c.number > (tap.number or 0))
        query = select(*taps.c).where(later, condition).order_by(taps.c.number)
        return [*_read(connection, query)]

    def list_taps(
        self,
        connection: Connection,
        tokens: Collection[bytes],
        first_row: int,
        condition: ColumnElement[bool],
    ) -> list[TapRow]:
        """Taps of these tokens from a row on, and all before it that changed no state.

        Two statements: the first looks into the latest partitions alone, and of the others the
        second reads nothing but what it finds.
        """
        query = select(*taps.c).where(taps.c.token.in_(sorted(tokens)), condition)
        return [
            *_read(connection, query.where(taps.c.row >= first_row)),
            *_read(connection, query.where(taps.c.row < first_row, taps.c.number.is_(None))),
        ]


def _find_transaction(row: ColumnElement[int]) -> Select[tuple[str]]:
    """Asks for the transaction that stored the tap of a row."""
    query = select(_batches.c.xid).where(_batches.c.first_row <= row)
    return query.order_by(_batches.c.first_row.desc()).limit(1)


def _read(connection: Connection, query: Select[Any]) -> Iterable[TapRow]:
    return [TapRow._make(values) for values in connection.execute(query)]
