"""Where taps stand: what the queries ask of a ledger that keeps its index in its own way."""

from collections.abc import Collection
from typing import Protocol

from sqlalchemy import ColumnElement, Connection

from fare_engine.ledger.rows import TapRow


class Where(Protocol):
    """Finds taps by tap_id and by token, on connections that read beside the engine.

    One for each backend; a condition is one on the columns of `taps`.
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
