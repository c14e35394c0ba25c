"""Tariffs: every version of the fare rules, and a new one."""

from typing import Annotated

from fastapi import APIRouter, Path

from api.contract.operators import Page
from api.contract.paging import NUMBER_MAX, Cursor, Limit, page_of_values
from api.contract.tariffs import TariffAnswer, TariffRequest
from api.http.auth import TheKey, TheRuntime
from api.runtime.service import now_ms
from api.views.catalogue import view_tariff
from fare_engine.catalogue import Catalogue
from fare_engine.errors import NotFound
from fare_engine.ledger.database import Connection
from fare_engine.ledger.stores.catalogue import get_distances, publish_tariff
from fare_engine.ledger.stores.tariff_document import from_document

router = APIRouter(prefix="/v1/tariffs", tags=["tariffs"])


@router.get("")
async def list_tariffs(
    runtime: TheRuntime, limit: Limit = 100, cursor: Cursor = None
) -> Page[TariffAnswer]:
    """All versions of the fare rules, oldest first."""
    catalogue = runtime.catalogue
    zone = catalogue.network.time_zone
    return page_of_values(
        catalogue.tariffs,
        limit,
        cursor,
        lambda tariff: str(tariff.version),
        lambda tariff: view_tariff(tariff, zone),
    )


@router.get("/{version}")
async def get_tariff(
    version: Annotated[int, Path(ge=1, le=NUMBER_MAX)], runtime: TheRuntime
) -> TariffAnswer:
    """One version of the fare rules."""
    catalogue = runtime.catalogue
    for tariff in catalogue.tariffs:
        if tariff.version == version:
            return view_tariff(tariff, catalogue.network.time_zone)
    raise NotFound(f"there is no tariff {version}")


@router.post("", status_code=201)
async def publish(request: TariffRequest, runtime: TheRuntime, key: TheKey) -> TariffAnswer:
    """Publish a new version. Versions are never edited, and open journeys keep theirs."""
    rules = request.model_dump(mode="json", exclude={"effective_from", "effective_to"})

    def change(connection: Connection, catalogue: Catalogue) -> Catalogue:
        draft = from_document(
            rules,
            version=0,
            effective_from_ms=request.effective_from,
            effective_to_ms=request.effective_to,
            distances=get_distances(catalogue),
        )
        return publish_tariff(connection, catalogue, draft, key.key_id, now_ms())

    catalogue = await runtime.publish_catalogue(change)
    return view_tariff(catalogue.tariffs[-1], catalogue.network.time_zone)
