"""What is stored beside the taps: reports, ride codes, conflicts and the quarantine."""

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec.structs

from fare_engine.code_use import CodeUse
from fare_engine.ledger.rows import encode_report
from fare_engine.network import DIRECTION_WORDS
from fare_engine.ports import Changes, Conflict, DecidedTap
from fare_engine.tap import Report, Tap

CONFLICTS_PER_TAP_MAX: Final = 16
"""A gate that repeats one mistake for ever must not fill the disk; the first few show it."""


REPORT_COLUMNS: Final = "row, gate_opened, fare_taken, passed, cause, reversed, received_at, number"

_INSERT_REPORT: Final = (
    f"INSERT OR REPLACE INTO reports ({REPORT_COLUMNS}) VALUES (?,?,?,?,?,?,?,?)"
)
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
    """Record what contradicted a first tap or a first report, up to a limit a tap."""
    for conflict in conflicts:
        is_tap = isinstance(conflict.content, Tap)
        connection.execute(
            'INSERT INTO conflicts ("row", kind, content, received_at) SELECT ?, ?, ?, ?'
            ' WHERE (SELECT count(*) FROM conflicts WHERE "row" = ?) < ?',
            (
                conflict.row,
                "tap" if is_tap else "report",
                json.dumps(_describe(conflict.content)),
                conflict.received_at_ms,
                conflict.row,
                CONFLICTS_PER_TAP_MAX,
            ),
        )


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


def _describe(content: Tap | Report) -> dict[str, Any]:
    if isinstance(content, Report):
        return msgspec.structs.asdict(content)
    return {
        "gate_id": content.gate_id,
        "direction": DIRECTION_WORDS[content.direction],
        "medium_type": content.medium_type,
        "token": content.token.hex(),
        "occurred_at_ms": content.occurred_at_ms,
    }
