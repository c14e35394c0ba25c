"""Where taps stand: what the queries ask of a ledger that keeps its rows in its own way."""

from collections.abc import Collection
from typing import Any, NamedTuple, Protocol

from sqlalchemy import ColumnElement, Connection, Select

from fare_engine.ledger.rows import TapRow


class End(NamedTuple):
    """How far the ledger reached at one moment.

    `last_row` was the highest row, and `before` is the condition, on the columns of `taps`, for
    what was committed by then: of several writers one may commit a lower row later.
    """

    last_row: int
    before: ColumnElement[bool]


class Where(Protocol):
    """Finds taps by tap_id and by token, and puts rows in order, on connections beside the engine.

    One for each backend; a condition is one on the columns of `taps`.
    """

    def find_end(self, connection: Connection) -> End:
        """How far the ledger reaches now."""

    def page(self, query: Select[Any], row: ColumnElement[int], after_row: int) -> Select[Any]:
        """The rows of a query behind one of them, in the order in which they were committed.

        `row` is the query's column with the row of a tap; 0 is before the first. What is committed
        later never stands before what a page has shown.
        """

    def find_row(self, connection: Connection, tap_id: str) -> int | None:
        """The row of a tap that was answered; None when there is no such tap.

        Nothing may have been read on the connection before: the embedded ledger asks its memory,
        and what leaves that stands in the tables only of a snapshot that begins afterwards.
        """

    def list_later(
        self, connection: Connection, tap: TapRow, condition: ColumnElement[bool]
    ) -> list[TapRow]:
        """Taps of the same token that changed its state after this one, by their numbers."""

    def list_taps(
        self,
        connection: Connection,
        tokens: Collection[bytes],
        first_row: int,
        condition: ColumnElement[bool],
    ) -> list[TapRow]:
        """Taps of these tokens from a row on, and all before it that changed no state.

        For among those are taps in quarantine, whose clock may have been ahead by any time.
        """
