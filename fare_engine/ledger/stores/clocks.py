"""How far the clocks of gates were off, a row for each change; settlement corrects by it later."""

from collections.abc import Mapping
from typing import Final

from sqlalchemy import Connection, func, select

from fare_engine.ledger.schema import clock_skews

SKEWS_PER_GATE_MAX: Final = 1_000
"""A clock that jumps all day must not fill the disk; the oldest are let go."""


def load_skews(connection: Connection) -> dict[int, tuple[int, int]]:
    """The latest skew stored of each gate, by its number, with when it was measured."""
    table = clock_skews.c
    latest = select(table.gate, func.max(table.measured_at)).group_by(table.gate).subquery()
    rows = connection.execute(
        select(clock_skews).join(
            latest, (table.gate == latest.c[0]) & (table.measured_at == latest.c[1])
        )
    )
    return {row.gate: (row.measured_at, row.skew_ms) for row in rows}


def find_skew(connection: Connection, gate: int, at_ms: int) -> int | None:
    """How far a gate's clock was ahead by the latest measurement up to an instant, by its number.

    Before the first one nobody knows.
    """
    table = clock_skews.c
    query = select(table.skew_ms).where(table.gate == gate, table.measured_at <= at_ms)
    return connection.execute(query.order_by(table.measured_at.desc()).limit(1)).scalar()


def record_skews(connection: Connection, skews_ms: Mapping[int, int], measured_at_ms: int) -> None:
    """Store new skews of gates, by their numbers."""
    table = clock_skews.c
    for gate, skew_ms in skews_ms.items():
        # An engine's clock that was set back must not meet, or come before, what it stored.
        latest = connection.execute(
            select(func.max(table.measured_at)).where(table.gate == gate)
        ).scalar_one()
        at_ms = measured_at_ms if latest is None else max(measured_at_ms, latest + 1)
        connection.execute(
            clock_skews.insert().values(gate=gate, measured_at=at_ms, skew_ms=skew_ms)
        )
        kept = (
            select(table.measured_at)
            .where(table.gate == gate)
            .order_by(table.measured_at.desc())
            .limit(SKEWS_PER_GATE_MAX)
        )
        connection.execute(
            clock_skews.delete().where(table.gate == gate, table.measured_at.not_in(kept))
        )
