"""Gates: station, exit and directions of each, with the dates of them."""

from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query

from api.contract.network import (
    GateHistoryAnswer,
    GateRequest,
    PlacementAnswer,
    RegisteredGateAnswer,
)
from api.contract.operators import Page
from api.contract.paging import Cursor, Limit, page_of_values
from api.contract.taps import Id, Instant
from api.http.auth import TheKey, TheRuntime
from api.runtime.service import now_ms
from api.runtime.wiring import Runtime
from api.views.catalogue import is_designated
from fare_engine.catalogue import Catalogue
from fare_engine.documents import placement_document
from fare_engine.errors import NotFound
from fare_engine.ledger.database import Connection
from fare_engine.ledger.stores.network import put_gate
from fare_engine.network import DIRECTIONS, Gate
from fare_engine.versions import ALWAYS_MS, find_in_force

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
        lambda gate: RegisteredGateAnswer(**_describe(runtime, catalogue, gate)),
    )


@router.get("/{gate_id}")
async def get_gate(gate_id: GateId, runtime: TheRuntime) -> GateHistoryAnswer:
    """One gate: its station, exit, directions and controller, and those it had and is to have."""
    catalogue = runtime.catalogue
    return _view(runtime, catalogue, _get_gate(catalogue, gate_id))


@router.put("/{gate_id}")
async def register_gate(
    gate_id: GateId, request: GateRequest, runtime: TheRuntime, key: TheKey
) -> GateHistoryAnswer:
    """Register a gate that is missing, or say where one stands from an instant on.

    A tap belongs to the station that its gate stood in at `occurred_at`, whenever it comes; taps
    that are decided keep theirs. A gate on the crossing lane of a policy in force or later cannot
    leave its station while that is so.
    """
    draft = Gate(
        gate_id,
        request.station_id,
        frozenset(DIRECTIONS[direction] for direction in request.directions),
        request.exit_id,
        request.controller,
        effective_from_ms=_read_start(request.effective_from),
    )
    return await _put(runtime, key.key_id, draft)


@router.delete("/{gate_id}")
async def take_gate_down(
    gate_id: GateId,
    runtime: TheRuntime,
    key: TheKey,
    effective_from: Annotated[Instant | None, Query(description="left out: now")] = None,
) -> GateHistoryAnswer:
    """Take a gate down from an instant on: it takes no taps then. PUT puts it up again."""
    from_ms = now_ms() if effective_from is None else effective_from
    gate = _get_gate(runtime.catalogue, gate_id).at(from_ms)
    draft = replace(gate, directions=frozenset(), effective_from_ms=from_ms, earlier=())
    return await _put(runtime, key.key_id, draft)


async def _put(runtime: Runtime, actor: str, draft: Gate) -> GateHistoryAnswer:
    def change(connection: Connection, catalogue: Catalogue) -> Catalogue:
        return put_gate(connection, catalogue, draft, actor, now_ms())

    catalogue = await runtime.publish_catalogue(change)
    return _view(runtime, catalogue, catalogue.gates[draft.gate_id])


def _get_gate(catalogue: Catalogue, gate_id: str) -> Gate:
    gate = catalogue.gates.get(gate_id)
    if gate is None:
        raise NotFound(f"there is no gate {gate_id!r}")
    return gate


def _read_start(effective_from: int | None) -> int:
    return -ALWAYS_MS if effective_from is None else effective_from


def _view(runtime: Runtime, catalogue: Catalogue, gate: Gate) -> GateHistoryAnswer:
    zone = catalogue.network.time_zone
    documents = [placement_document(one, zone) for one in gate.placements]
    for document in documents:
        del document["gate_id"]
    return GateHistoryAnswer(
        **_describe(runtime, catalogue, gate),
        placements=[PlacementAnswer(**document) for document in documents],
    )


def _describe(runtime: Runtime, catalogue: Catalogue, gate: Gate) -> dict[str, Any]:
    """A gate as it stands now."""
    at_ms = now_ms()
    now = gate.at(at_ms)
    policy = find_in_force(catalogue.list_policies(now.station_id), at_ms)
    skew = runtime.clocks.skews.get(gate.gate_id)
    return {
        **placement_document(now, catalogue.network.time_zone),
        "designated": is_designated(now, policy),
        "clock_skew_ms": skew.skew_ms if skew else None,
    }
