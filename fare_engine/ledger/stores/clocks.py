"""How far the clocks of gates were off, a row for each change; settlement corrects by it later."""

from collections.abc import Mapping, Sequence
from typing import Final

from sqlalchemy import Connection, Select, func, select, tuple_

from fare_engine.ledger.schema import clock_skews, gates
from fare_engine.settlement.clocks import Measurement

SKEWS_PER_GATE_MAX: Final = 1_000
"""A clock that jumps all day must not fill the disk; the oldest are let go."""


def load_skews(connection: Connection, now_ms: int) -> dict[int, tuple[int, int]]:
    """The latest skew of each gate up to now, by its number, with when it was measured.

    What an engine's clock that was ahead has stored of the future says nothing of now.
    """
    table = clock_skews.c
    latest = select(table.gate, func.max(table.measured_at)).where(table.measured_at <= now_ms)
    latest_of_gates = latest.group_by(table.gate).subquery()
    rows = connection.execute(
        select(clock_skews).join(
            latest_of_gates,
            (table.gate == latest_of_gates.c[0]) & (table.measured_at == latest_of_gates.c[1]),
        )
    )
    return {row.gate: (row.measured_at, row.skew_ms) for row in rows}


def load_skews_of(connection: Connection, gates: Sequence[int]) -> dict[int, int]:
    """The latest skew that is stored of each of these gates, by their numbers."""
    table = clock_skews.c
    latest = (
        select(table.gate, func.max(table.measured_at))
        .where(table.gate.in_(gates))
        .group_by(table.gate)
    )
    rows = connection.execute(
        select(table.gate, table.skew_ms).where(tuple_(table.gate, table.measured_at).in_(latest))
    )
    return {row.gate: row.skew_ms for row in rows}


def list_wrong_gates(tolerance_ms: int) -> Select[int]:
    """Asks for the numbers of all gates whose clocks were ever off by more than that."""
    table = clock_skews.c
    return select(table.gate).distinct().where(func.abs(table.skew_ms) > tolerance_ms)


def list_measured(connection: Connection, gate: int) -> list[Measurement]:
    """All that was measured of a gate's clock, by its number, in the order of the engine's."""
    table = clock_skews.c
    query = select(table.measured_at, table.skew_ms).where(table.gate == gate)
    rows = connection.execute(query.order_by(table.measured_at))
    return [Measurement(*row) for row in rows]


def record_skews(connection: Connection, skews_ms: Mapping[int, int], measured_at_ms: int) -> None:
    """Store new skews of gates, by their numbers; of two at one instant the last counts."""
    table = clock_skews.c
    # Two controllers may measure one gate at once: the second waits, whichever gates they share.
    measured = (
        select(gates.c.number).where(gates.c.number.in_(list(skews_ms))).order_by(gates.c.number)
    )
    connection.execute(measured.with_for_update(key_share=True))
    for gate, skew_ms in skews_ms.items():
        this_one = (table.gate == gate) & (table.measured_at == measured_at_ms)
        connection.execute(clock_skews.delete().where(this_one))
        connection.execute(
            clock_skews.insert().values(gate=gate, measured_at=measured_at_ms, skew_ms=skew_ms)
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
