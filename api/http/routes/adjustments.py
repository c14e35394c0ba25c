"""Adjustments of all settlements, and those that are held until a person has looked at them."""

from typing import Annotated

from fastapi import APIRouter, Path, Query

from api.contract.operators import Page
from api.contract.paging import NUMBER_MAX, Cursor, Limit, page_of_rows, read_number
from api.contract.settlements import AdjustmentAnswer, AdjustmentState, ReviewRequest
from api.http.auth import TheKey, TheRuntime
from api.runtime.service import now_ms
from api.runtime.wiring import Runtime
from api.views.settlements import view_adjustment
from fare_engine.access_key import Key
from fare_engine.ledger.stores.adjustments import list_adjustments_in_state, review_adjustment
from fare_engine.settlement.adjustments import State

router = APIRouter(prefix="/v1/adjustments", tags=["settlement"])

AdjustmentId = Annotated[int, Path(ge=1, le=NUMBER_MAX)]


@router.get("")
async def list_all(
    runtime: TheRuntime,
    state: Annotated[AdjustmentState | None, Query(description="left out: all")] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[AdjustmentAnswer]:
    """What settlements issued or hold, oldest first."""
    after, wanted = read_number(cursor) or 0, None if state is None else State(state)
    rows = await runtime.read(
        lambda connection: list_adjustments_in_state(connection, wanted, after, limit + 1)
    )
    zone = runtime.catalogue.network.time_zone
    return page_of_rows(
        rows, limit, lambda row: row.adjustment, lambda row: view_adjustment(row, zone)
    )


@router.post("/{adjustment_id}/release")
async def release(
    adjustment_id: AdjustmentId, request: ReviewRequest, runtime: TheRuntime, key: TheKey
) -> AdjustmentAnswer:
    """Let an adjustment count that is held; released already, it stays as it is."""
    return await _review(runtime, key, adjustment_id, State.RELEASED, request.reason)


@router.post("/{adjustment_id}/refuse")
async def refuse(
    adjustment_id: AdjustmentId, request: ReviewRequest, runtime: TheRuntime, key: TheKey
) -> AdjustmentAnswer:
    """Refuse an adjustment that is held, for good; refused already, it stays as it is."""
    return await _review(runtime, key, adjustment_id, State.REFUSED, request.reason)


async def _review(
    runtime: Runtime, key: Key, adjustment_id: int, state: State, reason: str
) -> AdjustmentAnswer:
    reviewed = await runtime.write(
        lambda connection: review_adjustment(
            connection, adjustment_id, state, reason, key.key_id, now_ms()
        )
    )
    return view_adjustment(reviewed, runtime.catalogue.network.time_zone)
