"""What was refused as a conflict, for an operator who looks for who passed by it."""

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from sqlalchemy import Column, ColumnElement, Connection, Row, func, or_, select, true

from fare_engine.catalogue import Catalogue
from fare_engine.ledger.schema import conflict_days, conflicts, quarantine, reports, stations, taps
from fare_engine.network import DIRECTION_WORDS

DAY_MS = 86_400_000

TAP = "tap"

Sent = Mapping[str, Any]
"""What came, by field: of a tap or of a report."""


class StoredConflict(NamedTuple):
    """What came, and what stands under the same tap_id: a tap against a tap, a report a report.

    `first` is None where nothing stood there: the tap_id named another gate. `differs` names the
    fields of the contract in which the two are not the same. No token is in it.
    """

    conflict: int
    kind: str
    tap_id: str
    received_at_ms: int
    sender: str | None
    sent: Sent
    first: Sent | None
    differs: list[str]


class Span(NamedTuple):
    """When conflicts came, by the engine's clock: from one instant to before another."""

    from_ms: int | None = None
    to_ms: int | None = None


def list_conflicts(
    connection: Connection,
    catalogue: Catalogue,
    gate_ids: Collection[str] | None,
    span: Span,
    before: int | None,
    limit: int,
) -> list[StoredConflict]:
    """Conflicts, newest first, before one of them.

    With `gate_ids` those that came from these gates, or are about one of their taps or tap_ids.
    """
    columns = conflicts.c
    wanted: list[ColumnElement[bool]] = [true()]
    if span.from_ms is not None:
        wanted.append(columns.received_at >= span.from_ms)
    if span.to_ms is not None:
        wanted.append(columns.received_at < span.to_ms)
    if before is not None:
        wanted.append(columns.conflict < before)
    if gate_ids is not None:
        wanted.append(_concern(catalogue, gate_ids))
    selected: list[Column[Any]] = [
        *(columns.conflict, columns.kind, columns.tap_id, columns.received_at),
        *(columns.sender, columns.content, taps.c.row, taps.c.gate, stations.c.station_id),
        *(taps.c.direction, taps.c.medium, taps.c.token, taps.c.occurred_at),
        *(reports.c.gate_opened, reports.c.fare_taken, reports.c.passed, reports.c.cause),
        *(quarantine.c.gate_id, quarantine.c.medium_type),
    ]
    query = (
        select(*selected)
        .select_from(conflicts)
        .outerjoin(taps, taps.c.row == columns.row)
        .outerjoin(stations, stations.c.number == taps.c.station)
        .outerjoin(reports, reports.c.row == columns.row)
        .outerjoin(quarantine, quarantine.c.row == columns.row)
        .where(*wanted)
        .order_by(columns.conflict.desc())
        .limit(limit)
    )
    return [_read(catalogue, row) for row in connection.execute(query)]


def count_left_out(connection: Connection, span: Span) -> int:
    """How many more conflicts the limits left out, on the days (UTC) that a span touches."""
    query = select(func.coalesce(func.sum(conflict_days.c.left_out), 0))
    if span.from_ms is not None:
        query = query.where(conflict_days.c.day >= span.from_ms // DAY_MS)
    if span.to_ms is not None:
        query = query.where(conflict_days.c.day <= (span.to_ms - 1) // DAY_MS)
    count: int = connection.execute(query).scalar_one()
    return count


def _concern(catalogue: Catalogue, gate_ids: Collection[str]) -> ColumnElement[bool]:
    known = [catalogue.gates[gate_id] for gate_id in gate_ids if gate_id in catalogue.gates]
    return or_(
        conflicts.c.content["gate_id"].as_string().in_(gate_ids),
        taps.c.gate.in_([gate.number for gate in known]),
        *(_begins(conflicts.c.tap_id, f"{gate_id}.") for gate_id in gate_ids),
    )


def _begins(column: ColumnElement[str], prefix: str) -> ColumnElement[bool]:
    """Whether a text begins so; not by LIKE, for which some databases take a for A."""
    return func.substr(column, 1, len(prefix)) == prefix


def _read(catalogue: Catalogue, row: Row[Any]) -> StoredConflict:
    content = dict(row.content)
    first: dict[str, Any] | None = None
    if row.kind == TAP:
        if row.row is not None:
            first = _read_first_tap(catalogue, row)
        differs = [] if first is None else _compare_taps(content, first)
        content["station_id"] = _find_station(catalogue, content["gate_id"])
        for one in (content, first or {}):
            one.pop("token", None)
    else:
        first = {
            "gate_opened": bool(row.gate_opened),
            "fare_taken": row.fare_taken,
            "passed": None if row.passed is None else bool(row.passed),
            "cause": row.cause,
        }
        differs = [name for name in first if content[name] != first[name]]
    return StoredConflict(
        row.conflict, row.kind, row.tap_id, row.received_at, row.sender, content, first, differs
    )


def _read_first_tap(catalogue: Catalogue, row: Row[Any]) -> dict[str, Any]:
    is_known = row.gate is not None
    return {
        "gate_id": catalogue.get_gate_by_number(row.gate).gate_id if is_known else row.gate_id,
        "station_id": row.station_id,
        "direction": DIRECTION_WORDS[row.direction],
        "medium_type": (
            catalogue.get_medium_by_number(row.medium).code if is_known else row.medium_type
        ),
        "token": row.token.hex(),
        "occurred_at_ms": row.occurred_at,
    }


def _compare_taps(sent: Sent, first: Sent) -> list[str]:
    fields = ("gate_id", "direction", "occurred_at_ms")
    differs = [name for name in fields if sent[name] != first[name]]
    if any(sent[name] != first[name] for name in ("medium_type", "token")):
        differs.append("medium")
    return differs


def _find_station(catalogue: Catalogue, gate_id: str) -> str | None:
    gate = catalogue.gates.get(gate_id)
    return None if gate is None else gate.station_id
