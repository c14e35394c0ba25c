"""How far a gate's clock is off the engine's, as exactly as answers allow.

An answer with the engine's clock was made between sending and receiving, so it bounds the skew from
both sides; the round trip is what it leaves open. `decided_at` and a heartbeat's `received_at` have
milliseconds, a `Date` header whole seconds that may be a second old: it bounds a thousand times
less, and is used where nothing better came. The bounds of several answers are intersected, newest
first, for as long as they agree; after a clock was set, older ones disagree and no longer count.
"""

from collections import deque
from typing import Final, NamedTuple

SAMPLES_MAX: Final = 32
"""Answers whose bounds are intersected."""

SAMPLE_AGE_MAX_MS: Final = 300_000
"""Older answers are worth little: a cheap clock drifts by 15 ms in five minutes."""


class Skew(NamedTuple):
    """Gate clock minus engine clock, milliseconds; the truth lies `uncertainty_ms` around it."""

    skew_ms: int
    uncertainty_ms: int


class ClockSkew:
    """Collects bounds of the skew."""

    def __init__(self) -> None:
        self._bounds: deque[tuple[int, int, int]] = deque(maxlen=SAMPLES_MAX)

    def add(self, sent_ms: int, received_ms: int, engine_ms: int, resolution_ms: int) -> None:
        """An answer said `engine_ms`, cut to `resolution_ms`; the others are the gate's clock."""
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
