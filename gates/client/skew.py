"""How far a gate's clock is off the engine's, as exactly as answers can tell.

An answer that tells the engine's clock was made between sending and receiving, so it bounds the
skew from both sides; the way there and back is what it leaves open. `decided_at` and a heartbeat's
`received_at` are told in milliseconds, a `Date` header in whole seconds that may be a second old:
it bounds a thousand times less, and is used all the same where nothing better came. Bounds of
several answers are laid over each other, newest first, for as long as they agree; a clock that was
set makes older ones disagree, and they no longer count.
"""

from collections import deque
from typing import Final, NamedTuple

SAMPLES_MAX: Final = 32
"""Answers that are laid over each other."""

SAMPLE_AGE_MAX_MS: Final = 300_000
"""Older ones say little: a cheap clock drifts by 15 ms in five minutes."""


class Skew(NamedTuple):
    """Gate clock minus engine clock, milliseconds; the truth lies `uncertainty_ms` around it."""

    skew_ms: int
    uncertainty_ms: int


class ClockSkew:
    """Collects bounds of the skew."""

    def __init__(self) -> None:
        self._bounds: deque[tuple[int, int, int]] = deque(maxlen=SAMPLES_MAX)

    def add(self, sent_ms: int, received_ms: int, engine_ms: int, resolution_ms: int) -> None:
        """An answer told `engine_ms`, cut to `resolution_ms`; the others are the gate's clock."""
        lowest = sent_ms - (engine_ms + resolution_ms)
        highest = received_ms + 1 - engine_ms
        if lowest <= highest:  # else the gate's clock was set back meanwhile
            self._bounds.append((received_ms, lowest, highest))

    def find(self) -> Skew | None:
        """The skew by the latest answers; None before the first."""
        if not self._bounds:
            return None
        newest_ms, lowest, highest = self._bounds[-1]
        for at_ms, low, high in reversed(self._bounds):
            narrower = max(lowest, low), min(highest, high)
            if abs(newest_ms - at_ms) > SAMPLE_AGE_MAX_MS or narrower[0] > narrower[1]:
                break
            lowest, highest = narrower
        return Skew((lowest + highest) // 2, (highest - lowest + 1) // 2)
