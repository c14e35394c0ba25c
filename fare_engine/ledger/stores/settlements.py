"""Settlements and what they issued, stored and listed. Rows are added, never changed."""

from collections.abc import Collection, Iterable
from typing import Any, NamedTuple

from sqlalchemy import Connection, Insert, Select, func, select
from sqlalchemy.exc import IntegrityError

from fare_engine.decision import Reason
from fare_engine.errors import Overtaken
from fare_engine.ledger.schema import (
    adjustments,
    clock_corrections,
    repairs,
    settlements,
    taps,
)
from fare_engine.settlement.adjustments import Adjustment, Before, Issued, Kind, Why
from fare_engine.settlement.quarantine import Repair
from fare_engine.settlement.terms import Correction

LOOKUP_MAX = 500


class Totals(NamedTuple):
    """What a settlement issued, by kind: how many and how much, in fen."""

    adjustments: int = 0
    adjusted_fare: int = 0
    missing_exits: int = 0
    missing_exit_fares: int = 0


class Settlement(NamedTuple):
    """One run. `ended_at_ms` None: it runs, or was broken off."""

    settlement: int
    service_date: str
    begun_at_ms: int
    actor: str
    tokens: int | None
    ended_at_ms: int | None


class IssuedAdjustment(NamedTuple):
    """An adjustment with the taps it is about, and when it was issued; no token."""

    adjustment: int
    settlement: int
    tap_id: str
    entry_tap_id: str | None
    kind: Kind
    fare: int
    collected: int
    due: int
    why: Why
    reason: Reason
    issued_at_ms: int


def begin_settlement(connection: Connection, service_date: str, actor: str, now_ms: int) -> int:
    """Store that a run has begun; its number."""
    values = {"service_date": service_date, "begun_at": now_ms, "actor": actor}
    query = settlements.insert().values(values).returning(settlements.c.settlement)
    number: int = connection.execute(query).scalar_one()
    return number


def end_settlement(connection: Connection, settlement: int, tokens: int, now_ms: int) -> None:
    """Store that a run has come to its end."""
    connection.execute(
        settlements.update()
        .where(settlements.c.settlement == settlement)
        .values(tokens=tokens, ended_at=now_ms)
    )


def insert_adjustments(
    connection: Connection, settlement: int, issued: Iterable[Adjustment]
) -> None:
    """Store what a run issues; Overtaken where another run has issued the same meanwhile."""
    rows = [
        {
            "settlement": settlement,
            "row": due.row,
            "token": token,
            "kind": int(due.kind),
            "fare": fare,
            "collected": due.collected,
            "due": due.due,
            "why": int(due.why),
            "reason": int(due.reason),
            "entry_row": due.entry_row,
            "nth": nth,
        }
        for token, fare, due, nth in issued
    ]
    if rows:
        _insert_once(connection, adjustments.insert(), rows)


def insert_repairs(connection: Connection, settlement: int, found: Iterable[Repair]) -> None:
    """Store which taps left the quarantine, with what they pin from now on; Overtaken as above."""
    rows = [_describe_pin(settlement, one) for one in found]
    if rows:
        _insert_once(connection, repairs.insert(), rows)


def insert_corrections(
    connection: Connection, settlement: int, found: Iterable[Correction]
) -> None:
    """Store which taps had wrong clocks, with what they pin from now on; Overtaken as above."""
    rows = [_describe_pin(settlement, one) | {"skew_ms": one.skew_ms} for one in found]
    if rows:
        _insert_once(connection, clock_corrections.insert(), rows)


def _describe_pin(settlement: int, pin: Repair | Correction) -> dict[str, Any]:
    terms = pin.terms
    return {
        "row": pin.row,
        "settlement": settlement,
        "station_id": pin.station_id,
        "policy_version": terms.policy.version if terms.policy else None,
        "suspended": int(terms.suspended),
        "tariff_version": terms.tariff.version,
        "modes": terms.modes,
    }


def _insert_once(connection: Connection, query: Insert, rows: list[dict[str, Any]]) -> None:
    try:
        connection.execute(query, rows)
    except IntegrityError as error:
        raise Overtaken("another settlement has issued the same meanwhile") from error


def read_issued(connection: Connection, rows: Collection[int]) -> Issued:
    """What was issued before for these rows, added up."""
    columns = adjustments.c
    query = select(columns.row, columns.kind, func.sum(columns.fare), func.count())
    query = query.group_by(columns.row, columns.kind)
    found: dict[tuple[int, Kind], Before] = {}
    ordered = sorted(rows)
    for place in range(0, len(ordered), LOOKUP_MAX):
        chunk = ordered[place : place + LOOKUP_MAX]
        for row, kind, *before in connection.execute(query.where(columns.row.in_(chunk))):
            found[row, Kind(kind)] = Before(*before)
    return found


def list_settlements(
    connection: Connection, before: int | None, limit: int
) -> list[tuple[Settlement, Totals]]:
    """Runs with what they issued, newest first, before one of them."""
    query = select(*settlements.c).order_by(settlements.c.settlement.desc()).limit(limit)
    if before is not None:
        query = query.where(settlements.c.settlement < before)
    runs = [Settlement._make(row) for row in connection.execute(query)]
    totals = _read_totals(connection, [run.settlement for run in runs])
    return [(run, totals.get(run.settlement, Totals())) for run in runs]


def find_settlement(connection: Connection, settlement: int) -> tuple[Settlement, Totals] | None:
    """One run with what it issued, if there is such a run."""
    found = list_settlements(connection, settlement + 1, 1)
    return found[0] if found and found[0][0].settlement == settlement else None


def list_adjustments(
    connection: Connection, settlement: int, after: int, limit: int
) -> list[IssuedAdjustment]:
    """What a run issued, in its order, behind one of them."""
    columns = adjustments.c
    query = _adjustments_query().where(columns.settlement == settlement, columns.adjustment > after)
    return _read_adjustments(connection, query.limit(limit))


def list_adjustments_of_row(connection: Connection, row: int) -> list[IssuedAdjustment]:
    """Everything that was ever issued for a tap, oldest first."""
    return _read_adjustments(connection, _adjustments_query().where(adjustments.c.row == row))


def _adjustments_query() -> Select[tuple[int, ...]]:
    columns, entries = adjustments.c, taps.alias("entries")
    return (
        select(
            columns.adjustment,
            columns.settlement,
            taps.c.tap_id,
            entries.c.tap_id,
            columns.kind,
            columns.fare,
            columns.collected,
            columns.due,
            columns.why,
            columns.reason,
            settlements.c.begun_at,
        )
        .join(taps, taps.c.row == columns.row)
        .join(settlements, settlements.c.settlement == columns.settlement)
        .outerjoin(entries, entries.c.row == columns.entry_row)
        .order_by(columns.adjustment)
    )


def _read_adjustments(
    connection: Connection, query: Select[tuple[int, ...]]
) -> list[IssuedAdjustment]:
    found = [IssuedAdjustment._make(row) for row in connection.execute(query)]
    return [
        one._replace(kind=Kind(one.kind), why=Why(one.why), reason=Reason(one.reason))
        for one in found
    ]


def _read_totals(connection: Connection, numbers: Collection[int]) -> dict[int, Totals]:
    columns = adjustments.c
    query = (
        select(columns.settlement, columns.kind, func.count(), func.sum(columns.fare))
        .where(columns.settlement.in_(numbers))
        .group_by(columns.settlement, columns.kind)
    )
    totals: dict[int, Totals] = {}
    for settlement, kind, count, fare in connection.execute(query):
        before = totals.get(settlement, Totals())
        if kind == Kind.FARE:
            totals[settlement] = before._replace(adjustments=count, adjusted_fare=fare)
        else:
            totals[settlement] = before._replace(missing_exits=count, missing_exit_fares=fare)
    return totals
