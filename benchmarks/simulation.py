"""The section `simulation`: how fast seeds are played, with their faults, and audited."""

from collections.abc import Callable

from benchmarks.figures import Figure, rate
from benchmarks.sizes import Size
from simulator.deterministic import SEED_TAPS_MAX
from simulator.deterministic.check import Check


def measure(size: Size, say: Callable[[str], None]) -> list[Figure]:
    """Rounds of seeds that no round before has played, on one processor."""
    rates = []
    for number in range(size.rounds):
        say(f"simulation: round {number + 1} of {size.rounds}")
        rates.append(taps_a_second(number * size.seeds, size.seeds))
    name = "taps played with their faults, and audited; a second of one processor"
    return [rate(name, rates, 2_000)]


def taps_a_second(first: int, seeds: int) -> float:
    """The taps of so many seeds, by the processor's time."""
    check = Check(first, SEED_TAPS_MAX)
    check.run(seeds, lambda *_: None)
    if check.failed:
        raise RuntimeError(f"seeds fail: {check.failed}")
    return check.taps_per_s
