"""What is stored beside the taps: reports, ride codes, conflicts and the quarantine."""

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from fare_engine.code_use import CodeUse
from fare_engine.ledger.conflict_rows import describe_conflict
from fare_engine.ledger.rows import encode_report
from fare_engine.ports import Changes, Conflict, DecidedTap

REPORT_COLUMNS: Final = "row, gate_opened, fare_taken, passed, cause, reversed, received_at, number"

_INSERT_REPORT: Final = (
    f"INSERT OR REPLACE INTO reports ({REPORT_COLUMNS}) VALUES (?,?,?,?,?,?,?,?)"
)
_INSERT_CONFLICT: Final = """
    INSERT INTO conflicts ("row", kind, content, received_at, tap_id, sender)
    SELECT :row, :kind, :content, :received_at, :tap_id, :sender
    WHERE (SELECT count(*) FROM conflicts WHERE tap_id = :tap_id AND sender IS :sender) < :per_tap
    AND coalesce(
        (SELECT kept FROM conflict_days WHERE sender = :counted_for AND day = :day), 0
    ) < :per_day
"""
_COUNT_CONFLICT: Final = """
    INSERT INTO conflict_days (sender, day, kept, left_out) VALUES (?, ?, ?, ?)
    ON CONFLICT DO UPDATE SET kept = kept + excluded.kept, left_out = left_out + excluded.left_out
"""
_INSERT_CODE: Final = 'INSERT INTO ride_codes (code_id, "row") VALUES (?, ?)'
_FIND_CODE: Final = (
    "SELECT t.token, t.station, t.direction, t.occurred_at"
    " FROM ride_codes c JOIN taps t ON t.row = c.row WHERE c.code_id = ?"
)


def insert_beside(connection: sqlite3.Connection, changes: Changes) -> None:
    """Store what stands beside the taps of a transaction."""
    if changes.reports:
        connection.executemany(_INSERT_REPORT, map(encode_report, changes.reports))
        insert_quarantine(connection, changes.taps)  # only of gates that reported what they did
    if changes.codes:
        connection.executemany(_INSERT_CODE, changes.codes)
    insert_conflicts(connection, changes.conflicts)


def find_codes(
    connection: sqlite3.Connection, code_ids: Iterable[str], stations: Mapping[int, str]
) -> dict[str, CodeUse]:
    """The first uses of those ride codes that were used; one lookup each."""
    found = {}
    for code_id in code_ids:
        values = connection.execute(_FIND_CODE, (code_id,)).fetchone()
        if values is not None:
            token, station, direction, occurred_at_ms = values
            found[code_id] = CodeUse(token, stations[station], direction, occurred_at_ms)
    return found


def insert_conflicts(connection: sqlite3.Connection, conflicts: Sequence[Conflict]) -> None:
    """Record what was refused as a conflict, up to the limits of its key; all are counted.

    The limits are those of one key, so that nobody uses up what others may need.
    """
    for conflict in conflicts:
        columns = describe_conflict(conflict)
        kept = connection.execute(_INSERT_CONFLICT, columns).rowcount
        counted = (columns["counted_for"], columns["day"], kept, 1 - kept)
        connection.execute(_COUNT_CONFLICT, counted)


def insert_quarantine(connection: sqlite3.Connection, taps: Iterable[DecidedTap]) -> None:
    """Quarantine the taps of gates that decided alone which the engine could not decide."""
    for one in taps:
        verdict = one.verdict
        if verdict.problem is not None:
            tap = verdict.tap
            connection.execute(
                'INSERT INTO quarantine ("row", problem, detail, gate_id, medium_type, sender)'
                " VALUES (?, ?, ?, ?, ?, ?)",
                (
                    verdict.row,
                    verdict.problem,
                    one.detail,
                    tap.gate_id,
                    tap.medium_type,
                    one.sender,
                ),
            )
