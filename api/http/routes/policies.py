"""Policies: every version of a station's crossing rule, a new one, and the kill switch."""

from fastapi import APIRouter

from api.contract.operators import (
    Page,
    PolicyAnswer,
    PolicyRequest,
    SuspensionAnswer,
    SuspensionRequest,
)
from api.contract.paging import Cursor, Limit, page_of_values
from api.http.auth import TheKey, TheRuntime
from api.runtime.service import now_ms
from api.views.catalogue import view_policy
from fare_engine.catalogue import Catalogue
from fare_engine.documents import suspension_document
from fare_engine.ledger.database import Connection
from fare_engine.ledger.stores.catalogue import publish_policy, resume, suspend
from fare_engine.policy import Policy

router = APIRouter(prefix="/v1/stations/{station_id}/policies", tags=["policies"])


@router.get("")
async def list_policies(
    station_id: str, runtime: TheRuntime, limit: Limit = 100, cursor: Cursor = None
) -> Page[PolicyAnswer]:
    """All versions of a station's policy, oldest first."""
    catalogue = runtime.catalogue
    catalogue.get_station(station_id)
    zone = catalogue.network.time_zone
    return page_of_values(
        catalogue.list_policies(station_id),
        limit,
        cursor,
        lambda policy: str(policy.version),
        lambda policy: view_policy(policy, zone),
    )


@router.post("", status_code=201)
async def publish(
    station_id: str, request: PolicyRequest, runtime: TheRuntime, key: TheKey
) -> PolicyAnswer:
    """Publish a new version. Versions are never edited, and open journeys keep theirs."""
    runtime.catalogue.get_station(station_id)
    draft = Policy(
        station_id=station_id,
        version=0,
        window_ms=request.window_seconds * 1_000,
        media=frozenset(request.media),
        designated_gates=frozenset(request.designated_gates),
        effective_from_ms=request.effective_from,
        effective_to_ms=request.effective_to,
        daily_limit=request.daily_limit,
        note=request.note,
    )

    def change(connection: Connection, catalogue: Catalogue) -> Catalogue:
        return publish_policy(connection, catalogue, draft, key.key_id, now_ms())

    catalogue = await runtime.publish_catalogue(change)
    return view_policy(catalogue.list_policies(station_id)[-1], catalogue.network.time_zone)


@router.post("/suspend")
async def suspend_policy(
    station_id: str, request: SuspensionRequest, runtime: TheRuntime, key: TheKey
) -> SuspensionAnswer:
    """Stop waiving at a station, from now on; suspended already, it stays as it is."""

    def change(connection: Connection, catalogue: Catalogue) -> Catalogue:
        return suspend(connection, catalogue, station_id, request.reason, key.key_id, now_ms())

    return _view_suspension(await runtime.publish_catalogue(change), station_id)


@router.post("/resume")
async def resume_policy(
    station_id: str, request: SuspensionRequest, runtime: TheRuntime, key: TheKey
) -> SuspensionAnswer:
    """Waive again at a station, from now on; not suspended, it stays as it is."""

    def change(connection: Connection, catalogue: Catalogue) -> Catalogue:
        return resume(connection, catalogue, station_id, request.reason, key.key_id, now_ms())

    return _view_suspension(await runtime.publish_catalogue(change), station_id)


def _view_suspension(catalogue: Catalogue, station_id: str) -> SuspensionAnswer:
    zone = catalogue.network.time_zone
    suspensions = catalogue.suspensions.get(station_id, ())
    latest = suspensions[-1] if suspensions else None
    if latest is None:
        return SuspensionAnswer(
            station_id=station_id, suspended=False, suspended_at=None, resumed_at=None, reason=None
        )
    return SuspensionAnswer(
        station_id=station_id,
        suspended=latest.resumed_at_ms is None,
        **suspension_document(latest, zone),
    )
