"""Chance, the same on every machine: numbers from a seed, by arithmetic that rounds alike.

Only the bit stream of PCG64 and exact operations are used: multiplication, truncation, lookups.
The library's own distributions may change with its version, and logarithms with the processor.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Shares = NDArray[np.float64]

_SHARE_BITS: Final = 53


class Chance:
    """One stream of chance; streams of other numbers do not disturb it."""

    def __init__(self, seed: int, *stream: int) -> None:
        self._bits = np.random.PCG64(np.random.SeedSequence(seed, spawn_key=stream))

    def share(self, count: int) -> Shares:
        """Numbers of at least 0 and less than 1."""
        raw = self._bits.random_raw(count) >> np.uint64(64 - _SHARE_BITS)
        return raw.astype(np.float64) * (1.0 / (1 << _SHARE_BITS))

    def between(self, count: int, low: int, high: int) -> Ints:
        """Whole numbers of at least `low` and less than `high`."""
        return low + (self.share(count) * (high - low)).astype(np.int64)

    def choose(self, count: int, cumulative: NDArray[np.float64] | Ints) -> Ints:
        """Places in a list whose weights were added up."""
        at = self.share(count) * float(cumulative[-1])
        places: Ints = np.searchsorted(cumulative, at, side="right").astype(np.int64)
        return places
