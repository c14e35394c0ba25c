"""How much of everything a run measures."""

from typing import Final, NamedTuple

from benchmarks import world


class Size(NamedTuple):
    """Taps in the ledger before, rounds, and how many of each kind.

    `ledger_sizes` are the rows at which the growth of cost is measured, each over so many batches
    of 1,000 of either kind a round; `remembered` states and tap_ids are weighed; `seeds` are
    simulated a round.
    """

    ledger_taps: int
    rounds: int
    singles: int
    batches_of_100: int
    batches_of_1000: int
    paced: int
    sm2_codes: int
    world_taps: int
    ledger_sizes: tuple[int, ...]
    growth_batches: int
    remembered: int
    seeds: int
    rival_taps: int


CANONICAL: Final = Size(
    ledger_taps=1_000_000,
    rounds=5,
    singles=40_000,
    batches_of_100=2_000,
    batches_of_1000=200,
    paced=15_000,
    sm2_codes=50,
    world_taps=world.TAPS,
    ledger_sizes=(0, 1_000_000, 10_000_000),
    growth_batches=40,
    remembered=300_000,
    seeds=300,
    rival_taps=200_000,
)
SMALL: Final = Size(
    ledger_taps=2_000,
    rounds=1,
    singles=200,
    batches_of_100=10,
    batches_of_1000=2,
    paced=150,
    sm2_codes=2,
    world_taps=10_000,
    ledger_sizes=(0, 2_000),
    growth_batches=1,
    remembered=2_000,
    seeds=2,
    rival_taps=2_000,
)
