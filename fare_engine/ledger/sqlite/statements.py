"""Statements of many rows: one release of the interpreter for all of them."""

import sqlite3
from functools import cache
from typing import Any, Final

CHUNK_ROWS: Final = 1_000
"""Rows of one INSERT."""

LOOKUP_MAX: Final = 500
"""Values of one IN list: below every SQLite's limit of variables."""


@cache
def _values_sql(head: str, width: int, rows: int) -> str:
    group = "(" + ", ".join("?" * width) + ")"
    return f"{head} VALUES " + ", ".join([group] * rows)


def insert_rows(connection: sqlite3.Connection, head: str, width: int, values: list[Any]) -> None:
    """Insert rows, given value after value, in statements of fixed sizes that stay prepared."""
    place = 0
    for rows in (CHUNK_ROWS, 100, 10, 1):
        size = rows * width
        while len(values) - place >= size:
            chunk = values[place : place + size] if size < len(values) else values
            connection.execute(_values_sql(head, width, rows), chunk)
            place += size
