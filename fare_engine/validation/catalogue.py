"""All the checks put together: of a whole catalogue, and of a version about to be published."""

from collections.abc import Iterable
from dataclasses import replace
from itertools import islice
from typing import Final

from fare_engine.catalogue import Catalogue
from fare_engine.errors import CatalogueInvalid
from fare_engine.network import Gate, MediumType, Network
from fare_engine.policy import Policy
from fare_engine.tariff import Tariff
from fare_engine.validation.faults import (
    Fault,
    Faults,
    number_faults,
    overlap_faults,
    under,
)
from fare_engine.validation.network import (
    gate_faults,
    id_pattern_faults,
    medium_type_faults,
    network_faults,
)
from fare_engine.validation.policy import (
    designation_faults,
    is_over,
    policy_faults,
    suspension_faults,
    tariff_match_faults,
)
from fare_engine.validation.tariff import tariff_faults

FAULTS_MAX: Final = 1_000
"""Faults that are reported at once: a table of fares may have a hundred thousand."""


def list_faults(catalogue: Catalogue, now_ms: int = 0) -> list[Fault]:
    """Every fault of a catalogue, by its place in it; none when it can be used.

    The gates of policies that are over at `now_ms` may stand elsewhere by now.
    """
    return [
        *network_faults(catalogue.network),
        *_all_tariff_faults(catalogue),
        *_all_policy_faults(catalogue, now_ms),
        *_all_suspension_faults(catalogue),
    ]


def validate(catalogue: Catalogue) -> None:
    """Raise CatalogueInvalid with every fault of a catalogue."""
    _raise_for(list_faults(catalogue))


def check_network(network: Network) -> None:
    """Raise CatalogueInvalid with every fault of a network that has no tariff yet."""
    _raise_for([*network_faults(network), *id_pattern_faults(network.media)])


def check_new_policy(catalogue: Catalogue, policy: Policy, now_ms: int = 0) -> None:
    """Raise CatalogueInvalid with every fault of a policy that is to be the station's next.

    Fields are named as its author wrote them: `window_seconds`, `media`, `designated_gates`,
    `daily_limit`, `effective_from`, `effective_to`. Its version plays no part. Its gates must stand
    at the station while it is in force, from `now_ms` on.
    """
    earlier = catalogue.list_policies(policy.station_id)
    policy = replace(policy, version=len(earlier) + 1)
    versions = (*earlier, policy)
    faults: list[Fault] = []
    if policy.station_id not in catalogue.stations:
        faults.append(("station_id", f"there is no station {policy.station_id!r}"))
    _raise_for(
        [
            *faults,
            *policy_faults(catalogue, policy),
            *designation_faults(catalogue, policy, versions, now_ms),
            *overlap_faults(policy, versions, catalogue.network.time_zone),
            *tariff_match_faults(catalogue, policy, versions),
        ]
    )


def check_new_tariff(catalogue: Catalogue, tariff: Tariff) -> None:
    """Raise CatalogueInvalid with every fault of a tariff that is to be the next.

    Fields are named as in its document (`max_stay_minutes`, `discounts_percent`, …). Policies
    that it would make impossible are faults of the tariff.
    """
    tariff = replace(tariff, version=len(catalogue.tariffs) + 1)
    versions = (*catalogue.tariffs, tariff)
    faults = [
        *islice(tariff_faults(catalogue, tariff), FAULTS_MAX),
        *overlap_faults(tariff, versions, catalogue.network.time_zone),
    ]
    known = set(_windows_too_long(catalogue))
    faults += [
        ("max_stay_minutes", f"is shorter than the window of policy {version} at {station_id}")
        for station_id, version in _windows_too_long(replace(catalogue, tariffs=versions))
        if (station_id, version) not in known
    ]
    _raise_for(faults)


def check_gate(catalogue: Catalogue, placement: Gate, now_ms: int) -> None:
    """Raise CatalogueInvalid with every fault of where a gate is to stand.

    `catalogue` has the gate as it is to be. A policy in force or later that designates the gate
    must still find it where it is.
    """
    gate = catalogue.gates[placement.gate_id]
    faults = list(gate_faults(catalogue.network, gate, placement))
    for station_id, versions in catalogue.policies.items():
        for policy in versions:
            if gate.gate_id in policy.designated_gates and not is_over(policy, versions, now_ms):
                who = f"policy {policy.version} of station {station_id!r} designates this gate"
                field = "station_id" if placement.station_id != station_id else "directions"
                broken = designation_faults(catalogue, policy, versions, now_ms)
                faults += [(field, f"{who}: {message}") for _, message in broken]
    _raise_for(faults)


def check_medium_type(catalogue: Catalogue, medium: MediumType, *, is_new: bool) -> None:
    """Raise CatalogueInvalid with every fault of a media type to be registered or corrected."""
    faults = list(medium_type_faults(medium))
    faults += [("id_pattern", message) for _, message in id_pattern_faults([medium])]
    if is_new and medium.code in catalogue.media:
        faults.append(("code", f"there is a media type {medium.code!r} already"))
    _raise_for(faults)


def _raise_for(faults: Iterable[Fault]) -> None:
    found = list(islice(faults, FAULTS_MAX))
    if found:
        raise CatalogueInvalid(found)


def _windows_too_long(catalogue: Catalogue) -> list[tuple[str, int]]:
    return [
        (station_id, policy.version)
        for station_id, versions in catalogue.policies.items()
        for policy in versions
        for field, _ in tariff_match_faults(catalogue, policy, versions)
        if field == "window_seconds"
    ]


def _all_tariff_faults(catalogue: Catalogue) -> Faults:
    zone, tariffs = catalogue.network.time_zone, catalogue.tariffs
    if not tariffs:
        yield "tariffs", "there must be at least one tariff"
    yield from under("tariffs", number_faults(tariffs))
    for tariff in tariffs:
        place = f"tariffs.{tariff.version}"
        yield from under(place, tariff_faults(catalogue, tariff))
        yield from under(place, overlap_faults(tariff, tariffs, zone))


def _all_policy_faults(catalogue: Catalogue, now_ms: int) -> Faults:
    zone = catalogue.network.time_zone
    for station_id, versions in catalogue.policies.items():
        if station_id not in catalogue.stations:
            yield f"policies.{station_id}", "there is no such station"
        yield from under(f"policies.{station_id}", number_faults(versions))
        for policy in versions:
            place = f"policies.{station_id}.{policy.version}"
            if policy.station_id != station_id:
                yield f"{place}.station_id", f"names another station, {policy.station_id!r}"
            yield from under(place, policy_faults(catalogue, policy))
            if not is_over(policy, versions, now_ms):
                faults = designation_faults(catalogue, policy, versions, now_ms)
                yield from under(place, faults)
            yield from under(place, overlap_faults(policy, versions, zone))
            yield from under(place, tariff_match_faults(catalogue, policy, versions))


def _all_suspension_faults(catalogue: Catalogue) -> Faults:
    zone = catalogue.network.time_zone
    for station_id, suspensions in catalogue.suspensions.items():
        place = f"suspensions.{station_id}"
        if station_id not in catalogue.stations:
            yield place, "there is no such station"
        yield from under(place, suspension_faults(suspensions, zone))
