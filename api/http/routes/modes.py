"""Degraded modes: checks that a station leaves out while something is broken."""

from fastapi import APIRouter

from api.contract.operators import ModeAnswer, ModeEndRequest, ModeRequest, Page
from api.contract.paging import Cursor, Limit, page_of_values
from api.http.auth import TheKey, TheRuntime
from api.runtime.service import now_ms
from fare_engine.catalogue import Catalogue
from fare_engine.documents import mode_document
from fare_engine.ledger.database import Connection
from fare_engine.ledger.stores.modes import end_mode, start_mode
from fare_engine.modes import MODES_BY_CODE, DegradedMode

router = APIRouter(prefix="/v1/stations/{station_id}/modes", tags=["modes"])


@router.get("")
async def list_modes(
    station_id: str, runtime: TheRuntime, limit: Limit = 100, cursor: Cursor = None
) -> Page[ModeAnswer]:
    """All degraded modes of a station, in the order in which they were started."""
    catalogue = runtime.catalogue
    catalogue.get_station(station_id)
    zone, at_ms = catalogue.network.time_zone, now_ms()
    return page_of_values(
        catalogue.list_modes(station_id),
        limit,
        cursor,
        lambda mode: str(mode.number),
        lambda mode: view_mode(mode, zone, at_ms),
    )


@router.post("", status_code=201)
async def start(
    station_id: str, request: ModeRequest, runtime: TheRuntime, key: TheKey
) -> ModeAnswer:
    """Start a degraded mode. It is read at the tap, so it reaches open journeys too."""
    at_ms = now_ms()
    from_ms = at_ms if request.effective_from is None else request.effective_from
    draft = DegradedMode(
        station_id, MODES_BY_CODE[request.mode], from_ms, request.reason, request.effective_to
    )

    def change(connection: Connection, catalogue: Catalogue) -> Catalogue:
        return start_mode(connection, catalogue, draft, key.key_id, at_ms)

    catalogue = await runtime.publish_catalogue(change)
    started = catalogue.list_modes(station_id)[-1]
    return view_mode(started, catalogue.network.time_zone, at_ms)


@router.post("/end")
async def end(
    station_id: str, request: ModeEndRequest, runtime: TheRuntime, key: TheKey
) -> Page[ModeAnswer]:
    """End a degraded mode; answers what was ended, nothing where it was not in force.

    One that is yet to begin is called off by ending it at the instant of its beginning.
    """
    at_ms = now_ms()
    end_ms = at_ms if request.effective_to is None else request.effective_to
    ended: list[DegradedMode] = []

    def change(connection: Connection, catalogue: Catalogue) -> Catalogue:
        mode, reason = MODES_BY_CODE[request.mode], request.reason
        changed, modes = end_mode(
            connection, catalogue, station_id, mode, end_ms, reason, key.key_id, at_ms
        )
        ended.extend(modes)
        return changed

    catalogue = await runtime.publish_catalogue(change)
    zone = catalogue.network.time_zone
    return Page(items=[view_mode(mode, zone, at_ms) for mode in ended], next_cursor=None)


def view_mode(mode: DegradedMode, zone: str, at_ms: int) -> ModeAnswer:
    """One stretch of a mode, and whether it is in force at an instant."""
    return ModeAnswer(**mode_document(mode, zone), in_force=mode.covers(at_ms))
