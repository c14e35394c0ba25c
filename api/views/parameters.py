"""The parameters of a controller: all that its gates need to decide without an answer.

A document is made anew when its content changes, and kept as bytes under its version, a hash of
the content. What is the same for all controllers, the block list too, is made and kept once.
"""

import asyncio
from collections.abc import Iterable, Mapping
from hashlib import sha256
from math import inf
from typing import Any, Final, NamedTuple

import msgspec

from fare_engine.catalogue import Catalogue
from fare_engine.documents import (
    in_unit,
    issuer_documents,
    list_directions,
    mode_document,
    name_document,
    policy_document,
    suspension_document,
    tariff_document,
)
from fare_engine.errors import NotFound
from fare_engine.network import Gate, Station
from fare_engine.published import Published
from fare_engine.tariff import SECOND_MS, Tariff
from fare_engine.versions import Versioned, find_in_force, list_in_force_since

DAY_MS: Final = 86_400_000
"""What has ended stays in the document for another day: open journeys may have pinned it."""

_encode: Final = msgspec.json.Encoder(order="sorted").encode
"""The canonical form: UTF-8, names sorted, no spaces."""


class Parameters(NamedTuple):
    """One document with its version. It holds until an instant, or until something changes."""

    version: str
    rest: bytes
    blocked: bytes
    catalogue: Catalogue
    tokens: Mapping[bytes, int]
    until_ms: float

    def body(self) -> bytes:
        """The document: the canonical form with the version in it."""
        return b'{"blocked":%b,"version":"%b",%b' % (
            self.blocked,
            self.version.encode(),
            self.rest[1:],
        )

    def is_current(self, catalogue: Catalogue, at_ms: int) -> bool:
        """Whether it is up to date but for the block list."""
        return self.catalogue is catalogue and at_ms < self.until_ms


class _Network(NamedTuple):
    """What is the same for all controllers: members of a document, each in canonical form."""

    members: dict[str, msgspec.Raw]
    catalogue: Catalogue
    until_ms: float

    def is_current(self, catalogue: Catalogue, at_ms: int) -> bool:
        """Whether it is up to date; what is published of one station changes nothing in it."""
        made_of = self.catalogue
        return (
            at_ms < self.until_ms
            and made_of.network is catalogue.network
            and made_of.tariffs is catalogue.tariffs
            and made_of.issuer_keys is catalogue.issuer_keys
        )


class ParametersBook:
    """The documents of all controllers."""

    def __init__(self) -> None:
        self._made: dict[str, Parameters] = {}
        self._network: _Network | None = None
        self._blocked: tuple[Mapping[bytes, int] | None, bytes] = (None, b"")
        self._making = asyncio.Lock()

    async def get(self, controller_id: str, published: Published, at_ms: int) -> Parameters:
        """The document as it is now; made in a thread where the one at hand is old."""
        made = self._find(controller_id, published, at_ms)
        if made is not None:
            return made
        async with self._making:
            made = self._find(controller_id, published, at_ms)
            if made is None:
                made = await asyncio.to_thread(self._make, controller_id, published, at_ms)
                self._made[controller_id] = made
        return made

    def _find(self, controller_id: str, published: Published, at_ms: int) -> Parameters | None:
        made = self._made.get(controller_id)
        if made is None or made.tokens is not published.blocked:
            return None
        return made if made.is_current(published.catalogue, at_ms) else None

    def _make(self, controller_id: str, published: Published, at_ms: int) -> Parameters:
        catalogue, tokens = published.catalogue, published.blocked
        if self._blocked[0] is not tokens:
            self._blocked = tokens, _encode(sorted(token.hex() for token in tokens))
        blocked = self._blocked[1]
        before = self._made.get(controller_id)
        if before is not None and before.is_current(catalogue, at_ms):
            rest, until_ms = before.rest, before.until_ms
        else:
            rest, until_ms = self._make_rest(controller_id, catalogue, at_ms)
        # "blocked" sorts before every other name, so the canonical form is put together from two.
        version = sha256(b'{"blocked":%b,%b' % (blocked, rest[1:])).hexdigest()
        return Parameters(version, rest, blocked, catalogue, tokens, until_ms)

    def _make_rest(
        self, controller_id: str, catalogue: Catalogue, at_ms: int
    ) -> tuple[bytes, float]:
        """All but the block list, and until when it holds."""
        network = self._network
        if network is None or not network.is_current(catalogue, at_ms):
            network = self._network = _make_network(catalogue, at_ms)
        view = _View(catalogue, at_ms)
        own = {"controller_id": controller_id, "stations": view.view_stations(controller_id)}
        return _encode(own | network.members), min(view.until_ms, network.until_ms)


def _make_network(catalogue: Catalogue, at_ms: int) -> _Network:
    view = _View(catalogue, at_ms)
    members = {name: msgspec.Raw(_encode(value)) for name, value in view.view_network().items()}
    return _Network(members, catalogue, view.until_ms)


def list_gates(catalogue: Catalogue, controller_id: str, at_ms: int) -> list[Gate]:
    """The gates of a controller at an instant; NotFound when no gate names it then."""
    standing = (gate.find_at(at_ms) for gate in catalogue.network.gates)
    gates = [gate for gate in standing if gate is not None and gate.controller == controller_id]
    if not gates:
        raise NotFound(f"no gate names a controller {controller_id!r}")
    return gates


class _View:
    """What is in force at an instant, or was a day before, or will be, as the contract's values."""

    def __init__(self, catalogue: Catalogue, at_ms: int) -> None:
        self._catalogue = catalogue
        self._zone = catalogue.network.time_zone
        self._at_ms = at_ms
        self._since_ms = at_ms - DAY_MS
        self._ends_ms: set[int] = set()
        self._note_ends(catalogue.tariffs)
        self._tariffs = list_in_force_since(catalogue.tariffs, self._since_ms)

    @property
    def until_ms(self) -> float:
        """The first instant at which what was viewed is no longer true."""
        return min((end_ms for end_ms in self._ends_ms if end_ms > self._at_ms), default=inf)

    def view_network(self) -> dict[str, Any]:
        """What does not depend on the controller."""
        network = self._catalogue.network
        return {
            "network": {
                "network_id": network.network_id,
                "time_zone": network.time_zone,
                "currency": network.currency,
            },
            "media": [
                {
                    "type": medium.code,
                    "name": name_document(medium.name),
                    "id_pattern": medium.id_pattern,
                }
                for medium in network.media
            ],
            "tariffs": [self._view_tariff(tariff) for tariff in self._tariffs],
            "ride_code_issuers": issuer_documents(self._catalogue.issuer_keys, self._zone),
            "ride_code_validity_seconds": self._view_validity(),
        }

    def view_stations(self, controller_id: str) -> list[dict[str, Any]]:
        """The stations at which a controller has gates."""
        catalogue = self._catalogue
        gates = list_gates(catalogue, controller_id, self._at_ms)
        station_ids = {gate.station_id for gate in gates}
        moves = (one for gate in catalogue.network.gates for one in gate.placements[1:])
        self._ends_ms.update(one.effective_from_ms for one in moves)
        return [
            self._view_station(station)
            for station in catalogue.network.stations
            if station.station_id in station_ids
        ]

    def _view_validity(self) -> float:
        """How long a ride code counts by the tariff in force; each tariff has its own value too."""
        self._ends_ms.update(tariff.effective_from_ms for tariff in self._catalogue.tariffs)
        tariff = find_in_force(self._catalogue.tariffs, self._at_ms)
        return in_unit(tariff.ride_code_validity_ms if tariff else 0, SECOND_MS)

    def _view_station(self, station: Station) -> dict[str, Any]:
        catalogue, station_id, zone = self._catalogue, station.station_id, self._zone
        policies = catalogue.list_policies(station_id)
        self._note_ends(policies)
        suspensions = catalogue.suspensions.get(station_id, ())
        modes = catalogue.list_modes(station_id)
        return {
            "station_id": station_id,
            "name": name_document(station.name),
            "gates": [
                {
                    "gate_id": gate.gate_id,
                    "exit_id": gate.exit_id,
                    "directions": list_directions(gate),
                }
                for gate in catalogue.list_gates(station_id, self._at_ms)
            ],
            "policies": [
                policy_document(policy, zone)
                for policy in list_in_force_since(policies, self._since_ms)
            ],
            "suspensions": [
                suspension_document(suspension, zone)
                for suspension in suspensions
                if self._is_included(suspension.resumed_at_ms)
            ],
            "degraded_modes": [
                mode_document(mode, zone)
                for mode in modes
                if self._is_included(mode.effective_to_ms)
            ],
            "highest_fares": {
                str(tariff.version): tariff.fares.highest_fare(station_id)
                for tariff in self._tariffs
            },
            "lowest_fares": {
                str(tariff.version): tariff.fares.lowest_fare(station_id)
                for tariff in self._tariffs
            },
        }

    def _view_tariff(self, tariff: Tariff) -> dict[str, Any]:
        document = tariff_document(tariff, self._zone)
        for name in ("bands", "further", "explicit_fares"):
            del document["rules"][name]
        return document

    def _is_included(self, end_ms: int | None) -> bool:
        """Whether what ended then, or goes on, is still in the document."""
        if end_ms is not None:
            self._ends_ms.add(end_ms + DAY_MS + 1)
        return end_ms is None or end_ms >= self._since_ms

    def _note_ends(self, versions: Iterable[Versioned]) -> None:
        for version in versions:
            self._ends_ms.add(version.effective_from_ms + DAY_MS)
            if version.effective_to_ms is not None:
                self._ends_ms.add(version.effective_to_ms + DAY_MS)
