"""Worlds of a size: a whole network's day at a scale, or about so many taps."""

from collections.abc import Mapping
from typing import Final

from simulator.world.chance import Chance
from simulator.world.metro import Metro
from simulator.world.mixes import NETWORK, apportion
from simulator.world.times import Day, Hours
from simulator.world.world import SHARE_STREAM, TAPS_MAX, TooManyTaps, World, make_world

PASSENGERS_A_DAY: Final = 3_200_000
"""Of the whole network at scale 1: some ten million taps, as Chengdu has on a working day."""
SPARE: Final = 1.005
"""A few more than so many taps take, so that the world is seldom made twice."""
SAMPLE: Final = 10_000
"""Passengers whose taps show how many taps one makes."""


def make_crowd(
    metro: Metro,
    seed: int,
    passengers: int,
    *,
    mix: Mapping[str, int] = NETWORK,
    hours: Hours | None = None,
) -> World:
    """So many passengers with the intentions of a mix, by default over a whole day."""
    counts = apportion(mix, metro, passengers, Chance(seed, SHARE_STREAM))
    return make_world(metro, seed, counts, hours or Day())


def make_taps(metro: Metro, seed: int, taps: int) -> World:
    """A day of just so many taps; the last few of the night are left out."""
    if taps > TAPS_MAX:
        raise TooManyTaps(f"a world has at most {TAPS_MAX:,} taps, not {taps:,}")
    passengers = int(taps / count_taps_each(metro) * SPARE) + 1
    while True:
        world = make_crowd(metro, seed, passengers)
        if len(world) >= taps:
            return world.cut(taps)
        passengers += passengers // 50 + 1


def count_taps_each(metro: Metro, mix: Mapping[str, int] = NETWORK) -> float:
    """How many taps a passenger makes on average."""
    return len(make_crowd(metro, 0, SAMPLE, mix=mix)) / SAMPLE
