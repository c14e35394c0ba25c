"""The catalogue: stations, gates, media, policies and tariffs, and what of them is in force.

A catalogue is a value. Publishing makes a new one (`dataclasses.replace`), which is validated
(`fare_engine.validation`), stored, and then swapped in between two batches; terms that open
journeys have pinned stay as they are.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from fare_engine.errors import LedgerDamaged, NotFound
from fare_engine.id_pattern import IdPattern, compile_id_patterns
from fare_engine.issuer import IssuerKey
from fare_engine.journey import Terms
from fare_engine.modes import DegradedMode, StoodOpen
from fare_engine.network import Gate, MediumType, Network, Station
from fare_engine.policy import Policy, Suspension
from fare_engine.tariff import Tariff
from fare_engine.versions import Timeline, find_in_force

TermsKey = tuple[str, int | None, bool, int, int]
"""Station, policy version, whether suspended, tariff version, degraded modes: what a row pins."""

TermsStretch = tuple[int, int, Terms | None]
"""From when until when (not included) these terms are in force at a station."""


@dataclass(frozen=True)
class Catalogue:
    """Everything that decides taps beside the taps themselves, at one moment of its history."""

    network: Network
    policies: Mapping[str, tuple[Policy, ...]] = field(default_factory=dict)
    suspensions: Mapping[str, tuple[Suspension, ...]] = field(default_factory=dict)
    tariffs: tuple[Tariff, ...] = ()
    issuer_keys: tuple[IssuerKey, ...] = ()
    """Every key that ever signed ride codes, by issuer and beginning."""
    modes: Mapping[str, tuple[DegradedMode, ...]] = field(default_factory=dict)
    terms: dict[TermsKey, Terms] = field(default_factory=dict, repr=False, compare=False)
    """Every `Terms` made so far, handed on to the next catalogue, so that each is made once;
    not beyond a change of modes (`with_modes`), which all terms depend on."""

    @cached_property
    def gates(self) -> Mapping[str, Gate]:
        """Gates by gate_id."""
        return {gate.gate_id: gate for gate in self.network.gates}

    @cached_property
    def stations(self) -> Mapping[str, Station]:
        """Stations by station_id."""
        return {station.station_id: station for station in self.network.stations}

    @cached_property
    def media(self) -> Mapping[str, MediumType]:
        """Media types by code."""
        return {medium.code: medium for medium in self.network.media}

    @cached_property
    def medium_patterns(self) -> Mapping[str, IdPattern]:
        """For each media type the pattern that its ids have to fit."""
        return compile_id_patterns(
            {medium.code: medium.id_pattern for medium in self.network.media}
        )

    @cached_property
    def _gates_by_number(self) -> Mapping[int, Gate]:
        return {gate.number: gate for gate in self.network.gates}

    @cached_property
    def _media_by_number(self) -> Mapping[int, MediumType]:
        return {medium.number: medium for medium in self.network.media}

    @cached_property
    def _timelines(self) -> dict[str, Timeline[Terms | None]]:
        return {}

    @cached_property
    def _policies_by_version(self) -> Mapping[tuple[str, int], Policy]:
        return {
            (policy.station_id, policy.version): policy
            for versions in self.policies.values()
            for policy in versions
        }

    @cached_property
    def _stood_open(self) -> StoodOpen:
        return StoodOpen(mode for modes in self.modes.values() for mode in modes)

    @cached_property
    def _tariffs_by_version(self) -> Mapping[int, Tariff]:
        return {tariff.version: tariff for tariff in self.tariffs}

    def find_terms(self, station_id: str, at_ms: int) -> Terms | None:
        """What is in force at a station at an instant; None before the first tariff."""
        return self.find_stretch(station_id, at_ms)[2]

    def find_stretch(self, station_id: str, at_ms: int) -> TermsStretch:
        """What is in force at an instant, with the first and the next instant of its stretch."""
        timeline = self._timelines.get(station_id)
        if timeline is None:
            timeline = self._timelines[station_id] = self._make_timeline(station_id)
        return timeline.find_stretch(at_ms)

    def get_terms(self, key: TermsKey) -> Terms:
        """The terms that a ledger row pinned; LedgerDamaged when no such version was published."""
        terms = self.terms.get(key)
        if terms is not None:
            return terms
        station_id, policy_version, suspended, tariff_version, modes = key
        tariff = self._tariffs_by_version.get(tariff_version)
        policy = None
        if policy_version is not None:
            policy = self._policies_by_version.get((station_id, policy_version))
        if tariff is None or (policy is None) != (policy_version is None):
            raise LedgerDamaged(f"the ledger pins versions that were never published: {key}")
        made = Terms(tariff, policy, suspended, modes, self._stood_open)
        return self.terms.setdefault(key, made)

    def with_modes(self, station_id: str, modes: tuple[DegradedMode, ...]) -> "Catalogue":
        """This catalogue with other degraded modes at a station."""
        return replace(self, modes={**self.modes, station_id: modes}, terms={})

    def get_station(self, station_id: str) -> Station:
        """A station by id; NotFound when there is none."""
        try:
            return self.stations[station_id]
        except KeyError:
            raise NotFound(f"there is no station {station_id!r}") from None

    def find_gate(self, gate_id: str, at_ms: int) -> Gate | None:
        """A gate as it stands at an instant; None where it is unknown, or stood nowhere yet."""
        gate = self.gates.get(gate_id)
        return None if gate is None else gate.find_at(at_ms)

    def list_gates(self, station_id: str, at_ms: int) -> list[Gate]:
        """The gates that take taps at a station at an instant."""
        standing = (gate.find_at(at_ms) for gate in self.network.gates)
        return [one for one in standing if one and one.directions and one.station_id == station_id]

    def get_gate_by_number(self, number: int) -> Gate:
        """A gate by its number in the ledger; LedgerDamaged when there is none."""
        try:
            return self._gates_by_number[number]
        except KeyError:
            raise LedgerDamaged(f"the ledger names gate number {number}, unknown here") from None

    def get_medium_by_number(self, number: int) -> MediumType:
        """A media type by its number in the ledger; LedgerDamaged when there is none."""
        try:
            return self._media_by_number[number]
        except KeyError:
            raise LedgerDamaged(f"the ledger names medium number {number}, unknown here") from None

    def list_policies(self, station_id: str) -> tuple[Policy, ...]:
        """All versions of a station's policy, oldest first."""
        return self.policies.get(station_id, ())

    def find_suspension(self, station_id: str, at_ms: int) -> Suspension | None:
        """The suspension that covers an instant at a station, if any."""
        for suspension in reversed(self.suspensions.get(station_id, ())):
            if suspension.covers(at_ms):
                return suspension
        return None

    def list_modes(self, station_id: str) -> tuple[DegradedMode, ...]:
        """All degraded modes of a station, in the order in which they were started."""
        return self.modes.get(station_id, ())

    def find_modes(self, station_id: str, at_ms: int) -> int:
        """The degraded modes in force at a station at an instant, packed."""
        packed = 0
        for mode in self.list_modes(station_id):
            if mode.covers(at_ms):
                packed |= int(mode.mode)
        return packed

    def _make_timeline(self, station_id: str) -> Timeline[Terms | None]:
        policies = self.list_policies(station_id)
        suspensions = self.suspensions.get(station_id, ())
        modes = self.list_modes(station_id)
        versions: tuple[Policy | Tariff, ...] = (*policies, *self.tariffs)
        breaks = {version.effective_from_ms for version in versions}
        breaks |= {version.effective_to_ms for version in versions if version.effective_to_ms}
        breaks |= {suspension.suspended_at_ms for suspension in suspensions}
        breaks |= {stretch.resumed_at_ms for stretch in suspensions if stretch.resumed_at_ms}
        breaks |= {mode.effective_from_ms for mode in modes}
        breaks |= {mode.effective_to_ms for mode in modes if mode.effective_to_ms}

        def terms_at(at_ms: int) -> Terms | None:
            tariff = find_in_force(self.tariffs, at_ms)
            if tariff is None:
                return None
            policy = find_in_force(policies, at_ms)
            suspended = self.find_suspension(station_id, at_ms) is not None
            version = policy.version if policy else None
            in_force = self.find_modes(station_id, at_ms)
            return self.get_terms((station_id, version, suspended, tariff.version, in_force))

        return Timeline(breaks, terms_at)
