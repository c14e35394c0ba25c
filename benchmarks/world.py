"""The simulator's world: how long ten million taps take to make."""

import time
from typing import NamedTuple

from benchmarks.workload import SEED
from simulator.world.chengdu import make_metro
from simulator.world.sizes import make_taps

TAPS = 10_000_000


class Made(NamedTuple):
    """One world: its taps, the seconds it took, and its fingerprint."""

    taps: int
    seconds: float
    fingerprint: str


def make(taps: int = TAPS) -> Made:
    """Make a day of Chengdu's metro with so many taps, the metro itself made beforehand."""
    metro = make_metro()
    begun = time.perf_counter()
    world = make_taps(metro, SEED, taps)
    return Made(len(world), time.perf_counter() - begun, world.fingerprint())
