"""The parameters of a controller: all that its gates need to decide while nobody answers.

A document is made once for each change of what it tells, and kept as bytes under its version, a
hash of its content. The block list, the same for every controller, is kept once.
"""

import asyncio
from collections.abc import Iterable
from hashlib import sha256
from typing import Any, Final, NamedTuple

import msgspec

from api.block_list import BlockList
from api.catalogue_answers import answer_issuers, answer_name, answer_policy, answer_tariff
from fare_engine.catalogue import Catalogue
from fare_engine.errors import NotFound
from fare_engine.ledger.mode_store import mode_document
from fare_engine.ledger.version_rows import suspension_document
from fare_engine.network import Direction, Gate, Station
from fare_engine.tariff import Tariff
from fare_engine.versions import Versioned, find_in_force, list_in_force_since

DAY_MS: Final = 86_400_000
"""What ended is told for another day: journeys that are open may have pinned it."""

_encode: Final = msgspec.json.Encoder(order="sorted").encode
"""The canonical form: UTF-8, names sorted, no spaces."""


class Parameters(NamedTuple):
    """One document with its version. It holds until an instant, or until something changes."""

    version: str
    rest: bytes
    blocked: bytes
    catalogue: Catalogue
    changes: int
    until_ms: float

    def body(self) -> bytes:
        """The document: the canonical form with the version in it."""
        return b'{"blocked":%b,"version":"%b",%b' % (
            self.blocked,
            self.version.encode(),
            self.rest[1:],
        )


class ParametersBook:
    """The documents of all controllers."""

    def __init__(self) -> None:
        self._made: dict[str, Parameters] = {}
        self._blocked = (-1, b"")
        self._making = asyncio.Lock()

    async def get(
        self, controller_id: str, catalogue: Catalogue, block_list: BlockList, at_ms: int
    ) -> Parameters:
        """The document as it is now; made in a thread where the one at hand is old."""
        made = self._find(controller_id, catalogue, block_list, at_ms)
        if made is not None:
            return made
        async with self._making:
            made = self._find(controller_id, catalogue, block_list, at_ms)
            if made is None:
                changes, tokens = block_list.changes, list(block_list.since_ms)
                made = await asyncio.to_thread(
                    self._make, controller_id, catalogue, changes, tokens, at_ms
                )
                self._made[controller_id] = made
        return made

    def _find(
        self, controller_id: str, catalogue: Catalogue, block_list: BlockList, at_ms: int
    ) -> Parameters | None:
        made = self._made.get(controller_id)
        if (
            made is None
            or made.catalogue is not catalogue
            or made.changes != block_list.changes
            or at_ms >= made.until_ms
        ):
            return None
        return made

    def _make(
        self,
        controller_id: str,
        catalogue: Catalogue,
        changes: int,
        tokens: list[bytes],
        at_ms: int,
    ) -> Parameters:
        if self._blocked[0] != changes:
            self._blocked = changes, _encode(sorted(token.hex() for token in tokens))
        blocked = self._blocked[1]
        teller = _Teller(catalogue, at_ms)
        rest = _encode(teller.tell(controller_id))
        # "blocked" sorts before every other name, so the canonical form is put together from two.
        version = sha256(b'{"blocked":%b,%b' % (blocked, rest[1:])).hexdigest()
        until_ms = min((at_ms for at_ms in teller.ends_ms if at_ms > teller.at_ms), default=None)
        return Parameters(version, rest, blocked, catalogue, changes, until_ms or float("inf"))


def list_gates(catalogue: Catalogue, controller_id: str) -> list[Gate]:
    """The gates of a controller; NotFound when no gate names it."""
    gates = [gate for gate in catalogue.network.gates if gate.controller == controller_id]
    if not gates:
        raise NotFound(f"no gate names a controller {controller_id!r}")
    return gates


class _Teller:
    """Tells what is in force at an instant, or was a day ago, or will be.

    `ends_ms` are the instants at which time alone makes it tell something else.
    """

    def __init__(self, catalogue: Catalogue, at_ms: int) -> None:
        self._catalogue = catalogue
        self._zone = catalogue.network.time_zone
        self.at_ms = at_ms
        self._since_ms = at_ms - DAY_MS
        self.ends_ms: set[int] = set()

    def tell(self, controller_id: str) -> dict[str, Any]:
        catalogue, network = self._catalogue, self._catalogue.network
        station_ids = {gate.station_id for gate in list_gates(catalogue, controller_id)}
        tariffs = list_in_force_since(catalogue.tariffs, self._since_ms)
        self._note_ends(catalogue.tariffs)
        return {
            "controller_id": controller_id,
            "network": {
                "network_id": network.network_id,
                "time_zone": network.time_zone,
                "currency": network.currency,
            },
            "media": [
                {
                    "type": medium.code,
                    "name": answer_name(medium.name).model_dump(),
                    "id_pattern": medium.id_pattern,
                }
                for medium in network.media
            ],
            "stations": [
                self._tell_station(station, tariffs)
                for station in network.stations
                if station.station_id in station_ids
            ],
            "tariffs": [self._tell_tariff(tariff) for tariff in tariffs],
            "ride_code_issuers": [issuer.model_dump() for issuer in answer_issuers(catalogue)],
            "ride_code_validity_seconds": self._tell_validity(),
        }

    def _tell_validity(self) -> float:
        """How long a ride code counts by the tariff in force; each tariff tells its own too."""
        self.ends_ms.update(tariff.effective_from_ms for tariff in self._catalogue.tariffs)
        tariff = find_in_force(self._catalogue.tariffs, self.at_ms)
        seconds, ms = divmod(tariff.ride_code_validity_ms if tariff else 0, 1_000)
        return seconds + ms / 1_000 if ms else seconds

    def _tell_station(self, station: Station, tariffs: list[Tariff]) -> dict[str, Any]:
        catalogue, station_id, zone = self._catalogue, station.station_id, self._zone
        policies = catalogue.list_policies(station_id)
        self._note_ends(policies)
        suspensions = catalogue.suspensions.get(station_id, ())
        modes = catalogue.list_modes(station_id)
        return {
            "station_id": station_id,
            "name": answer_name(station.name).model_dump(),
            "gates": [
                {
                    "gate_id": gate.gate_id,
                    "exit_id": gate.exit_id,
                    "directions": [
                        Direction(direction).name.lower() for direction in sorted(gate.directions)
                    ],
                }
                for gate in catalogue.network.gates
                if gate.station_id == station_id
            ],
            "policies": [
                answer_policy(policy, zone).model_dump()
                for policy in list_in_force_since(policies, self._since_ms)
            ],
            "suspensions": [
                suspension_document(suspension, zone)
                for suspension in suspensions
                if self._is_told(suspension.resumed_at_ms)
            ],
            "degraded_modes": [
                mode_document(mode, zone) for mode in modes if self._is_told(mode.effective_to_ms)
            ],
            "highest_fares": {
                str(tariff.version): tariff.fares.highest_fare(station_id) for tariff in tariffs
            },
            "lowest_fares": {
                str(tariff.version): tariff.fares.lowest_fare(station_id) for tariff in tariffs
            },
        }

    def _tell_tariff(self, tariff: Tariff) -> dict[str, Any]:
        told = answer_tariff(tariff, self._zone).model_dump(mode="json")
        for name in ("bands", "further", "explicit_fares"):
            del told["rules"][name]
        return told

    def _is_told(self, end_ms: int | None) -> bool:
        """Whether what ended then, or goes on, is still told."""
        if end_ms is not None:
            self.ends_ms.add(end_ms + DAY_MS + 1)
        return end_ms is None or end_ms >= self._since_ms

    def _note_ends(self, versions: Iterable[Versioned]) -> None:
        for version in versions:
            self.ends_ms.add(version.effective_from_ms + DAY_MS)
            if version.effective_to_ms is not None:
                self.ends_ms.add(version.effective_to_ms + DAY_MS)
