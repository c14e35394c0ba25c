"""What is published, as the documents of the contract tell it: all that an auditor may know."""

from collections.abc import Mapping
from typing import Any

from api.catalogue_answers import answer_policy, answer_tariff
from api.times import format_ms
from fare_engine.catalogue import Catalogue
from fare_engine.ledger.mode_store import mode_document
from fare_engine.ledger.version_rows import suspension_document
from fare_engine.network import Network


def tell_tracks(network: Network) -> dict[str, Any]:
    """The network as far as fares ask for it."""
    return {
        "segments": [
            [segment.from_station_id, segment.to_station_id, segment.distance_m]
            for segment in network.segments
        ]
    }


def tell_published(
    catalogue: Catalogue, blocked: Mapping[bytes, int], skews: Mapping[str, tuple[int, int]]
) -> dict[str, Any]:
    """Everything that decides taps; of each blocked token, since when it is.

    `skews` are what controllers told of their gates' clocks, each with when.
    """
    network = catalogue.network
    zone = network.time_zone
    return {
        "gates": [
            {
                "gate_id": gate.gate_id,
                "station_id": gate.station_id,
                "directions": sorted(direction.name.lower() for direction in gate.directions),
            }
            for gate in network.gates
        ],
        "media": [
            {"type": medium.code, "id_pattern": medium.id_pattern} for medium in network.media
        ],
        "policies": [
            answer_policy(policy, zone).model_dump()
            for versions in catalogue.policies.values()
            for policy in versions
        ],
        "tariffs": [answer_tariff(tariff, zone).model_dump() for tariff in catalogue.tariffs],
        "suspensions": [
            {"station_id": station_id} | suspension_document(suspension, zone)
            for station_id, suspensions in catalogue.suspensions.items()
            for suspension in suspensions
        ],
        "degraded_modes": [
            {"station_id": station_id} | mode_document(mode, zone)
            for station_id, modes in catalogue.modes.items()
            for mode in modes
        ],
        "blocked": [
            {"medium": token.hex(), "blocked_at": format_ms(since_ms, zone)}
            for token, since_ms in blocked.items()
        ],
        "clock_skews": [
            {
                "gate_id": gate_id,
                "clock_skew_ms": skew_ms,
                "measured_at": format_ms(measured_at_ms, zone),
            }
            for gate_id, (skew_ms, measured_at_ms) in skews.items()
        ],
    }
