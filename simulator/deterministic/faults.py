"""What can go wrong in a seed, or is changed in the middle, and how often it is drawn."""

import random
from collections.abc import Mapping
from itertools import accumulate
from typing import Final, NamedTuple

from fare_engine.modes import MODES_BY_CODE
from simulator.deterministic.worlds import World

FAULTS_MAX: Final = 12
FAULTS_MAX_OF_SEVERAL: Final = 18
LASTS_S: Final = 240.0
"""How long passengers arrive. The limits of the rule are short, so that this is long."""

SKEWED_SHARE: Final = 0.4
SKEWS_MS: Final = (-40_000, -28_000, -16_000, -2_000, 2_000, 16_000, 28_000, 40_000)
"""How wrong a station's clock is from the beginning, in some scenarios; 30 s are tolerated."""

CALENDAR_SHARE: Final = 0.25
DAYS_OFF: Final = (-18_600, -400, -5, -1, 5, 400, 3_700)
"""How many days a station's clock is off in some scenarios: an empty battery says 1970."""

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
"""The kinds, with how often each is drawn."""
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


class Fault(NamedTuple):
    """Something that goes wrong, from when until when, where (a station, or what the kind says)."""

    kind: str
    at_s: float
    until_s: float
    where: str
    amount: float


def draw_faults(chance: random.Random, world: World, engines: int) -> tuple[Fault, ...]:
    """The faults of a seed, in their order."""
    faults_max = FAULTS_MAX_OF_SEVERAL if engines > 1 else FAULTS_MAX
    kinds = FAULTS_OF_SEVERAL if engines > 1 else FAULTS
    faults = [_draw_fault(chance, world, kinds) for _ in range(chance.randint(0, faults_max))]
    faults += [
        Fault("skew", 0.0, 0.0, station_id, chance.choice(SKEWS_MS))
        for station_id in world.station_ids
        if chance.random() < SKEWED_SHARE
    ]
    faults += _draw_calendars(chance, world)
    faults += [
        fault._replace(kind="lie", until_s=fault.until_s + LIES_LONGER_S, amount=0.5)
        for fault in faults
        if fault.where == ASYNCHRONOUS
    ]
    return tuple(sorted(faults, key=lambda fault: fault.at_s))


def _draw_calendars(chance: random.Random, world: World) -> list[Fault]:
    """In some scenarios the clock of one station is days or years off, for a while or for good."""
    if chance.random() >= CALENDAR_SHARE:
        return []
    station_id, days = chance.choice(world.station_ids), chance.choice(DAYS_OFF)
    at_s = chance.choice((0.0, chance.uniform(0, LASTS_S)))
    until_s = at_s + chance.choice((30.0, 90.0, 2 * LASTS_S))
    return [Fault("calendar", at_s, until_s, station_id, days)]


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
