"""Controllers: their parameters, their heartbeats, and alarms of their gates."""

from collections.abc import Iterable, Mapping
from typing import Annotated

from fastapi import APIRouter, Header, Path
from starlette.responses import Response

from api.contract.controllers import (
    AlarmAnswer,
    ControllerAnswer,
    GateHeartbeat,
    HeartbeatAnswer,
    HeartbeatRequest,
    NotTaken,
    ParametersAnswer,
)
from api.contract.operators import Page
from api.contract.paging import Cursor, Limit, page_of_values
from api.contract.taps import Id
from api.contract.times import format_ms
from api.http.auth import TheKey, TheRuntime, check_speaks_for, speaks_for
from api.runtime.clocks import Heartbeat
from api.runtime.heartbeats import keep_heartbeat
from api.runtime.service import now_ms
from api.runtime.wiring import Runtime
from api.views.parameters import Parameters, list_gates
from fare_engine.access_key import Key
from fare_engine.network import Gate

router = APIRouter(prefix="/v1", tags=["controllers"])

ControllerId = Annotated[Id, Path()]


@router.get("/controllers/{controller_id}/parameters", response_model=ParametersAnswer)
async def get_parameters(
    controller_id: ControllerId,
    runtime: TheRuntime,
    key: TheKey,
    if_none_match: Annotated[str | None, Header()] = None,
) -> Response:
    """All that a controller's gates need to decide alone. 304 where it has this version."""
    _list_gates(runtime, controller_id, key)
    parameters = await _get_parameters(runtime, controller_id)
    headers = {"ETag": f'"{parameters.version}"', "Cache-Control": "private, no-cache"}
    if if_none_match is not None and _names(if_none_match, parameters.version):
        return Response(status_code=304, headers=headers)
    return Response(parameters.body(), headers=headers, media_type="application/json")


@router.post("/controllers/{controller_id}/heartbeat")
async def take_heartbeat(
    controller_id: ControllerId, request: HeartbeatRequest, runtime: TheRuntime, key: TheKey
) -> HeartbeatAnswer:
    """How a controller is: what waits there, and how far its gates' clocks are off.

    An entry of a gate that cannot be taken is named in the answer, and all others count.
    """
    at_ms = now_ms()
    gates = _find_spoken_for(runtime, controller_id, key)
    skews_ms, not_taken = _sort_out(request.gates, gates, controller_id)
    heartbeat = Heartbeat(at_ms, request.parameters_version, request.outbox_taps)
    numbers = {gate_id: gate.number for gate_id, gate in gates.items()}
    await keep_heartbeat(runtime, controller_id, heartbeat, skews_ms, numbers)
    parameters = await _get_parameters(runtime, controller_id)
    return HeartbeatAnswer(
        received_at=format_ms(at_ms, runtime.catalogue.network.time_zone),
        parameters_version=parameters.version,
        not_taken=not_taken,
    )


def _sort_out(
    reported: Iterable[GateHeartbeat], gates: Mapping[str, Gate], controller_id: str
) -> tuple[dict[str, int], list[NotTaken]]:
    """The skews of gates that a heartbeat reports, and its entries that do not count.

    Of a gate that stands there twice the skew that is further off counts: it needs somebody.
    """
    skews_ms: dict[str, int] = {}
    not_taken = []
    for one in reported:
        gate_id, skew_ms = one.gate_id, one.bounded_skew_ms
        fault = one.fault
        if fault is None and gate_id not in gates:
            fault = f"is no gate of controller {controller_id} that this key speaks for"
        elif fault is None and gate_id in skews_ms:
            fault = "stands there twice; the greater skew counts"
            skews_ms[gate_id] = max(skews_ms[gate_id], skew_ms, key=abs)
        if fault is None:
            skews_ms[gate_id] = skew_ms
        else:
            not_taken.append(NotTaken(gate_id=gate_id, detail=fault))
    return skews_ms, not_taken


@router.get("/controllers")
async def list_controllers(
    runtime: TheRuntime, limit: Limit = 100, cursor: Cursor = None
) -> Page[ControllerAnswer]:
    """All controllers that gates name now, each with what its last heartbeat said."""
    at_ms, zone = now_ms(), runtime.catalogue.network.time_zone
    gates_of: dict[str, list[str]] = {}
    for gate in runtime.catalogue.network.gates:
        standing = gate.find_at(at_ms)
        if standing is not None and standing.controller is not None:
            gates_of.setdefault(standing.controller, []).append(gate.gate_id)

    def view(controller_id: str) -> ControllerAnswer:
        heartbeat = runtime.clocks.heartbeats.get(controller_id)
        return ControllerAnswer(
            controller_id=controller_id,
            gates=sorted(gates_of[controller_id]),
            heartbeat_at=None if heartbeat is None else format_ms(heartbeat.received_at_ms, zone),
            parameters_version=None if heartbeat is None else heartbeat.parameters_version,
            outbox_taps=None if heartbeat is None else heartbeat.outbox_taps,
        )

    return page_of_values(sorted(gates_of), limit, cursor, str, view)


@router.get("/alarms")
async def list_alarms(
    runtime: TheRuntime, limit: Limit = 100, cursor: Cursor = None
) -> Page[AlarmAnswer]:
    """What somebody should look after: gates whose clocks are wrong by more than the tolerance."""
    catalogue = runtime.catalogue
    zone, at_ms = catalogue.network.time_zone, now_ms()
    tolerance_ms = runtime.find_clock_tolerance(at_ms)

    def view(gate: Gate) -> AlarmAnswer:
        skew, gate = runtime.clocks.skews[gate.gate_id], gate.at(at_ms)
        return AlarmAnswer(
            kind="gate_clock",
            gate_id=gate.gate_id,
            station_id=gate.station_id,
            controller_id=gate.controller,
            since=format_ms(skew.suspect_since_ms or skew.measured_at_ms, zone),
            measured_at=format_ms(skew.measured_at_ms, zone),
            clock_skew_ms=skew.skew_ms,
            tolerance_ms=tolerance_ms,
        )

    suspects = runtime.clocks.suspects
    wrong = [gate for gate in catalogue.network.gates if gate.gate_id in suspects]
    return page_of_values(wrong, limit, cursor, lambda gate: gate.gate_id, view)


async def _get_parameters(runtime: Runtime, controller_id: str) -> Parameters:
    return await runtime.parameters.get(controller_id, runtime.published, now_ms())


def _list_gates(runtime: Runtime, controller_id: str, key: Key) -> list[Gate]:
    """The gates of a controller, for a key that speaks for all of them."""
    gates = list_gates(runtime.catalogue, controller_id, now_ms())
    for gate in gates:
        check_speaks_for(key, gate.station_id, gate.gate_id)
    return gates


def _find_spoken_for(runtime: Runtime, controller_id: str, key: Key) -> dict[str, Gate]:
    """The gates of a controller for which a key speaks, if it speaks for any of them.

    One that was moved to a station of another key must not silence the others.
    """
    gates = list_gates(runtime.catalogue, controller_id, now_ms())
    found = {gate.gate_id: gate for gate in gates if speaks_for(key, gate.station_id)}
    if not found:
        check_speaks_for(key, gates[0].station_id, gates[0].gate_id)
    return found


def _names(if_none_match: str, version: str) -> bool:
    """Whether an If-None-Match header names a version."""
    named = [tag.strip().removeprefix("W/").strip('"') for tag in if_none_match.split(",")]
    return version in named or named == ["*"]
