"""What was published, as the outside knows it: plain documents of the contract, made readable.

A *network* document has `segments` (from, to, metres). A *published* document has `gates`, `media`,
`policies` and `tariffs` as the API lists them (of all stations), `suspensions`, `degraded_modes`,
and `blocked` (of each: `medium`, named as `requests.name_medium` names it, and `blocked_at`). What
may be missing counts as empty. `clock_skews` are what was published of gates' clocks (`gate_id`,
`clock_skew_ms`, `measured_at`); without them nobody knows which clocks are suspect.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple, Protocol, TypeVar

from simulator.auditor.fares import Fares, Tracks, less_discount
from simulator.auditor.moments import (
    MINUTE_MS,
    SECOND_MS,
    find_moment,
    find_service_dates,
    read_length_ms,
    read_moment,
)

GATES_STAND_OPEN: Final = frozenset({"entry_free", "exit_free", "emergency"})
"""Modes in which people pass without a tap."""


class Gate(NamedTuple):
    station_id: str
    directions: frozenset[str]


class Policy(NamedTuple):
    version: int
    from_ms: int
    to_ms: int | None
    window_ms: int
    media: frozenset[str]
    designated_gates: frozenset[str]
    daily_limit: int | None


class Stretch(NamedTuple):
    """A stretch of time, the first instant included and the last not."""

    from_ms: int
    to_ms: int | None

    def holds(self, at_ms: int) -> bool:
        return self.meets(at_ms, at_ms)

    def meets(self, first_ms: int, last_ms: int) -> bool:
        """Whether it has an instant of another stretch, which has its last one too."""
        if self.to_ms is not None and self.to_ms <= max(self.from_ms, first_ms):
            return False
        return self.from_ms <= last_ms


class Tariff:
    """One version of the fare rules."""

    def __init__(self, document: Mapping[str, Any], tracks: Tracks) -> None:
        rules = document["rules"]
        self.version: int = document["version"]
        self.from_ms = read_moment(document["effective_from"])
        self.to_ms = find_moment(document["effective_to"])
        self.fares = Fares(rules, tracks)
        self.same_station_fare: int = rules["same_station_fare"]
        self.missing_exit_fare: int = rules["missing_exit_fare"]
        self.unmatched_exit: str = rules["unmatched_exit"]
        self.unmatched_exit_fare: int = rules["unmatched_exit_fare"]
        self.max_stay_ms = read_length_ms(rules["max_stay_minutes"], MINUTE_MS)
        self.reentry_grace_ms = read_length_ms(rules["reentry_grace_seconds"], SECOND_MS)
        self.reexit_grace_ms = read_length_ms(rules["reexit_grace_seconds"], SECOND_MS)
        self.tolerance_ms = read_length_ms(rules["clock_skew_tolerance_seconds"], SECOND_MS)
        self.code_validity_ms = read_length_ms(rules["ride_code_validity_seconds"], SECOND_MS)
        self.dates = find_service_dates(rules["time_zone"], rules["service_date_cut"])
        expiry = rules["journey_expiry"]
        self._lasts_ms: int | None = None
        if expiry != "service_date_end":
            self._lasts_ms = read_length_ms(expiry["minutes"], MINUTE_MS)
        self._discounts: dict[str, int] = rules["discounts_percent"]

    def expires_at(self, entered_ms: int) -> int:
        """The first instant at which a journey of this tariff has expired."""
        if self._lasts_ms is not None:
            return entered_ms + self._lasts_ms
        return self.dates.end_of(self.dates.date_of(entered_ms))

    def price(self, fare: int, medium_type: str) -> int:
        """What a medium pays of a fare."""
        return less_discount(fare, self._discounts.get(medium_type, 0))


class Published:
    """All that is published at one time."""

    def __init__(self, document: Mapping[str, Any], tracks: Tracks) -> None:
        self.gates = {
            gate["gate_id"]: Gate(gate["station_id"], frozenset(gate["directions"]))
            for gate in document["gates"]
        }
        self.media = {
            medium["type"]: re.compile(medium["id_pattern"]) for medium in document["media"]
        }
        self._blocked_from_ms = {
            block["medium"]: read_moment(block["blocked_at"])
            for block in document.get("blocked", ())
        }
        self._tariffs = _put_latest_first(Tariff(tariff, tracks) for tariff in document["tariffs"])
        self.first_ms = min(tariff.from_ms for tariff in self._tariffs)
        self.smallest_tolerance_ms = min(tariff.tolerance_ms for tariff in self._tariffs)
        self._suspect = self._find_suspect(document.get("clock_skews"))
        policies: dict[str, list[Policy]] = {}
        for policy in document["policies"]:
            policies.setdefault(policy["station_id"], []).append(_read_policy(policy))
        self._policies = {
            station: _put_latest_first(versions) for station, versions in policies.items()
        }
        self._suspended: dict[str, list[Stretch]] = {}
        for suspension in document.get("suspensions", ()):
            self._suspended.setdefault(suspension["station_id"], []).append(
                _read_stretch(suspension, "suspended_at", "resumed_at")
            )
        self._modes: dict[str, list[tuple[str, Stretch]]] = {}
        self._stood_open: list[Stretch] = []
        for mode in document.get("degraded_modes", ()):
            stretch = _read_stretch(mode, "effective_from", "effective_to")
            self._modes.setdefault(mode["station_id"], []).append((mode["mode"], stretch))
            if mode["mode"] in GATES_STAND_OPEN:
                self._stood_open.append(stretch)

    def _find_suspect(self, skews: Iterable[Mapping[str, Any]] | None) -> frozenset[str] | None:
        """The gates further off than was tolerated when their clocks were measured."""
        if skews is None:
            return None
        suspect = set()
        for skew in skews:
            tariff = self.tariff_at(read_moment(skew["measured_at"]))
            if tariff is not None and abs(skew["clock_skew_ms"]) > tariff.tolerance_ms:
                suspect.add(skew["gate_id"])
        return frozenset(suspect)

    def tariff_at(self, at_ms: int) -> Tariff | None:
        return _in_force(self._tariffs, at_ms)

    def policy_at(self, station: str, at_ms: int) -> Policy | None:
        return _in_force(self._policies.get(station, ()), at_ms)

    def is_suspended(self, station: str, at_ms: int) -> bool:
        suspended = self._suspended.get(station)
        return suspended is not None and any(stretch.holds(at_ms) for stretch in suspended)

    def modes_at(self, station: str, at_ms: int) -> frozenset[str]:
        modes = self._modes.get(station)
        if not modes:
            return frozenset()
        return frozenset(mode for mode, stretch in modes if stretch.holds(at_ms))

    def gates_stood_open(self, first_ms: int, last_ms: int) -> bool:
        """Whether those of any station did at some instant, both ends included."""
        return any(stretch.meets(first_ms, last_ms) for stretch in self._stood_open)

    def is_suspect(self, gate_id: str) -> bool | None:
        """Whether a gate's clock is known to be wrong; None where no clocks are published."""
        return None if self._suspect is None else gate_id in self._suspect

    def is_blocked(self, medium: str, at_ms: int) -> bool:
        from_ms = self._blocked_from_ms.get(medium)
        return from_ms is not None and at_ms >= from_ms


class Version(Protocol):
    @property
    def version(self) -> int: ...
    @property
    def from_ms(self) -> int: ...
    @property
    def to_ms(self) -> int | None: ...


V = TypeVar("V", bound=Version)


def _put_latest_first(versions: Iterable[V]) -> list[V]:
    """By when they begin; of two that begin together the higher comes first."""
    return sorted(versions, key=lambda version: (version.from_ms, version.version), reverse=True)


def _in_force(latest_first: Iterable[V], at_ms: int) -> V | None:
    """The latest to have begun; none when it has ended."""
    for version in latest_first:
        if version.from_ms <= at_ms:
            ended = version.to_ms is not None and version.to_ms <= at_ms
            return None if ended else version
    return None


def _read_policy(policy: Mapping[str, Any]) -> Policy:
    return Policy(
        policy["version"],
        read_moment(policy["effective_from"]),
        find_moment(policy["effective_to"]),
        read_length_ms(policy["window_seconds"], SECOND_MS),
        frozenset(policy["media"]),
        frozenset(policy["designated_gates"]),
        policy["daily_limit"],
    )


def _read_stretch(document: Mapping[str, Any], begins: str, ends: str) -> Stretch:
    return Stretch(read_moment(document[begins]), find_moment(document[ends]))
