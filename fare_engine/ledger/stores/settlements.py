"""Settlements and what they issued, stored and listed. Rows are added, never changed."""

from collections.abc import Collection, Iterable
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, Insert, func, select
from sqlalchemy.exc import DBAPIError, IntegrityError

from fare_engine.errors import Overtaken
from fare_engine.ledger.schema import (
    adjustment_reviews,
    adjustments,
    clock_corrections,
    repairs,
    settlements,
)
from fare_engine.ledger.stores.adjustments import find_state
from fare_engine.settlement.adjustments import Adjustment, Before, Issued, Kind, State
from fare_engine.settlement.quarantine import Repair
from fare_engine.settlement.terms import Correction

LOOKUP_MAX = 500
"""Values of one IN list."""

_LOST: Final = frozenset({"40001", "40P01"})
"""Codes of transactions that PostgreSQL gave up for another one's sake."""


class Totals(NamedTuple):
    """What a settlement issued, by kind: how many and how much, in fen.

    What was held stands by itself, by what became of it.
    """

    adjustments: int = 0
    adjusted_fare: int = 0
    missing_exits: int = 0
    missing_exit_fares: int = 0
    held: int = 0
    held_fare: int = 0
    released: int = 0
    released_fare: int = 0
    refused: int = 0
    refused_fare: int = 0

    def add(self, kind: Kind, state: State, count: int, fare: int) -> "Totals":
        """With so many more of a kind and state, and their sum."""
        if state is not State.ISSUED:
            counted, summed = state.value, f"{state.value}_fare"
        elif kind is Kind.FARE:
            counted, summed = "adjustments", "adjusted_fare"
        else:
            counted, summed = "missing_exits", "missing_exit_fares"
        more = {counted: getattr(self, counted) + count, summed: getattr(self, summed) + fare}
        return self._replace(**more)


class Settlement(NamedTuple):
    """One run. `ended_at_ms` None: it runs, or was broken off."""

    settlement: int
    service_date: str
    begun_at_ms: int
    actor: str
    tokens: int | None
    ended_at_ms: int | None


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
            "held": int(due.held),
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
    except DBAPIError as error:
        # The code first: the driver gives such errors the class of a connection that is lost.
        is_lost = getattr(error.orig, "sqlstate", None) in _LOST
        if is_lost or isinstance(error, IntegrityError):
            raise Overtaken("another settlement has issued the same meanwhile") from error
        raise


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


def read_numbers(
    connection: Connection, settlement: int, rows: Collection[int]
) -> dict[tuple[int, Kind], int]:
    """Under which numbers a run has issued something for these rows, by row and kind."""
    columns = adjustments.c
    query = select(columns.row, columns.kind, columns.adjustment)
    query = query.where(columns.settlement == settlement)
    found: dict[tuple[int, Kind], int] = {}
    ordered = sorted(rows)
    for place in range(0, len(ordered), LOOKUP_MAX):
        chunk = ordered[place : place + LOOKUP_MAX]
        for row, kind, number in connection.execute(query.where(columns.row.in_(chunk))):
            found[row, Kind(kind)] = number
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


def _read_totals(connection: Connection, numbers: Collection[int]) -> dict[int, Totals]:
    columns, released = adjustments.c, adjustment_reviews.c.released
    query = (
        select(
            columns.settlement,
            columns.kind,
            columns.held,
            released,
            func.count(),
            func.sum(columns.fare),
        )
        .outerjoin(adjustment_reviews, adjustment_reviews.c.adjustment == columns.adjustment)
        .where(columns.settlement.in_(numbers))
        .group_by(columns.settlement, columns.kind, columns.held, released)
    )
    totals: dict[int, Totals] = {}
    for settlement, kind, held, was_released, count, fare in connection.execute(query):
        state = find_state(held, was_released)
        before = totals.get(settlement, Totals())
        totals[settlement] = before.add(Kind(kind), state, count, fare)
    return totals
