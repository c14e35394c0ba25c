"""The world that a text table plays in: a small network, its tariff, its policies, the calendar.

Three stations: FHY runs the pilot, with gates A1 A2 C1 C2 on the crossing lane and D1 D2 off it;
JRC (gates J1 J2) is 5 km away, and XP (gates X1 X2) is 45 km from FHY and 39 km from JRC. Tariff 1
is Chengdu's: a 天府通 pays ten per cent less. Policy 1 of FHY takes both media for 15 minutes.

A line of the table that begins with one of these words changes the world from there on:

    date 2021-11-25                                the day of the times below
    policy 2 window=10min from=09:00               publish a version; what is left out is policy 1's
    policy 1 station=JRC designated=J1,J2          ... at another station
    tariff 2 max_stay=60min from=2021-11-25T04:00  publish a version; what is left out is tariff 1's
    suspended 08:10..08:20                         the kill switch, station=FHY unless told
    suspended 08:10..                              ... until it is resumed
    resumed 08:20
    mode exit_free 08:10..08:20                    a degraded mode, station=FHY unless told
    gate B1 station=JRC                            a new gate, or one that is moved
    fare FHY JRC 450                               an explicit fare of one pair (before any tap)

A version that a tap could have met is never edited: version 1 may be changed only before any tap.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any, Final

from fare_engine.journey import Terms
from fare_engine.modes import MODES_BY_CODE, DegradedMode, StoodOpen
from fare_engine.network import CHENGDU_BANDS, Direction, FareTable, Gate
from fare_engine.policy import Policy, Suspension
from fare_engine.tariff import Tariff
from fare_engine.versions import find_in_force
from tests.fare_engine.rule_words import (
    POLICY_FIELDS,
    TARIFF_FIELDS,
    Fields,
    TableError,
    read_moment,
    read_number,
    read_options,
)

FIRST_DAY: Final = date(2021, 11, 24)
BOTH_WAYS: Final = frozenset(Direction)
PILOT: Final = "FHY"
GATES: Final = {PILOT: "A1 A2 C1 C2 D1 D2", "JRC": "J1 J2", "XP": "X1 X2"}
DISTANCES_M: Final = {
    "FHY": {"FHY": 0, "JRC": 5_000, "XP": 45_000},
    "JRC": {"FHY": 5_000, "JRC": 0, "XP": 39_000},
    "XP": {"FHY": 45_000, "JRC": 39_000, "XP": 0},
}


@dataclass
class World:
    """All that is published, and what of it is in force."""

    day: date = FIRST_DAY
    gates: dict[str, Gate] = field(default_factory=dict)
    policies: dict[tuple[str, int], Policy] = field(default_factory=dict)
    tariffs: dict[int, Tariff] = field(default_factory=dict)
    suspensions: list[Suspension] = field(default_factory=list)
    modes: list[DegradedMode] = field(default_factory=list)
    _terms: dict[tuple[object, ...], Terms] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for station_id, gates in GATES.items():
            for gate_id in gates.split():
                self.gates[gate_id] = Gate(gate_id, station_id, BOTH_WAYS)
        begin_ms = read_moment("00:00", FIRST_DAY)
        both, lane = frozenset({"qr", "tianfutong"}), frozenset({"A1", "A2", "C1", "C2"})
        self.policies[PILOT, 1] = Policy(PILOT, 1, 900_000, both, lane, begin_ms)
        fares = FareTable(DISTANCES_M, CHENGDU_BANDS)
        before_ms = begin_ms - 365 * 86_400_000
        self.tariffs[1] = Tariff(1, before_ms, fares, discounts_percent={"tianfutong": 10})

    def find_gate(self, gate_id: str) -> Gate:
        if gate_id not in self.gates:
            raise TableError(f"unknown gate {gate_id!r}; known: {' '.join(sorted(self.gates))}")
        return self.gates[gate_id]

    def find_terms(self, station_id: str, at_ms: int) -> Terms:
        """What is in force at a station; the same object as long as it is the same."""
        tariff = find_in_force(self.tariffs.values(), at_ms)
        if tariff is None:
            raise TableError("no tariff is in force at this time")
        published = [policy for (place, _), policy in self.policies.items() if place == station_id]
        policy = find_in_force(published, at_ms)
        suspended = any(s.covers(at_ms) for s in self.suspensions if s.station_id == station_id)
        here = [mode for mode in self.modes if mode.station_id == station_id]
        modes = sum({int(mode.mode) for mode in here if mode.covers(at_ms)})
        version = policy.version if policy else 0
        key = (tariff.version, station_id, version, suspended, modes, tuple(self.modes))
        made = Terms(tariff, policy, suspended, modes, StoodOpen(self.modes))
        return self._terms.setdefault(key, made)

    def change(self, words: list[str]) -> None:
        """Do what a directive of the table says."""
        known: dict[str, Callable[[list[str]], None]] = {
            "date": self._set_date,
            "policy": self._publish_policy,
            "tariff": self._publish_tariff,
            "suspended": self._suspend,
            "resumed": self._resume,
            "mode": self._degrade,
            "gate": self._place_gate,
            "fare": self._set_fare,
        }
        if words[0] not in known:
            raise TableError(f"{words[0]!r} is neither a time nor one of {', '.join(known)}")
        try:
            known[words[0]](words[1:])
        except (IndexError, ValueError) as error:
            if isinstance(error, TableError):
                raise
            raise TableError(f"{words[0]!r} wants other words after it ({error})") from None

    def _set_date(self, words: list[str]) -> None:
        self.day = date.fromisoformat(" ".join(words))

    def _publish_policy(self, words: list[str]) -> None:
        version, station_id, options = self._read_version(words, POLICY_FIELDS)
        self._must_be_new("policy", version, (station_id, version) in self.policies)
        first = self.policies[PILOT, 1]
        changes = {"effective_to_ms": None, "station_id": station_id, "version": version} | options
        self.policies[station_id, version] = replace(first, **changes)

    def _publish_tariff(self, words: list[str]) -> None:
        version, _, options = self._read_version(words, TARIFF_FIELDS)
        self._must_be_new("tariff", version, version in self.tariffs)
        changes = {"effective_to_ms": None, "version": version} | options
        self.tariffs[version] = replace(self.tariffs[1], **changes)

    def _read_version(self, words: list[str], fields: Fields) -> tuple[int, str, dict[str, Any]]:
        version = read_number(words[0], self.day)
        stations = [word for word in words if word.startswith("station=")]
        options = [word for word in words[1:] if word not in stations]
        station_id = stations[0].removeprefix("station=") if stations else PILOT
        return version, station_id, read_options(options, fields, self.day)

    def _must_be_new(self, kind: str, version: int, known: bool) -> None:
        if known and (self._terms or version != 1):
            raise TableError(f"{kind} {version} is published: publish a new version")

    def _suspend(self, words: list[str]) -> None:
        start_ms, end_ms = self._read_stretch(words[0])
        self.suspensions.append(Suspension(self._station(words[1:]), start_ms, "test", end_ms))

    def _degrade(self, words: list[str]) -> None:
        if words[0] not in MODES_BY_CODE:
            raise TableError(f"{words[0]!r} is no mode; known: {' '.join(MODES_BY_CODE)}")
        mode, (start_ms, end_ms) = MODES_BY_CODE[words[0]], self._read_stretch(words[1])
        station_id = self._station(words[2:])
        self.modes.append(DegradedMode(station_id, mode, start_ms, "test", end_ms))

    def _read_stretch(self, text: str) -> tuple[int, int | None]:
        start, _, end = text.partition("..")
        return read_moment(start, self.day), read_moment(end, self.day) if end else None

    def _resume(self, words: list[str]) -> None:
        station_id, at_ms = self._station(words[1:]), read_moment(words[0], self.day)
        for place, held in enumerate(self.suspensions):
            if held.station_id == station_id and held.resumed_at_ms is None:
                self.suspensions[place] = replace(held, resumed_at_ms=at_ms)
                return
        raise TableError(f"{station_id} is not suspended")

    def _station(self, words: list[str]) -> str:
        fields: Fields = {"station": ("station", lambda text, _day: text)}
        station_id: str = read_options(words, fields, self.day).get("station", PILOT)
        return station_id

    def _place_gate(self, words: list[str]) -> None:
        self.gates[words[0]] = Gate(words[0], self._station(words[1:]), BOTH_WAYS)

    def _set_fare(self, words: list[str]) -> None:
        origin, destination, fare = words
        self._must_be_new("tariff", 1, known=True)
        explicit = self.tariffs[1].fares.explicit
        explicit = {**explicit, (origin, destination): read_number(fare, self.day)}
        fares = FareTable(DISTANCES_M, CHENGDU_BANDS, explicit)
        self.tariffs[1] = replace(self.tariffs[1], fares=fares)
