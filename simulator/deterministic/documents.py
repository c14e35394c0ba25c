"""What is published, as the documents of the contract tell it: all that an auditor may know."""

from collections.abc import Mapping
from typing import Any

from api.contract.times import format_ms
from api.views.catalogue import answer_policy, answer_tariff
from fare_engine.catalogue import Catalogue
from fare_engine.ledger.stores.modes import mode_document
from fare_engine.ledger.stores.version_rows import suspension_document
from fare_engine.network import Network
from fare_engine.policy import Policy


def tell_tracks(network: Network) -> dict[str, Any]:
    """The network as far as fares ask for it."""
    return {
        "segments": [
            [segment.from_station_id, segment.to_station_id, segment.distance_m]
            for segment in network.segments
        ]
    }


class Teller:
    """Tells what is published, each time that something of it has changed.

    What no scenario changes is told once: gates, media and tariffs. So is each version of a policy,
    which nobody ever edits.
    """

    def __init__(self, catalogue: Catalogue) -> None:
        network = catalogue.network
        zone = self._zone = network.time_zone
        self._unchanging = {
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
            "tariffs": [answer_tariff(tariff, zone).model_dump() for tariff in catalogue.tariffs],
        }
        self._policies: dict[tuple[str, int], dict[str, Any]] = {}

    def tell(
        self,
        catalogue: Catalogue,
        blocked: Mapping[bytes, int],
        skews: Mapping[str, tuple[int, int]],
    ) -> dict[str, Any]:
        """Everything that decides taps; of each blocked token, since when it is.

        `skews` are what controllers told of their gates' clocks, each with when.
        """
        zone = self._zone
        return self._unchanging | {
            "policies": [
                self._tell_policy(policy)
                for versions in catalogue.policies.values()
                for policy in versions
            ],
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

    def _tell_policy(self, policy: Policy) -> dict[str, Any]:
        version = policy.station_id, policy.version
        told = self._policies.get(version)
        if told is None:
            told = self._policies[version] = answer_policy(policy, self._zone).model_dump()
        return told
