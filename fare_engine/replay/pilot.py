"""Which stations waive crossings in a replay: those of the catalogue, all, or none."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from enum import StrEnum

from fare_engine.catalogue import Catalogue
from fare_engine.errors import CatalogueInvalid
from fare_engine.interchange.rows import FileTap
from fare_engine.network_file import NetworkFile, read_builtin
from fare_engine.policy import Policy
from fare_engine.tariff import MINUTE_MS, SECOND_MS

BUILTIN = "chengdu"
"""The network whose pilot is the model of every other."""


class Pilot(StrEnum):
    """Which stations waive crossings in a replay."""

    CONFIGURED = "configured"
    """Those of the catalogue."""
    ALL = "all"
    """Every station of the file, all of its gates designated."""
    NONE = "none"


def apply_pilot(
    catalogue: Catalogue, taps: Sequence[FileTap], pilot: Pilot, window_ms: int | None
) -> Catalogue:
    """The catalogue with the policies that a replay is to have; a window given here beats theirs.

    `ALL` puts one policy in force from the first tap on at every station of the file: all of its
    gates in the file are designated, and every media type is eligible.
    """
    if window_ms is not None:
        _check_window(catalogue, window_ms)
    if pilot is Pilot.NONE:
        return replace(catalogue, policies={}, suspensions={}, terms={})
    if pilot is Pilot.CONFIGURED:
        if window_ms is None:
            return catalogue
        policies = {
            station_id: tuple(replace(policy, window_ms=window_ms) for policy in versions)
            for station_id, versions in catalogue.policies.items()
        }
        return replace(catalogue, policies=policies, terms={})
    gates_by_station: dict[str, set[str]] = defaultdict(set)
    for gate_id in {tap.gate_id for tap in taps}:
        gate = catalogue.gates.get(gate_id)
        for placement in gate.placements if gate else ():
            gates_by_station[placement.station_id].add(gate_id)
    from_ms = min((tap.occurred_at_ms for tap in taps), default=0)
    window_ms = read_pilot_window_ms() if window_ms is None else window_ms
    media = frozenset(catalogue.media)
    everywhere = {
        station_id: (Policy(station_id, 1, window_ms, media, frozenset(gates), from_ms),)
        for station_id, gates in gates_by_station.items()
    }
    return replace(catalogue, policies=everywhere, suspensions={}, terms={})


def read_pilot_window_ms() -> int:
    """The window of the pilot that comes with the engine."""
    return get_pilot(read_builtin(BUILTIN)).window_ms


def get_pilot(file: NetworkFile) -> Policy:
    """The pilot of a built-in network."""
    assert file.pilot is not None, "the built-in network names a pilot"
    return file.pilot


def _check_window(catalogue: Catalogue, window_ms: int) -> None:
    longest_ms = min((tariff.max_stay_ms for tariff in catalogue.tariffs), default=window_ms)
    if not 0 < window_ms <= longest_ms:
        raise CatalogueInvalid(
            [
                (
                    "window_seconds",
                    f"must be more than 0 and at most {longest_ms // SECOND_MS}, the longest stay "
                    f"of {longest_ms // MINUTE_MS} minutes",
                )
            ]
        )
