"""One tap after it was decided: why, and what the gate did at it."""

from collections.abc import Callable
from dataclasses import replace
from typing import Annotated, TypeVar

from fastapi import APIRouter, Path
from starlette.responses import Response

from api.contract.explanations import TapExplanation
from api.contract.taps import Id, ReportRequest, TapDecision
from api.http.auth import TheKey, TheRuntime, speaks_for
from api.runtime.service import now_ms
from api.runtime.wiring import Runtime
from api.views.explanations import explain
from api.wire.answers import AnswerWriter
from fare_engine.access_key import Key
from fare_engine.catalogue import Catalogue
from fare_engine.errors import NotFound
from fare_engine.ledger.database import Connection
from fare_engine.ledger.queries.explanations import Place, find_explanation, find_place
from fare_engine.ledger.where import Where
from fare_engine.tap import Report
from fare_engine.verdict import Verdict

router = APIRouter(prefix="/v1/taps", tags=["taps"])

T = TypeVar("T")
TapId = Annotated[Id, Path()]
Find = Callable[[Connection, Catalogue, Where, str], T | None]


@router.get("/{tap_id}")
async def get_tap(tap_id: TapId, runtime: TheRuntime, key: TheKey) -> TapExplanation:
    """One decision with its explanation: both taps, both clocks, every condition."""
    await _check_is_there(runtime, tap_id, key)
    explanation = await _find(runtime, tap_id, find_explanation)
    if explanation is None:
        raise _not_there(tap_id)
    closed_by = explanation.closed_by
    if closed_by is not None and not speaks_for(key, closed_by.station_id):
        explanation = replace(explanation, closed_by=None)
    return explain(explanation, runtime.catalogue.network)


@router.post("/{tap_id}/report", response_model=TapDecision)
async def report_tap(
    tap_id: TapId, report: ReportRequest, runtime: TheRuntime, key: TheKey
) -> Response:
    """What the gate did at a tap it sent before; answers the decision as it stands.

    The first report counts. The same report again changes nothing.
    """
    try:
        await _check_is_there(runtime, tap_id, key)
    except NotFound:
        # A gate that timed out may report a tap that still waits: wait for all taps before it.
        await runtime.service.decide((), now_ms())
        await _check_is_there(runtime, tap_id, key)
    reported = Report(
        report.gate_action_taken == "open", report.fare_taken, report.passed, report.cause
    )
    result = await runtime.service.report(tap_id, reported, key.key_id)
    if not isinstance(result, Verdict):
        raise result
    network = runtime.catalogue.network
    body = AnswerWriter(network.time_zone, network.currency).write(result)
    return Response(body, media_type="application/json")


async def _check_is_there(runtime: Runtime, tap_id: str, key: Key) -> None:
    """Refuse a tap that is not there, and one of another station to its key, in the same words."""
    place = await _find(runtime, tap_id, find_place)
    if place is None or not _is_of(place, key):
        raise _not_there(tap_id)


def _is_of(place: Place, key: Key) -> bool:
    """Whether a key may know of a tap; one of an unknown gate is that of who sent it."""
    if place.station_id is None and place.sender == key.key_id:
        return True
    return speaks_for(key, place.station_id)


def _not_there(tap_id: str) -> NotFound:
    return NotFound(f"there is no tap {tap_id}")


async def _find(runtime: Runtime, tap_id: str, find: Find[T]) -> T | None:
    where = runtime.ledger.where
    return await runtime.read_taps(
        lambda connection, catalogue: find(connection, catalogue, where, tap_id)
    )
