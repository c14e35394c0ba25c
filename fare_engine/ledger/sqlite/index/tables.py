"""The index tables: where rows stand whose runs are merged."""

import sqlite3
from collections.abc import Iterator
from typing import Final

from fare_engine.ledger.sqlite.statements import LOOKUP_MAX

MERGED_THROUGH: Final = "indexed_through"
"""The mark of the last row that has its entries in `tap_ids` and `token_rows`."""

FORGOTTEN_THROUGH: Final = "index_forgotten_through"
"""The mark of the last row whose entries were removed again."""

_READ_FORGETTABLE: Final = (
    "SELECT row, tap_id, token, coalesce(number, 0) FROM taps"
    " WHERE row > ? AND row < ? ORDER BY row LIMIT ?"
)


def read_mark(connection: sqlite3.Connection, name: str) -> int:
    """How far something has come; 0 where it has not begun."""
    found = connection.execute("SELECT value FROM ledger_marks WHERE name = ?", (name,)).fetchone()
    return found[0] if found else 0


def write_mark(connection: sqlite3.Connection, name: str, row: int) -> None:
    """Record how far something has come."""
    connection.execute(
        "INSERT INTO ledger_marks (name, value) VALUES (?, ?)"
        " ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        (name, row),
    )


def find_row(connection: sqlite3.Connection, tap_id: str) -> int | None:
    """The row of a tap."""
    found = connection.execute("SELECT row FROM tap_ids WHERE tap_id = ?", (tap_id,)).fetchone()
    return found[0] if found else None


def find_latest(connection: sqlite3.Connection, tokens: list[bytes]) -> Iterator[tuple[bytes, int]]:
    """The rows that made the states of these tokens; one descent a token, however many taps."""
    for place in range(0, len(tokens), LOOKUP_MAX):
        chunk = tokens[place : place + LOOKUP_MAX]
        wanted = ", ".join(["(?)"] * len(chunk))
        yield from connection.execute(
            f"WITH wanted (token) AS (VALUES {wanted}) SELECT wanted.token, latest.row"
            " FROM wanted CROSS JOIN token_rows latest ON latest.token = wanted.token"
            " AND latest.number = (SELECT max(number) FROM token_rows"
            " WHERE token = wanted.token AND number > 0)",
            chunk,
        )


def read_highest(connection: sqlite3.Connection, prefix: str) -> str:
    """No tap_id of this prefix is higher; empty when there is none.

    Ids with a longer prefix may stand in the same stretch: then this is too high, which costs
    lookups and never a tap.
    """
    stored: str | None = connection.execute(
        "SELECT max(tap_id) FROM tap_ids WHERE tap_id >= ? AND tap_id < ?",
        (f"{prefix}.", f"{prefix}/"),  # '/' follows '.' in every encoding of ASCII
    ).fetchone()[0]
    return stored or ""


def forget_below(connection: sqlite3.Connection, row: int, rows_max: int) -> bool:
    """Remove the entries of the next rows below one, which are merged; whether there may be more.

    Where to go on from is a mark in the same transaction. The rows themselves must still stand in
    `taps`, since they name their entries.
    """
    forgotten = read_mark(connection, FORGOTTEN_THROUGH)
    rows = connection.execute(_READ_FORGETTABLE, (forgotten, row, rows_max)).fetchall()
    if not rows:
        return False
    tap_ids = sorted((tap_id,) for _, tap_id, _, _ in rows)  # neighbours stand on the same page
    tokens = sorted((token, number, place) for place, _, token, number in rows)
    connection.executemany("DELETE FROM tap_ids WHERE tap_id = ?", tap_ids)
    connection.executemany(
        "DELETE FROM token_rows WHERE token = ? AND number = ? AND row = ?", tokens
    )
    write_mark(connection, FORGOTTEN_THROUGH, rows[-1][0])
    return len(rows) == rows_max
