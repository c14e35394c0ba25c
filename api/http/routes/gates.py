"""Gates: station, exit and directions of each; one that is missing or wrong is corrected."""

from typing import Annotated

from fastapi import APIRouter, Path

from api.contract.network import GateRequest, RegisteredGateAnswer
from api.contract.operators import Page
from api.contract.paging import Cursor, Limit, page_of_values
from api.contract.taps import Id
from api.http.auth import TheKey, TheRuntime
from api.runtime.service import now_ms
from api.runtime.wiring import Runtime
from api.views.catalogue import is_designated
from fare_engine.catalogue import Catalogue
from fare_engine.documents import gate_document
from fare_engine.errors import NotFound
from fare_engine.ledger.database import Connection
from fare_engine.ledger.stores.network import put_gate
from fare_engine.network import DIRECTIONS, Gate
from fare_engine.versions import find_in_force

router = APIRouter(prefix="/v1/gates", tags=["gates"])

GateId = Annotated[Id, Path()]


@router.get("")
async def list_gates(
    runtime: TheRuntime, limit: Limit = 100, cursor: Cursor = None
) -> Page[RegisteredGateAnswer]:
    """All gates, in the order in which they were registered."""
    catalogue = runtime.catalogue
    return page_of_values(
        catalogue.network.gates,
        limit,
        cursor,
        lambda gate: gate.gate_id,
        lambda gate: _view(runtime, catalogue, gate),
    )


@router.get("/{gate_id}")
async def get_gate(gate_id: GateId, runtime: TheRuntime) -> RegisteredGateAnswer:
    """One gate: its station, exit, directions and controller."""
    catalogue = runtime.catalogue
    gate = catalogue.gates.get(gate_id)
    if gate is None:
        raise NotFound(f"there is no gate {gate_id!r}")
    return _view(runtime, catalogue, gate)


@router.put("/{gate_id}")
async def register_gate(
    gate_id: GateId, request: GateRequest, runtime: TheRuntime, key: TheKey
) -> RegisteredGateAnswer:
    """Register a gate that is missing, or correct one, from now on.

    Taps that are decided keep the station that the gate had. A gate on the crossing lane of a
    policy in force or later cannot leave its station.
    """
    draft = Gate(
        gate_id,
        request.station_id,
        frozenset(DIRECTIONS[direction] for direction in request.directions),
        request.exit_id,
        request.controller,
    )

    def change(connection: Connection, catalogue: Catalogue) -> Catalogue:
        return put_gate(connection, catalogue, draft, key.key_id, now_ms())

    catalogue = await runtime.publish_catalogue(change)
    return _view(runtime, catalogue, catalogue.gates[gate_id])


def _view(runtime: Runtime, catalogue: Catalogue, gate: Gate) -> RegisteredGateAnswer:
    policy = find_in_force(catalogue.list_policies(gate.station_id), now_ms())
    skew = runtime.clocks.skews.get(gate.gate_id)
    return RegisteredGateAnswer(
        **gate_document(gate),
        designated=is_designated(gate, policy),
        clock_skew_ms=skew.skew_ms if skew else None,
    )
