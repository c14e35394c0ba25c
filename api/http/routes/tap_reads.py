"""One tap after it was decided: why, and what the gate did at it."""

from collections.abc import Callable
from typing import Annotated, TypeVar

from fastapi import APIRouter, Path
from starlette.responses import Response

from api.contract.explanations import TapExplanation
from api.contract.taps import Id, ReportRequest, TapDecision
from api.http.auth import TheKey, TheRuntime, check_speaks_for
from api.runtime.service import now_ms
from api.runtime.wiring import Runtime
from api.views.explanations import explain
from api.wire.answers import AnswerWriter
from fare_engine.catalogue import Catalogue
from fare_engine.errors import NotFound
from fare_engine.ledger.database import Connection
from fare_engine.ledger.queries.explanations import find_explanation, find_place
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
    explanation = await _find(runtime, tap_id, find_explanation)
    if explanation is None:
        raise NotFound(f"there is no tap {tap_id}")
    verdict = explanation.verdict
    if verdict.station_id is not None:  # a tap in quarantine may belong to no station
        check_speaks_for(key, verdict.station_id, verdict.tap.gate_id)
    return explain(explanation, runtime.catalogue.network)


@router.post("/{tap_id}/report", response_model=TapDecision)
async def report_tap(
    tap_id: TapId, report: ReportRequest, runtime: TheRuntime, key: TheKey
) -> Response:
    """What the gate did at a tap it sent before; answers the decision as it stands.

    The first report counts. The same report again changes nothing.
    """
    place = await _find(runtime, tap_id, find_place)
    if place is None:
        # A gate that timed out may report a tap that still waits: wait for all taps before it.
        await runtime.service.decide((), now_ms())
        place = await _find(runtime, tap_id, find_place)
    if place is None:
        raise NotFound(f"there is no tap {tap_id}")
    if place.station_id is not None:
        check_speaks_for(key, place.station_id, place.gate_id)
    reported = Report(
        report.gate_action_taken == "open", report.fare_taken, report.passed, report.cause
    )
    result = await runtime.service.report(tap_id, reported)
    if not isinstance(result, Verdict):
        raise result
    network = runtime.catalogue.network
    body = AnswerWriter(network.time_zone, network.currency).write(result)
    return Response(body, media_type="application/json")


async def _find(runtime: Runtime, tap_id: str, find: Find[T]) -> T | None:
    catalogue, where = runtime.catalogue, runtime.ledger.where
    return await runtime.read(lambda connection: find(connection, catalogue, where, tap_id))
