"""What is stored beside the taps: conflicts and the quarantine."""

import json
import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec.structs

from fare_engine.network import Direction
from fare_engine.ports import Conflict, Step
from fare_engine.tap import Report, Tap

CONFLICTS_PER_TAP_MAX: Final = 16
"""A gate that repeats one mistake for ever must not fill the disk; the first few tell it all."""


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


def insert_quarantine(connection: sqlite3.Connection, steps: Iterable[Step]) -> None:
    """Set aside the taps of gates that decided alone which the engine could not decide."""
    for verdict, _, _, detail in steps:
        if verdict.problem is not None:
            connection.execute(
                'INSERT INTO quarantine ("row", problem, detail, gate_id, medium_type)'
                " VALUES (?, ?, ?, ?, ?)",
                (
                    verdict.row,
                    verdict.problem,
                    detail,
                    verdict.tap.gate_id,
                    verdict.tap.medium_type,
                ),
            )


def _describe(content: Tap | Report) -> dict[str, Any]:
    if isinstance(content, Report):
        return msgspec.structs.asdict(content)
    return {
        "gate_id": content.gate_id,
        "direction": Direction(content.direction).name.lower(),
        "medium_type": content.medium_type,
        "token": content.token.hex(),
        "occurred_at_ms": content.occurred_at_ms,
    }
