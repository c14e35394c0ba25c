"""Turns: what takes long is begun a little at a time, so that single taps come in between."""

import asyncio
from collections import deque
from collections.abc import Callable
from time import perf_counter
from typing import Final

AT_ONCE: Final = 4
TURN_S: Final = 0.002
"""At most so many are begun in one turn of the event loop, or for so long: but always one."""


class Turns:
    """One queue for all connections, each of which has at most one thing in it."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiting: deque[Callable[[], None]] = deque()
        self._is_planned = False

    def begin_soon(self, begin: Callable[[], None]) -> None:
        """Call this when it is its turn."""
        self._waiting.append(begin)
        self._plan()

    def _plan(self) -> None:
        if self._waiting and not self._is_planned:
            self._is_planned = True
            self._loop.call_soon(self._begin_some)

    def _begin_some(self) -> None:
        self._is_planned = False
        ends_at = perf_counter() + TURN_S
        try:
            for _ in range(min(AT_ONCE, len(self._waiting))):
                self._waiting.popleft()()
                if perf_counter() > ends_at:
                    break
        finally:  # whoever fails holds up no other
            self._plan()
