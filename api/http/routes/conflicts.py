"""Conflicts: taps and reports that were refused, so that somebody knows who passed by them."""

from typing import Annotated

from fastapi import APIRouter, Query

from api.contract.conflicts import ConflictPage
from api.contract.paging import Cursor, Limit, page_of_rows, read_number
from api.contract.taps import Id, Instant
from api.http.auth import TheRuntime
from api.views.conflicts import view_conflict
from fare_engine.catalogue import Catalogue
from fare_engine.ledger.database import Connection
from fare_engine.ledger.queries.conflicts import (
    Span,
    StoredConflict,
    count_left_out,
    list_conflicts,
)

router = APIRouter(prefix="/v1/conflicts", tags=["operation"])


@router.get("")
async def list_refused(
    runtime: TheRuntime,
    gate_id: Annotated[Id | None, Query(description="that sent it, or whose tap_id it is")] = None,
    station_id: Annotated[Id | None, Query(description="the same of all gates there")] = None,
    received_from: Annotated[Instant | None, Query(alias="from")] = None,
    received_to: Annotated[Instant | None, Query(alias="to", description="not included")] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> ConflictPage:
    """Taps that were refused as conflicts, and reports that contradict the first, newest first."""
    before, catalogue = read_number(cursor), runtime.catalogue
    gate_ids = _find_gates(catalogue, gate_id, station_id)
    span = Span(received_from, received_to)

    def read(connection: Connection) -> tuple[list[StoredConflict], int]:
        found = list_conflicts(connection, catalogue, gate_ids, span, before, limit + 1)
        return found, count_left_out(connection, span)

    rows, left_out = await runtime.read(read)
    zone = catalogue.network.time_zone
    page = page_of_rows(rows, limit, lambda row: row.conflict, lambda row: view_conflict(row, zone))
    return ConflictPage(items=page.items, next_cursor=page.next_cursor, left_out=left_out)


def _find_gates(
    catalogue: Catalogue, gate_id: str | None, station_id: str | None
) -> set[str] | None:
    """The gates to look for; None for all of them, NotFound where there is no such station."""
    if station_id is None:
        return None if gate_id is None else {gate_id}
    catalogue.get_station(station_id)
    gates = catalogue.network.gates
    there = {gate.gate_id for gate in gates if gate.station_id == station_id}
    return there if gate_id is None else there & {gate_id}
