"""What happens in one seed: a small world, its passengers, and what goes wrong, all as data.

Whatever is drawn is drawn here, so that a scenario can be taken apart: without one passenger or one
fault, all others stay as they were.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Final, NamedTuple

from fare_engine.modes import MODES_BY_CODE
from simulator.deterministic.phones import Phone
from simulator.deterministic.worlds import World, draw_world

PASSENGERS: Final = (5, 30)
FAULTS_MAX: Final = 12
FAULTS_MAX_OF_SEVERAL: Final = 18
SHARED_SHARE: Final = 0.1
SHARED_SHARE_OF_SEVERAL: Final = 0.3
"""How many passengers have a medium that another one has too."""
LASTS_S: Final = 240.0
"""How long passengers arrive. The limits of the rule are short, so that this is long."""


class Step(NamedTuple):
    """One tap that a passenger means to make.

    `after_s` counts from the step before. With `exactly_ms` she waits instead until the clock at
    the gate shows so many milliseconds more than at her latest entry, if it still can.
    `turns_back_s`: the gate opened and nobody went through, which it tells so much later.
    """

    gate_id: str
    entering: bool
    after_s: float
    exactly_ms: int | None = None
    turns_back_s: float | None = None


class Passenger(NamedTuple):
    """Somebody with a medium, and all she does. With a `phone` she shows ride codes."""

    number: int
    medium_type: str
    medium_id: str
    begins_s: float
    steps: tuple[Step, ...]
    phone: Phone | None = None


class Fault(NamedTuple):
    """Something that goes wrong, from when until when, where (a station, or what the kind says)."""

    kind: str
    at_s: float
    until_s: float
    where: str
    amount: float


@dataclass(frozen=True, slots=True)
class Scenario:
    """One seed, drawn."""

    seed: int
    world: World
    passengers: tuple[Passenger, ...]
    faults: tuple[Fault, ...]
    engines: int = 1

    @property
    def loses_commits(self) -> bool:
        """Whether commits that were acknowledged may be lost: the standby lags behind."""
        return any(
            fault.kind == "failover" and fault.where == ASYNCHRONOUS for fault in self.faults
        )

    def with_only(self, passengers: tuple[Passenger, ...], faults: tuple[Fault, ...]) -> "Scenario":
        """The same with some of it left out."""
        return replace(self, passengers=passengers, faults=faults)


SKEWED_SHARE: Final = 0.4
SKEWS_MS: Final = (-40_000, -28_000, -16_000, -2_000, 2_000, 16_000, 28_000, 40_000)
"""How wrong a station's clock is from the beginning, in some scenarios; 30 s are tolerated."""

PHONES_SHARE: Final = 0.6
PHONE_CLOCKS_MS: Final = (-61_000, -60_000, -59_000, -30_000, 30_000, 59_000, 60_000, 61_000)
"""How wrong some telephones are: codes live 30 s, and 30 s are tolerated."""

FAULTS: Final = {
    "lost": 12,
    "doubled": 12,
    "delayed": 12,
    "partition": 10,
    "clock": 8,
    "drift": 4,
    "reboot": 8,
    "power_cut": 8,
    "kill": 16,
    "disk": 10,
    "wipe": 4,
    "publish": 8,
    "suspend": 5,
    "mode": 8,
    "block": 5,
    "clash": 5,
}
"""What can go wrong, or is changed in the middle, with how often it is drawn."""
FAULTS_OF_SEVERAL: Final = FAULTS | {"disk": 0, "sleep": 16, "cut": 20, "lie": 20, "failover": 5}
"""The same where several engines share a ledger and a cache."""
MESSAGE_FAULTS: Final = ("lost", "doubled", "delayed", "partition")
STEPS: Final = (
    "received",
    "gathered",
    "loaded",
    "decided",
    "sent",
    "stored",
    "answered",
    "applied",
)
"""Where an engine can be killed, or fall asleep: before what arrived is gathered, before it is
loaded, before it is decided, before its commit is sent, before that is stored, before the engine
knows, before the answers are on their way, and before the cache has the states."""
CUTS: Final = {"disk": ("before", "after", "load"), "cut": ("before", "after", "late", "load")}
"""When an engine loses its ledger: before a commit, or after it was stored, or so that it is stored
only later, while the engine believes it lost; or in a load."""
SYNCHRONOUS: Final = "synchronous"
ASYNCHRONOUS: Final = "asynchronous"
LOST_COMMITS_MAX: Final = 12
LIES_LONGER_S: Final = 60.0
"""After a failover the cache brings up what it held before: values that the ledger has lost."""
SLEEPS_S: Final = (0.2, 4.0, 12.0)


_JOURNEYS: Final = ("cross", "travel", "hesitate", "forget", "again", "sneak", "turn", "scatter")
_JOURNEY_SHARES: Final = tuple(accumulate((40, 20, 10, 8, 8, 4, 10, 14)))


def draw_scenario(seed: int, taps_max: int, engines: int = 1) -> Scenario:
    """The scenario of a seed."""
    several = engines > 1
    chance = random.Random(f"scenario {seed}")
    world = draw_world(chance)
    passengers: list[Passenger] = []
    taps = 0
    shared_share = SHARED_SHARE_OF_SEVERAL if several else SHARED_SHARE
    for number in range(chance.randint(*PASSENGERS)):
        before = passengers[-1] if passengers and chance.random() < shared_share else None
        passenger = _draw_passenger(chance, world, number, before)
        taps += len(passenger.steps)
        if taps > taps_max and passengers:
            break
        passengers.append(passenger)
    faults_max = FAULTS_MAX_OF_SEVERAL if several else FAULTS_MAX
    kinds = FAULTS_OF_SEVERAL if several else FAULTS
    faults = [_draw_fault(chance, world, kinds) for _ in range(chance.randint(0, faults_max))]
    faults += [
        Fault("skew", 0.0, 0.0, station_id, chance.choice(SKEWS_MS))
        for station_id in world.station_ids
        if chance.random() < SKEWED_SHARE
    ]
    faults += [
        fault._replace(kind="lie", until_s=fault.until_s + LIES_LONGER_S, amount=0.5)
        for fault in faults
        if fault.where == ASYNCHRONOUS
    ]
    faults.sort(key=lambda fault: fault.at_s)
    return Scenario(seed, world, tuple(passengers), tuple(faults), engines)


def _draw_passenger(
    chance: random.Random, world: World, number: int, before: Passenger | None
) -> Passenger:
    """Somebody; where there is one `before`, with the same medium, perhaps at the same moments."""
    if before is not None and chance.random() < 0.5:
        later_s = chance.choice((0.0, 0.005, 0.3, 3.0))
        return before._replace(number=number, begins_s=before.begins_s + later_s)
    medium_type = chance.choice(world.medium_types)
    medium_id = f"31048705{number:08}" if medium_type == "tianfutong" else f"user{number}"
    phone = _draw_phone(chance) if medium_type == "qr" else None
    if before is not None:
        medium_type, medium_id, phone = before.medium_type, before.medium_id, before.phone
    steps: list[Step] = []
    for _ in range(chance.randint(1, 4)):
        steps += _draw_journey(chance, world)
    begins_s = chance.uniform(0, LASTS_S / 2)
    return Passenger(number, medium_type, medium_id, begins_s, tuple(steps), phone)


def _draw_phone(chance: random.Random) -> Phone | None:
    """How codes are shown; without a phone it is an account that the gate knows otherwise."""
    if chance.random() >= PHONES_SHARE:
        return None
    clock_ms = 0 if chance.random() < 0.75 else chance.choice(PHONE_CLOCKS_MS)
    fault = chance.choice(("forged", "cut")) if chance.random() < 0.04 else ""
    return Phone(chance.choice((1, 5, 15, 45)), clock_ms, fault)


def _draw_journey(chance: random.Random, world: World) -> list[Step]:
    station = chance.choice(world.station_ids)
    other = chance.choice(world.station_ids)
    entry = Step(chance.choice(world.entries(station)), True, chance.uniform(1, 30))
    leave = chance.choice(world.exits(station))
    (kind,) = chance.choices(_JOURNEYS, cum_weights=_JOURNEY_SHARES)
    if kind == "cross":
        return [entry, _cross(chance, world, leave)]
    if kind == "travel":
        return [entry, Step(chance.choice(world.exits(other)), False, chance.uniform(5, 75))]
    if kind == "hesitate":
        grace_ms = world.tariff.reentry_grace_ms
        repeated = replace_timing(chance, entry, grace_ms)
        return [entry, repeated, _cross(chance, world, leave)]
    if kind == "forget":
        return [entry]
    if kind == "again":
        first = _cross(chance, world, leave)
        return [entry, first, Step(leave, False, chance.choice((1.0, 5.0, 9.0, 11.0)))]
    if kind == "scatter":
        return [_scatter(chance, world) for _ in range(3)]
    if kind == "sneak":
        return [Step(leave, False, chance.uniform(1, 30))]
    turns_back_s = chance.choice((0.05, 0.5, 3.0, 20.0))
    first = _cross(chance, world, leave)
    if chance.random() < 0.5:
        return [entry._replace(turns_back_s=turns_back_s), first]
    again = Step(chance.choice(world.exits(station)), False, chance.uniform(2, 20))
    return [entry, first._replace(turns_back_s=turns_back_s), again]


def replace_timing(chance: random.Random, step: Step, limit_ms: int) -> Step:
    """The same step around a limit of the rule: at it, a millisecond beyond, or somewhere near."""
    exactly_ms = chance.choice((limit_ms - 1, limit_ms, limit_ms + 1, chance.randint(1, limit_ms)))
    return step._replace(exactly_ms=exactly_ms)


def _scatter(chance: random.Random, world: World) -> Step:
    """A tap anywhere, at once: as of a medium that several people have."""
    station, entering = chance.choice(world.station_ids), chance.random() < 0.5
    gates = world.entries(station) if entering else world.exits(station)
    return Step(chance.choice(gates), entering, chance.choice((0.0, 1.0, 4.0)))


def _cross(chance: random.Random, world: World, gate_id: str) -> Step:
    """An exit after a stay that is short, or near a limit: of the window, or of any stay."""
    step = Step(gate_id, False, 0.0)
    window_ms = chance.choice(world.windows_ms)
    limit_ms = world.tariff.max_stay_ms if chance.random() < 0.06 else window_ms
    return replace_timing(chance, step, limit_ms)


def _draw_fault(chance: random.Random, world: World, kinds: Mapping[str, int]) -> Fault:
    (kind,) = chance.choices([*kinds], cum_weights=[*accumulate(kinds.values())])
    at_s = chance.uniform(0, LASTS_S)
    until_s = at_s + chance.choice((2.5, 10.0, 30.0, 90.0))
    where = chance.choice(world.station_ids)
    fault = Fault(kind, at_s, until_s, where, chance.random())
    if kind in MESSAGE_FAULTS and chance.random() < 0.3:
        return fault._replace(where="everywhere")
    if kind in _OF_STATIONS:
        return _draw_fault_of_station(chance, fault)
    return _draw_fault_of_engine(chance, fault)


_OF_STATIONS: Final = ("clock", "drift", "power_cut", "mode")


def _draw_fault_of_station(chance: random.Random, fault: Fault) -> Fault:
    if fault.kind == "clock":
        jumps_ms = (-40_000, -20_000, -5_000, -600, 700, 20_000, 40_000, 400_000)
        return fault._replace(amount=chance.choice(jumps_ms))
    if fault.kind == "drift":
        return fault._replace(amount=chance.uniform(-200e-6, 200e-6))
    if fault.kind == "power_cut":
        return fault._replace(amount=chance.choice((-1, 1)) * chance.randint(1, 6))
    return fault._replace(where=f"{fault.where} {chance.choice(list(MODES_BY_CODE))}")


def _draw_fault_of_engine(chance: random.Random, fault: Fault) -> Fault:
    kind, at_s = fault.kind, fault.at_s
    if kind in ("kill", "sleep"):
        lasts_s = chance.choice((0.05, 1.0, 10.0) if kind == "kill" else SLEEPS_S)
        return fault._replace(where=chance.choice(STEPS), until_s=at_s + lasts_s)
    if kind in CUTS:
        return fault._replace(where=chance.choice(CUTS[kind]))
    if kind == "lie":
        return fault._replace(amount=chance.choice((0.1, 0.4, 0.9)))
    if kind == "failover":
        where = chance.choice((SYNCHRONOUS, ASYNCHRONOUS))
        return fault._replace(where=where, amount=chance.randint(1, LOST_COMMITS_MAX))
    return fault
