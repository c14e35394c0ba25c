"""Tariffs: every version of the fare rules, and a new one."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Annotated, Any, Final

import msgspec
from fastapi import APIRouter, Path, Request
from fastapi.responses import Response, StreamingResponse

from api.contract.operators import Page
from api.contract.paging import NUMBER_MAX, Cursor, Limit, page_of_values
from api.contract.tariffs import TariffAnswer, TariffRequest
from api.http.auth import TheKey, TheRuntime
from api.runtime.beside_taps import run_beside_taps
from api.runtime.service import now_ms
from api.views.catalogue import view_tariff
from api.wire.tariff_reader import read_tariff
from fare_engine.catalogue import Catalogue
from fare_engine.documents import PAIRS_SHOWN_MAX, rules_without_table, tariff_document
from fare_engine.errors import NotFound
from fare_engine.explicit_fares import ExplicitFares
from fare_engine.ledger.database import Connection
from fare_engine.ledger.stores.catalogue import get_distances, prepare_tariff, publish_tariff
from fare_engine.ledger.stores.tariff_document import from_document
from fare_engine.tariff import Tariff

router = APIRouter(prefix="/v1/tariffs", tags=["tariffs"])

_BODY: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/TariffRequest"}}},
    }
}


@router.get("")
async def list_tariffs(
    runtime: TheRuntime, limit: Limit = 100, cursor: Cursor = None
) -> Page[TariffAnswer]:
    """All versions of the fare rules, oldest first, without large tables."""
    catalogue = runtime.catalogue
    zone = catalogue.network.time_zone
    return page_of_values(
        catalogue.tariffs,
        limit,
        cursor,
        lambda tariff: str(tariff.version),
        lambda tariff: view_tariff(tariff, zone),
    )


@router.get("/{version}", response_model=TariffAnswer)
async def get_tariff(
    version: Annotated[int, Path(ge=1, le=NUMBER_MAX)], runtime: TheRuntime
) -> TariffAnswer | Response:
    """One version of the fare rules, with its whole table."""
    catalogue = runtime.catalogue
    zone = catalogue.network.time_zone
    for tariff in catalogue.tariffs:
        if tariff.version == version:
            if len(tariff.fares.explicit) <= PAIRS_SHOWN_MAX:
                return view_tariff(tariff, zone)
            return StreamingResponse(_write(tariff, zone), media_type="application/json")
    raise NotFound(f"there is no tariff {version}")


@router.post("", status_code=201, openapi_extra=_BODY)
async def publish(request: Request, runtime: TheRuntime, key: TheKey) -> TariffAnswer:
    """Publish a new version. Versions are never edited, and open journeys keep theirs."""
    body = await request.body()
    stations, bytes_max = runtime.catalogue.stations, runtime.settings.body_bytes_max
    written, fares = await run_beside_taps(lambda: read_tariff(body, stations, bytes_max))

    def prepare(catalogue: Catalogue) -> Callable[[Connection, Catalogue], Catalogue]:
        prepared = prepare_tariff(catalogue, _make_draft(written, fares, catalogue))
        return lambda connection, now: publish_tariff(
            connection, now, prepared, key.key_id, now_ms()
        )

    catalogue = await runtime.publish_prepared(prepare)
    return view_tariff(catalogue.tariffs[-1], catalogue.network.time_zone)


def _make_draft(written: TariffRequest, fares: ExplicitFares, catalogue: Catalogue) -> Tariff:
    rules = written.model_dump(
        mode="json", exclude={"effective_from", "effective_to", "explicit_fares"}
    )
    return from_document(
        rules,
        version=0,
        effective_from_ms=written.effective_from,
        effective_to_ms=written.effective_to,
        distances=get_distances(catalogue),
        explicit=fares,
    )


async def _write(tariff: Tariff, zone: str) -> AsyncIterator[bytes]:
    """A tariff with a large table: the rows of one origin at a time, and taps between them."""
    document = tariff_document(tariff, zone)
    document["rules"] = rules_without_table(tariff)
    yield msgspec.json.encode(document)[:-2] + b',"explicit_fares":['
    separator = b""
    for rows in tariff.fares.table.encode_rows():
        yield separator + rows
        separator = b","
        await asyncio.sleep(0)
    yield b"]}}"
