"""What settlements issued, listed; and what a person says of an adjustment that was held."""

from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, select

from fare_engine.decision import Reason
from fare_engine.errors import NotFound, ReviewedOtherwise
from fare_engine.ledger.schema import adjustment_reviews, adjustments, settlements, taps
from fare_engine.ledger.stores.audit import record_change
from fare_engine.ledger.stores.order import lock_changes
from fare_engine.settlement.adjustments import Kind, State, Why


class Review(NamedTuple):
    """Who released or refused an adjustment, when and why."""

    reason: str
    actor: str
    reviewed_at_ms: int


class IssuedAdjustment(NamedTuple):
    """An adjustment with the taps it is about, and when it was issued; no token.

    `review` is what a person said of one that was held, None while it waits.
    """

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
    state: State
    review: Review | None


def find_state(held: int, released: int | None) -> State:
    """The state of an adjustment by its row, and by its review if there is one."""
    if not held:
        return State.ISSUED
    if released is None:
        return State.HELD
    return State.RELEASED if released else State.REFUSED


def review_adjustment(
    connection: Connection,
    adjustment: int,
    state: State,
    reason: str,
    actor: str,
    now_ms: int,
) -> IssuedAdjustment:
    """Release or refuse an adjustment that is held; said again, it stays as it is.

    NotFound where there is none, ReviewedOtherwise where it is not held or was decided otherwise.
    """
    lock_changes(connection)  # of two who review it at once the second finds what the first said
    found = _find(connection, adjustment)
    if found is None:
        raise NotFound(f"there is no adjustment {adjustment}")
    if found.state is state and found.review is not None:
        return found
    if found.state is not State.HELD:
        raise ReviewedOtherwise(f"adjustment {adjustment} is not held: it is {found.state.value}")
    values = {
        "adjustment": adjustment,
        "released": int(state is State.RELEASED),
        "reason": reason,
        "actor": actor,
        "reviewed_at": now_ms,
    }
    connection.execute(adjustment_reviews.insert().values(values))
    record_change(
        connection,
        at_ms=now_ms,
        actor=actor,
        action=f"adjustment.{state.value}",
        subject=str(adjustment),
        before={"state": found.state.value, "tap_id": found.tap_id, "fare": found.fare},
        after={"state": state.value, "reason": reason},
    )
    reviewed = _find(connection, adjustment)
    assert reviewed is not None
    return reviewed


def list_adjustments(
    connection: Connection, settlement: int, after: int, limit: int
) -> list[IssuedAdjustment]:
    """What a run issued, in its order, behind one of them."""
    columns = adjustments.c
    query = _select().where(columns.settlement == settlement, columns.adjustment > after)
    return _read(connection, query.limit(limit))


def list_adjustments_in_state(
    connection: Connection, state: State | None, after: int, limit: int
) -> list[IssuedAdjustment]:
    """What all runs issued, oldest first, behind one of them; of one state, or of all."""
    query = _select().where(adjustments.c.adjustment > after)
    if state is not None:
        query = query.where(_is_in(state))
    return _read(connection, query.limit(limit))


def list_adjustments_of_row(connection: Connection, row: int) -> list[IssuedAdjustment]:
    """Everything that was ever issued for a tap, oldest first."""
    return _read(connection, _select().where(adjustments.c.row == row))


def _find(connection: Connection, adjustment: int) -> IssuedAdjustment | None:
    found = _read(connection, _select().where(adjustments.c.adjustment == adjustment))
    return found[0] if found else None


def _is_in(state: State) -> ColumnElement[bool]:
    held, released = adjustments.c.held == 1, adjustment_reviews.c.released
    if state is State.ISSUED:
        return adjustments.c.held == 0
    if state is State.HELD:
        return and_(held, released.is_(None))
    return and_(held, released == int(state is State.RELEASED))


def _select() -> Select[Any]:
    columns, reviews, entries = adjustments.c, adjustment_reviews.c, taps.alias("entries")
    return (
        select(
            columns.adjustment,
            columns.settlement,
            taps.c.tap_id,
            entries.c.tap_id.label("entry_tap_id"),
            *(columns.kind, columns.fare, columns.collected, columns.due),
            *(columns.why, columns.reason.label("decided_again"), columns.held),
            settlements.c.begun_at,
            *(reviews.released, reviews.reason, reviews.actor, reviews.reviewed_at),
        )
        .join(taps, taps.c.row == columns.row)
        .join(settlements, settlements.c.settlement == columns.settlement)
        .outerjoin(entries, entries.c.row == columns.entry_row)
        .outerjoin(adjustment_reviews, reviews.adjustment == columns.adjustment)
        .order_by(columns.adjustment)
    )


def _read(connection: Connection, query: Select[Any]) -> list[IssuedAdjustment]:
    return [_make(row) for row in connection.execute(query)]


def _make(row: Row[Any]) -> IssuedAdjustment:
    review = None
    if row.released is not None:
        review = Review(row.reason, row.actor, row.reviewed_at)
    return IssuedAdjustment(
        row.adjustment,
        row.settlement,
        row.tap_id,
        row.entry_tap_id,
        Kind(row.kind),
        row.fare,
        row.collected,
        row.due,
        Why(row.why),
        Reason(row.decided_again),
        row.begun_at,
        find_state(row.held, row.released),
        review,
    )
