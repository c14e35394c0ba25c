"""The breaker: once the engine is known to be out of reach, nobody waits for it.

::

    closed ──failures in a row: FAILURES_MAX──▶ open ──a probe is answered──▶ half-open
      ▲                                          ▲                             │   │
      │                                          └───────the trial fails───────┘   │
      └──────────────────────a tap is answered within its deadline─────────────────┘

*Closed*: every tap is asked. *Open*: none is; the controller probes in the background, at pauses
that double from `PAUSE_FIRST_S` to `PAUSE_MAX_S`, each shortened at random. *Half-open*: one tap at
a time is asked, all others are decided alone. So while an engine is gone, or answers probes but no
taps, at most `FAILURES_MAX` passengers wait for the deadline, and then one a pause.
"""

import random
from collections.abc import Callable
from enum import Enum
from typing import Final

FAILURES_MAX: Final = 3
PAUSE_FIRST_S: Final = 0.25
PAUSE_MAX_S: Final = 8.0


class State(Enum):
    """Whether taps are put to the engine."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class Breaker:
    """Decides who is asked; `clock_s` is a monotonic clock."""

    def __init__(
        self, clock_s: Callable[[], float], chance: Callable[[], float] = random.random
    ) -> None:
        self._clock_s = clock_s
        self._chance = chance
        self._failures = 0
        self._pause_s = PAUSE_FIRST_S
        self._trial_runs = False
        self.state = State.CLOSED
        self.probe_at_s = 0.0
        """When the next probe is due, while it is open."""

    def allows(self) -> bool:
        """Whether this tap is put to the engine. One that is must tell how it went."""
        if self.state is State.HALF_OPEN and not self._trial_runs:
            self._trial_runs = True
            return True
        return self.state is State.CLOSED

    def answered(self) -> None:
        """A tap was answered within its deadline."""
        self._failures = 0
        self._pause_s = PAUSE_FIRST_S
        self._trial_runs = False
        self.state = State.CLOSED

    def given_up(self) -> None:
        """A tap was not put to the engine after all, or nobody waited for how it went."""
        self._trial_runs = False

    def failed(self) -> None:
        """The engine was not reached, did not decide, or not in time."""
        self._trial_runs = False
        if self.state is State.OPEN and self._clock_s() < self.probe_at_s:
            return  # a tap that was under way when it opened: it says nothing new
        self._failures += 1
        if self.state is State.CLOSED and self._failures < FAILURES_MAX:
            return
        self.state = State.OPEN
        self.probe_at_s = self._clock_s() + self._pause_s * (0.5 + self._chance() / 2)
        self._pause_s = min(2 * self._pause_s, PAUSE_MAX_S)

    def reached(self) -> None:
        """The engine answered something else than a tap."""
        if self.state is State.OPEN:
            self.state = State.HALF_OPEN

    def is_probe_due(self) -> bool:
        """Whether it is time to look whether the engine is there again."""
        return self.state is State.OPEN and self._clock_s() >= self.probe_at_s
