"""Stores a batch by one statement: a call of `commit_batch` in the database."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from fare_engine.ledger.conflict_rows import describe_conflict
from fare_engine.ledger.postgresql.arrays import PACKERS
from fare_engine.ledger.postgresql.loading import REPORT_COLUMNS
from fare_engine.ledger.rows import (
    QUARANTINE_COLUMNS,
    WIDTH,
    Places,
    encode,
    encode_report,
)
from fare_engine.network import MediumType
from fare_engine.ports import Changes, Conflict, DecidedTap
from fare_engine.states.codec import encode_state

_TYPES: Final = (
    *("bytea[]", "int[]", "int[]", "bigint[]", "bytea[]"),  # heads that are moved
    *("bytea[]", "int[]"),  # heads that were read
    *("bigint[]", "text[]", "bytea[]", "int[]", "bigint[]", "int[]", "int[]", "smallint[]"),
    *("smallint[]", "bigint[]", "bigint[]", "bigint[]", "smallint[]", "smallint[]", "int[]"),
    *("int[]", "smallint[]", "smallint[]", "bigint[]", "int[]", "int[]", "int[]", "bigint[]"),
    *("int[]", "int[]", "smallint[]"),
    *("json", "bigint", "text", "bigint", "bigint"),
)
_PACKERS: Final = tuple(PACKERS.get(name) for name in _TYPES)
COMMIT: Final = f"SELECT commit_batch({', '.join(f'%s::{name}' for name in _TYPES)})".encode()


class Writing(NamedTuple):
    """How rows are written: the numbers of places and media, and who writes them."""

    places: Places
    media: Mapping[str, MediumType]
    worker: str


def encode_changes(changes: Changes, writing: Writing) -> list[Any]:
    """The parameters of `COMMIT`: arrays, sorted as all workers sort them."""
    taps = sorted(changes.taps, key=_get_tap_id)
    read, moved = changes.read, changes.moved
    tokens = sorted(moved)
    states = [moved[token] for token in tokens]
    unmoved = [token for token in read if token not in moved]
    values = encode(taps, writing.places, writing.media)
    parameters: list[Any] = [
        tokens,
        [read[token] for token in tokens],
        [state.number for state in states],
        [state.row for state in states],
        [encode_state(state) for state in states],
        unmoved,
        [read[token] for token in unmoved],
        *(values[column::WIDTH] for column in range(WIDTH)),
        _encode_beside(changes),
        min((one.verdict.row for one in taps), default=0),
        writing.worker,
        taps[0].verdict.decided_at_ms if taps else 0,
        changes.version,
    ]
    return [
        parameter if packer is None else packer(parameter)
        for packer, parameter in zip(_PACKERS, parameters, strict=True)
    ]


def _encode_beside(changes: Changes) -> str | None:
    """What stands beside the taps, as `store_beside` reads it; None where there is nothing."""
    if changes.is_taps_alone():
        return None
    completed = changes.completed
    reports = [encode_report(one) for one in sorted(changes.reports, key=lambda one: one.row)]
    beside = {
        "codes": _name(("code_id", "row"), sorted(changes.codes)),
        "reports": _name(REPORT_COLUMNS, (one for one in reports if one[0] not in completed)),
        "completed": _name(REPORT_COLUMNS, (one for one in reports if one[0] in completed)),
        "quarantine": _name(QUARANTINE_COLUMNS, _list_quarantined(changes.taps)),
        "conflicts": _list_conflicts(changes.conflicts),
    }
    return json.dumps(beside)


def _list_quarantined(taps: Iterable[DecidedTap]) -> Iterable[tuple[Any, ...]]:
    for one in taps:
        verdict = one.verdict
        if verdict.problem is not None:
            tap = verdict.tap
            yield (
                verdict.row,
                verdict.problem,
                one.detail,
                tap.gate_id,
                tap.medium_type,
                one.sender,
            )


def _list_conflicts(conflicts: Sequence[Conflict]) -> list[dict[str, Any]]:
    # Counts of days are locked one by one, so they need one order too.
    found = map(describe_conflict, conflicts)
    return sorted(found, key=lambda one: (one["counted_for"], one["day"]))


def _name(columns: Iterable[str], rows: Iterable[Sequence[Any]]) -> list[dict[str, Any]]:
    return [dict(zip(columns, map(_without_zero, row), strict=True)) for row in rows]


def _without_zero(value: object) -> object:
    """A zero character may stand in a text of JSON, and in none of PostgreSQL."""
    return value.replace("\0", "\ufffd") if isinstance(value, str) else value


def _get_tap_id(one: DecidedTap) -> str:
    return one.verdict.tap.tap_id
