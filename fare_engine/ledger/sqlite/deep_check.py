"""Reads the whole of the embedded ledger: pages, references, rows, index entries and chains.

For an operator who wants to know, not for a start. It reads one state of the ledger beside any
server, in memory that does not grow with it; what has to be sorted goes to temporary files.
"""

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any, Final

from fare_engine.catalogue import Catalogue
from fare_engine.errors import FareEngineError, LedgerUnavailable
from fare_engine.ledger.rows import (
    QUARANTINE_COLUMNS,
    SELECT,
    UNREADABLE,
    WIDTH,
    Reader,
    TapRow,
    decode_report,
)
from fare_engine.ledger.sqlite.connections import connect
from fare_engine.ledger.sqlite.index.tables import FORGOTTEN_THROUGH, MERGED_THROUGH, read_mark
from fare_engine.ledger.sqlite.side_tables import REPORT_COLUMNS

FAULTS_MAX: Final = 20
"""Faults listed of each part: the first few show what it is."""

ROWS_AT_ONCE: Final = 1_000
CACHE_KIBIBYTES: Final = 65_536
_TICK_STEPS: Final = 2_000_000

Progress = Callable[[str, int, int | None], None]
"""What is read now, how much of it is done, and of how much; None where that is not known."""

_ENTRY: Final = ", ".join(f'e."{name}"' for name in TapRow._fields)
_READ_TAPS: Final = (
    f"{SELECT}, {_ENTRY} FROM taps t LEFT JOIN taps e ON e.row = t.entry_row"
    " WHERE t.row > ? ORDER BY t.row LIMIT ?"
)
_INDEXED: Final = "t.row > :forgotten AND t.row <= :merged"
_INDEX_QUERIES: Final = (
    (
        "tap_ids leads from {} to another tap",
        "SELECT i.tap_id FROM tap_ids i LEFT JOIN taps t ON t.row = i.row"
        " WHERE t.tap_id IS NOT i.tap_id",
    ),
    (
        "token_rows leads to row {}, which is of another token or number",
        "SELECT i.row FROM token_rows i LEFT JOIN taps t ON t.row = i.row"
        " WHERE t.token IS NOT i.token OR coalesce(t.number, 0) IS NOT i.number",
    ),
    (
        "tap_ids does not lead to {}",
        f"SELECT t.tap_id FROM taps t WHERE {_INDEXED} AND NOT EXISTS"
        " (SELECT 1 FROM tap_ids i WHERE i.tap_id = t.tap_id AND i.row = t.row)",
    ),
    (
        "token_rows does not lead to {}",
        f"SELECT t.tap_id FROM taps t WHERE {_INDEXED} AND NOT EXISTS"
        " (SELECT 1 FROM token_rows i WHERE i.token = t.token"
        " AND i.number = coalesce(t.number, 0) AND i.row = t.row)",
    ),
    (
        "the tap_id {} stands in the ledger twice",
        "SELECT tap_id FROM taps GROUP BY tap_id HAVING count(*) > 1",
    ),
)
_CHAINS: Final = (
    "SELECT min(row), min(number), max(number), count(*) FROM ("
    " SELECT token, number, row FROM taps WHERE number IS NOT NULL"
    " UNION ALL SELECT t.token, r.number, r.row FROM reports r JOIN taps t ON t.row = r.row"
    " WHERE r.number IS NOT NULL)"
    " GROUP BY token HAVING min(number) <> 1 OR max(number) <> count(*)"
    " OR count(DISTINCT number) <> count(*)"
)


def list_ledger_faults(path: Path, catalogue: Catalogue, progress: Progress) -> Iterator[str]:
    """All that contradicts itself in a ledger, up to some faults of each part.

    LedgerUnavailable when it cannot be read to its end.
    """
    try:
        with closing(connect(path, read_only=True)) as connection:
            connection.execute("PRAGMA temp_store = FILE")
            connection.execute(f"PRAGMA cache_size = -{CACHE_KIBIBYTES}")
            connection.execute("BEGIN")
            (last_row,) = connection.execute("SELECT max(row) FROM taps").fetchone()
            for what, faults in (
                ("pages", _check_pages(connection)),
                ("references", _check_references(connection)),
                ("rows", _check_rows(connection, catalogue, last_row or 0, progress)),
                ("index", _check_index(connection)),
                ("chains", _check_chains(connection)),
            ):
                _tick(connection, what, progress)
                yield from islice(faults, FAULTS_MAX)
    except sqlite3.Error as error:
        raise LedgerUnavailable(f"{path} cannot be read to its end: {error}") from error


def _tick(connection: sqlite3.Connection, what: str, progress: Progress) -> None:
    """Report now and then while SQLite works on one statement."""
    progress(what, 0, None)

    def report() -> None:
        progress(what, 0, None)

    connection.set_progress_handler(None if what == "rows" else report, _TICK_STEPS)


def _check_pages(connection: sqlite3.Connection) -> Iterator[str]:
    for (text,) in connection.execute(f"PRAGMA integrity_check({FAULTS_MAX})"):
        if text != "ok":
            yield f"pages: {text}"


def _check_references(connection: sqlite3.Connection) -> Iterator[str]:
    for table, row, parent, _ in connection.execute("PRAGMA foreign_key_check"):
        yield f"{table}: its row {row} names something that is not in {parent}"


def _check_rows(
    connection: sqlite3.Connection, catalogue: Catalogue, last_row: int, progress: Progress
) -> Iterator[str]:
    """Every tap is read as a decision, with its entry, its report and its state."""
    stations = dict(connection.execute("SELECT number, station_id FROM stations"))
    reader = Reader(catalogue, stations)
    after = 0
    while True:
        found = connection.execute(_READ_TAPS, (after, ROWS_AT_ONCE)).fetchall()
        if not found:
            return
        span = (after, found[-1][0])
        reports = _read_beside(connection, REPORT_COLUMNS, "reports", span)
        quarantined = _read_beside(connection, ", ".join(QUARANTINE_COLUMNS), "quarantine", span)
        for values in found:
            row = TapRow._make(values[:WIDTH])
            entry = TapRow._make(values[WIDTH:]) if values[WIDTH] is not None else None
            fault = _find_row_fault(reader, row, entry, reports.get(row.row), quarantined)
            if fault is not None:
                yield f"taps: row {row.row} cannot be read: {fault}"
        after = span[1]
        progress("rows", after, last_row)


def _read_beside(
    connection: sqlite3.Connection, columns: str, table: str, span: tuple[int, int]
) -> dict[int, tuple[Any, ...]]:
    query = f"SELECT {columns} FROM {table} WHERE row > ? AND row <= ?"
    return {values[0]: values for values in connection.execute(query, span)}


def _find_row_fault(
    reader: Reader,
    row: TapRow,
    entry: TapRow | None,
    report: tuple[Any, ...] | None,
    quarantined: dict[int, tuple[Any, ...]],
) -> str | None:
    if row.entry_row is not None and entry is None:
        return f"its entry, row {row.entry_row}, is missing"
    if entry is not None and entry.token != row.token:
        return f"its entry, row {row.entry_row}, is of another token"
    if row.gate is None and row.row not in quarantined:
        return "it has no gate and is not in quarantine"
    if wrong := [
        name for name, value in zip(row._fields, row, strict=True) if _is_odd(name, value)
    ]:
        return f"{wrong[0]} is no number"
    try:
        stored = None if report is None else decode_report(report)
        reader.verdict(row, entry, stored, quarantined.get(row.row))
        if row.number is not None:
            reader.state_after(row, entry)
    except (*UNREADABLE, FareEngineError) as error:
        return f"{type(error).__name__}: {error}"
    return None


def _is_odd(name: str, value: Any) -> bool:
    if name == "tap_id":
        return not isinstance(value, str)
    if name == "token":
        return not isinstance(value, bytes)
    return not isinstance(value, int | None)


def _check_index(connection: sqlite3.Connection) -> Iterator[str]:
    marks = {
        "forgotten": read_mark(connection, FORGOTTEN_THROUGH),
        "merged": read_mark(connection, MERGED_THROUGH),
    }
    for text, query in _INDEX_QUERIES:
        yield from (f"index: {text.format(value)}" for (value,) in _run(connection, query, marks))


def _run(
    connection: sqlite3.Connection, query: str, marks: dict[str, int]
) -> Iterable[tuple[Any, ...]]:
    used = {name: value for name, value in marks.items() if f":{name}" in query}
    return islice(connection.execute(query, used), FAULTS_MAX)


def _check_chains(connection: sqlite3.Connection) -> Iterator[str]:
    for row, first, last, count in connection.execute(_CHAINS):
        yield (
            f"chains: the token of row {row} has {count} changes of its state, numbered from "
            f"{first} to {last}"
        )
