"""Lists that operators page through: the quarantine and the audit log."""

from typing import Any, NamedTuple

from sqlalchemy import Connection, select

from fare_engine.ledger.schema import audit, quarantine, repairs, reports, taps
from fare_engine.ledger.where import Where


class SetAside(NamedTuple):
    """A tap in quarantine: sent by a gate that decided alone, and not to be decided then.

    `sender` is the key that sent it, None where the ledger did not keep that yet. `settlement` is
    the run that could decide it at last; None while it waits.
    """

    row: int
    tap_id: str
    problem: str
    detail: str
    gate_id: str
    medium_type: str
    direction: int
    occurred_at_ms: int
    received_at_ms: int
    gate_opened: bool | None
    fare_taken: int | None
    sender: str | None
    settlement: int | None


class AuditEntry(NamedTuple):
    """One change: who made it, when, and what stood there before and after."""

    entry: int
    at_ms: int
    actor: str
    action: str
    subject: str
    before: Any
    after: Any


def list_quarantine(
    connection: Connection, where: Where, after_row: int, limit: int
) -> list[SetAside]:
    """Taps in quarantine, as they were committed, behind the one of a row."""
    columns = (
        taps.c.row,
        taps.c.tap_id,
        quarantine.c.problem,
        quarantine.c.detail,
        quarantine.c.gate_id,
        quarantine.c.medium_type,
        taps.c.direction,
        taps.c.occurred_at,
        taps.c.received_at,
        reports.c.gate_opened,
        reports.c.fare_taken,
        quarantine.c.sender,
        repairs.c.settlement,
    )
    query = (
        select(*columns)
        .select_from(quarantine)
        .join(taps, taps.c.row == quarantine.c.row)
        .outerjoin(reports, reports.c.row == quarantine.c.row)
        .outerjoin(repairs, repairs.c.row == quarantine.c.row)
    )
    page = where.page(query, quarantine.c.row, after_row).limit(limit)
    return [SetAside._make(row) for row in connection.execute(page)]


def list_audit(connection: Connection, before_entry: int | None, limit: int) -> list[AuditEntry]:
    """The audit log, newest first, before an entry."""
    query = select(*audit.c).order_by(audit.c.entry.desc()).limit(limit)
    if before_entry is not None:
        query = query.where(audit.c.entry < before_entry)
    return [AuditEntry._make(row) for row in connection.execute(query)]
