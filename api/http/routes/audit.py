"""What operators read: the quarantine of taps that could not be decided, and who changed what."""

from collections.abc import Mapping

from fastapi import APIRouter

from api.contract.operators import AuditAnswer, Page, SetAsideAnswer
from api.contract.paging import Cursor, Limit, page_of_rows, read_number
from api.contract.times import format_ms
from api.http.auth import TheRuntime
from api.runtime.service import now_ms
from api.views.explanations import view_action, view_direction
from fare_engine.errors import TapRefused
from fare_engine.ledger.database import Connection
from fare_engine.ledger.queries.listings import AuditEntry, SetAside, list_audit, list_quarantine
from fare_engine.ledger.stores.keys import list_stations_by_key
from fare_engine.settlement.quarantine import Stations, check_again

router = APIRouter(prefix="/v1", tags=["operation"])


@router.get("/quarantine")
async def list_set_aside(
    runtime: TheRuntime, limit: Limit = 100, cursor: Cursor = None
) -> Page[SetAsideAnswer]:
    """Taps of gates that decided alone which the engine could not decide, oldest first."""
    after_row = read_number(cursor) or 0

    def read(connection: Connection) -> tuple[list[SetAside], Mapping[str | None, Stations]]:
        rows = list_quarantine(connection, after_row, limit + 1)
        return rows, list_stations_by_key(connection)

    rows, stations_by_key = await runtime.read(read)
    catalogue, at_ms = runtime.catalogue, now_ms()
    zone = catalogue.network.time_zone

    def view(row: SetAside) -> SetAsideAnswer:
        opened = row.gate_opened
        problem_now = None
        if row.settlement is None:  # else it has left the quarantine
            sent_by = stations_by_key.get(row.sender)
            checked = check_again(catalogue, row, row.problem, at_ms, sent_by)
            problem_now = checked.code if isinstance(checked, TapRefused) else None
        return SetAsideAnswer(
            tap_id=row.tap_id,
            problem=row.problem,
            detail=row.detail,
            gate_id=row.gate_id,
            direction=view_direction(row.direction),
            medium_type=row.medium_type,
            occurred_at=format_ms(row.occurred_at_ms, zone),
            received_at=format_ms(row.received_at_ms, zone),
            gate_action_taken=None if opened is None else view_action(bool(opened)),
            fare_taken=row.fare_taken,
            sender=row.sender,
            repairable=problem_now is None,
            problem_now=problem_now,
            settlement_id=row.settlement,
        )

    return page_of_rows(rows, limit, lambda row: row.row, view)


@router.get("/audit")
async def list_changes(
    runtime: TheRuntime, limit: Limit = 100, cursor: Cursor = None
) -> Page[AuditAnswer]:
    """Who changed what, when, from what to what; newest first."""
    before_entry = read_number(cursor)
    rows = await runtime.read(lambda connection: list_audit(connection, before_entry, limit + 1))
    zone = runtime.catalogue.network.time_zone

    def view(row: AuditEntry) -> AuditAnswer:
        return AuditAnswer(
            entry=row.entry,
            at=format_ms(row.at_ms, zone),
            actor=row.actor,
            action=row.action,
            subject=row.subject,
            before=row.before,
            after=row.after,
        )

    return page_of_rows(rows, limit, lambda row: row.entry, view)
