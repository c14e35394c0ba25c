"""What the engine's values look like from outside: the documents of the contract."""

from typing import Any

from api.contract.times import format_ms
from api.views.catalogue import answer_policy, answer_tariff
from fare_engine.catalogue import Catalogue
from fare_engine.modes import DegradedMode
from fare_engine.network import Gate, MediumType, Network
from fare_engine.policy import Suspension


def tell_network(network: Network) -> dict[str, Any]:
    return {
        "segments": [
            [segment.from_station_id, segment.to_station_id, segment.distance_m]
            for segment in network.segments
        ]
    }


def tell_catalogue(catalogue: Catalogue, **more: Any) -> dict[str, Any]:
    zone = catalogue.network.time_zone
    return {
        "gates": [tell_gate(gate) for gate in catalogue.network.gates],
        "media": [tell_medium(medium) for medium in catalogue.network.media],
        "policies": [
            answer_policy(policy, zone).model_dump()
            for versions in catalogue.policies.values()
            for policy in versions
        ],
        "tariffs": [answer_tariff(tariff, zone).model_dump() for tariff in catalogue.tariffs],
        "suspensions": [
            tell_suspension(suspension, zone)
            for suspensions in catalogue.suspensions.values()
            for suspension in suspensions
        ],
        "degraded_modes": [
            tell_mode(mode, zone) for modes in catalogue.modes.values() for mode in modes
        ],
    } | more


def tell_gate(gate: Gate) -> dict[str, Any]:
    return {
        "gate_id": gate.gate_id,
        "station_id": gate.station_id,
        "directions": sorted(direction.name.lower() for direction in gate.directions),
    }


def tell_medium(medium: MediumType) -> dict[str, Any]:
    return {"type": medium.code, "id_pattern": medium.id_pattern}


def tell_mode(mode: DegradedMode, zone: str) -> dict[str, Any]:
    ends_ms = mode.effective_to_ms
    return {
        "station_id": mode.station_id,
        "mode": mode.mode.codes[0],
        "effective_from": format_ms(mode.effective_from_ms, zone),
        "effective_to": None if ends_ms is None else format_ms(ends_ms, zone),
    }


def tell_block(medium: str, from_ms: int, zone: str) -> dict[str, str]:
    return {"medium": medium, "blocked_at": format_ms(from_ms, zone)}


def tell_suspension(suspension: Suspension, zone: str) -> dict[str, Any]:
    resumed_at_ms = suspension.resumed_at_ms
    return {
        "station_id": suspension.station_id,
        "suspended_at": format_ms(suspension.suspended_at_ms, zone),
        "resumed_at": None if resumed_at_ms is None else format_ms(resumed_at_ms, zone),
    }
