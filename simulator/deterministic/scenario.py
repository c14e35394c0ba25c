"""What happens in one seed: a small world, its passengers, and what goes wrong, all as data.

Whatever is drawn is drawn here, so that a scenario can be taken apart: without one passenger or one
fault, all others stay as they were.
"""

import random
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Final, NamedTuple

from simulator.deterministic.faults import ASYNCHRONOUS, LASTS_S, Fault, draw_faults
from simulator.deterministic.phones import Phone
from simulator.deterministic.worlds import World, draw_world

PASSENGERS: Final = (5, 30)
SHARED_SHARE: Final = 0.1
SHARED_SHARE_OF_SEVERAL: Final = 0.3
"""How many passengers have a medium that another one has too."""


class Step(NamedTuple):
    """One tap that a passenger means to make.

    `after_s` counts from the step before. With `exactly_ms` she waits instead until the clock at
    the gate shows so many milliseconds more than at her latest entry, if it still can.
    `turns_back_s`: the gate opened and nobody went through, which it reports so much later.
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


PHONES_SHARE: Final = 0.6
PHONE_CLOCKS_MS: Final = (-61_000, -60_000, -59_000, -30_000, 30_000, 59_000, 60_000, 61_000)
"""How wrong some telephones are: codes live 30 s, and 30 s are tolerated."""

_JOURNEYS: Final = ("cross", "travel", "hesitate", "forget", "again", "sneak", "turn", "scatter")
_JOURNEY_SHARES: Final = tuple(accumulate((40, 20, 10, 8, 8, 4, 10, 14)))


def draw_scenario(seed: int, taps_max: int, engines: int = 1) -> Scenario:
    """The scenario of a seed."""
    chance = random.Random(f"scenario {seed}")
    world = draw_world(chance)
    passengers: list[Passenger] = []
    taps = 0
    shared_share = SHARED_SHARE_OF_SEVERAL if engines > 1 else SHARED_SHARE
    for number in range(chance.randint(*PASSENGERS)):
        before = passengers[-1] if passengers and chance.random() < shared_share else None
        passenger = _draw_passenger(chance, world, number, before)
        taps += len(passenger.steps)
        if taps > taps_max and passengers:
            break
        passengers.append(passenger)
    faults = draw_faults(chance, world, engines)
    return Scenario(seed, world, tuple(passengers), faults, engines)


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
