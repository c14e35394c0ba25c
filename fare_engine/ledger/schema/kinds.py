"""Which tables a kind of database has."""

from typing import Final

from sqlalchemy import Table

from fare_engine.ledger.schema.base import metadata
from fare_engine.ledger.schema.decisions import ledger_marks, token_rows
from fare_engine.ledger.schema.shared import heartbeats

EMBEDDED: Final = (token_rows, ledger_marks)
"""Tables of the embedded ledger's own index, which no other database has."""

SHARED: Final = (heartbeats,)
"""Tables by which the processes of a shared ledger know of each other."""


def list_tables(dialect: str) -> list[Table]:
    """The tables that a database of this kind has, those that others point to first."""
    left_out = SHARED if dialect == "sqlite" else EMBEDDED
    return [table for table in metadata.sorted_tables if table not in left_out]
