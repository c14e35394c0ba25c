"""What operators read: the quarantine of taps that could not be decided, and who changed what."""

from fastapi import APIRouter

from api.contract.operators import AuditAnswer, Page, SetAsideAnswer
from api.contract.paging import Cursor, Limit, page_of_rows, read_number
from api.contract.times import format_ms
from api.http.auth import TheRuntime
from api.runtime.service import now_ms
from api.views.explanations import view_action, view_direction
from fare_engine.catalogue import Catalogue
from fare_engine.errors import TapRefused
from fare_engine.ledger.database import Connection
from fare_engine.ledger.queries.gate_clocks import open_clocks
from fare_engine.ledger.queries.listings import AuditEntry, SetAside, list_audit, list_quarantine
from fare_engine.ledger.stores.keys import list_stations_by_key
from fare_engine.settlement.clocks import MeasuredClocks, Reading
from fare_engine.settlement.quarantine import Stations, check_again

router = APIRouter(prefix="/v1", tags=["operation"])


@router.get("/quarantine")
async def list_set_aside(
    runtime: TheRuntime, limit: Limit = 100, cursor: Cursor = None
) -> Page[SetAsideAnswer]:
    """Taps of gates that decided alone which the engine could not decide, oldest first."""
    after_row = read_number(cursor) or 0
    catalogue, where, at_ms = runtime.catalogue, runtime.ledger.where, now_ms()
    zone = catalogue.network.time_zone

    def read(connection: Connection) -> list[tuple[SetAside, str | None]]:
        clocks = open_clocks(runtime.database, catalogue)
        stations_by_key = list_stations_by_key(connection)
        rows = list_quarantine(connection, where, after_row, limit + 1)
        return [
            (row, _find_problem(row, catalogue, clocks, at_ms, stations_by_key.get(row.sender)))
            for row in rows
        ]

    def view(found: tuple[SetAside, str | None]) -> SetAsideAnswer:
        row, problem_now = found
        opened = row.gate_opened
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

    rows = await runtime.read(read)
    return page_of_rows(rows, limit, lambda found: found[0].row, view)


def _find_problem(
    row: SetAside,
    catalogue: Catalogue,
    clocks: MeasuredClocks,
    at_ms: int,
    sent_by: Stations,
) -> str | None:
    """What keeps a tap in quarantine now; None where it may leave, or has left."""
    if row.settlement is not None:
        return None
    reading = Reading(row.occurred_at_ms, row.received_at_ms, was_live=False)
    corrected_ms = row.occurred_at_ms - clocks.find_skew(row.gate_id, reading)
    corrected = row._replace(occurred_at_ms=corrected_ms)
    checked = check_again(catalogue, corrected, row.problem, at_ms, sent_by)
    return checked.code if isinstance(checked, TapRefused) else None


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
