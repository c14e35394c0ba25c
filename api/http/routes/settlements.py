"""Settlement: what a day should have cost, once all that came late is known."""

from typing import Annotated

from fastapi import APIRouter, Path

from api.contract.operators import Page
from api.contract.paging import NUMBER_MAX, Cursor, Limit, page_of_rows, read_number
from api.contract.problems import Refused
from api.contract.settlements import (
    AdjustmentAnswer,
    SettlementAnswer,
    SettlementOutcome,
    SettlementRequest,
)
from api.http.auth import TheKey, TheRuntime
from api.views.settlements import view_adjustment, view_outcome, view_settlement
from fare_engine.errors import NoTariffInForce, NotFound
from fare_engine.ledger.stores.adjustments import list_adjustments
from fare_engine.ledger.stores.settlements import find_settlement, list_settlements

router = APIRouter(prefix="/v1/settlements", tags=["settlement"])

SettlementId = Annotated[int, Path(ge=1, le=NUMBER_MAX)]


@router.post("")
async def settle_date(
    request: SettlementRequest, runtime: TheRuntime, key: TheKey
) -> SettlementOutcome:
    """Settle a service date; answers when it is done. Settled again, only differences are issued.

    Decisions are never rewritten: what they come to now stands beside them as adjustments.
    """
    try:
        outcome = await runtime.settle(request.service_date, key.key_id, dry_run=request.dry_run)
    except NoTariffInForce as error:
        # Of a tap it would be `occurred_at` that is at fault.
        raise Refused(error.code, str(error), [("service_date", str(error))]) from None
    return view_outcome(outcome, runtime.catalogue.network.time_zone)


@router.get("")
async def list_runs(
    runtime: TheRuntime, limit: Limit = 100, cursor: Cursor = None
) -> Page[SettlementAnswer]:
    """Every run with what it issued, newest first."""
    before = read_number(cursor)
    rows = await runtime.read(lambda connection: list_settlements(connection, before, limit + 1))
    zone = runtime.catalogue.network.time_zone
    return page_of_rows(
        rows, limit, lambda row: row[0].settlement, lambda row: view_settlement(*row, zone)
    )


@router.get("/{settlement_id}")
async def get_settlement(settlement_id: SettlementId, runtime: TheRuntime) -> SettlementAnswer:
    """One run with what it issued."""
    found = await runtime.read(lambda connection: find_settlement(connection, settlement_id))
    if found is None:
        raise NotFound(f"there is no settlement {settlement_id}")
    return view_settlement(*found, runtime.catalogue.network.time_zone)


@router.get("/{settlement_id}/adjustments")
async def list_issued(
    settlement_id: SettlementId, runtime: TheRuntime, limit: Limit = 100, cursor: Cursor = None
) -> Page[AdjustmentAnswer]:
    """All that a run issued."""
    after = read_number(cursor) or 0
    rows = await runtime.read(
        lambda connection: list_adjustments(connection, settlement_id, after, limit + 1)
    )
    zone = runtime.catalogue.network.time_zone
    return page_of_rows(
        rows, limit, lambda row: row.adjustment, lambda row: view_adjustment(row, zone)
    )
