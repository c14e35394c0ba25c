"""The circuit breaker: once the engine is known to be out of reach, no passenger waits for it.

::

    closed ──failures in a row: FAILURES_MAX──▶ open ──a probe is answered──▶ half-open
      ▲                                          ▲                             │   │
      │                                          └───────the trial fails───────┘   │
      └──────────────────────a tap is answered within its deadline─────────────────┘

*Closed*: the engine is asked about every tap. *Open*: about none; the controller probes in the
background, at pauses that double from `PAUSE_FIRST_S` to `PAUSE_MAX_S`, each shortened at random.
*Half-open*: about one tap at a time, all others are decided alone. So while an engine is gone, or
answers probes but no taps, at most `FAILURES_MAX` passengers wait for the deadline, and then one
a pause.
"""

import random
from collections.abc import Callable
from enum import Enum
from typing import Final

FAILURES_MAX: Final = 3
PAUSE_FIRST_S: Final = 0.25
PAUSE_MAX_S: Final = 8.0


class State(Enum):
    """Whether taps are sent to the engine before the gate acts."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class Breaker:
    """Decides which taps the engine is asked about; `clock_s` is a monotonic clock."""

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
        """Whether to ask about this tap; then `answered`, `failed` or `given_up` must follow."""
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
        """The engine was not asked about a tap after all, or its answer was not waited for."""
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
        """The engine answered a request that was no tap."""
        if self.state is State.OPEN:
            self.state = State.HALF_OPEN

    def is_probe_due(self) -> bool:
        """Whether it is time to ask whether the engine is back."""
        return self.state is State.OPEN and self._clock_s() >= self.probe_at_s
