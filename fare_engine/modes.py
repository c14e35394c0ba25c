"""Degraded modes: what a station lets go while something is broken, and when gates stood open."""

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntFlag
from math import inf
from typing import Final


class Mode(IntFlag):
    """What a station lets go. The numbers stand in ledgers: they are added to, never changed."""

    SEQUENCE_FREE = 1
    ENTRY_FREE = 2
    EXIT_FREE = 4
    TIME_FREE = 8
    FARE_FREE = 16
    EMERGENCY = 32

    @property
    def codes(self) -> list[str]:
        """The names in answers and reports of all that are set, in their order."""
        return [mode.name.lower() for mode in Mode if mode in self and mode.name]


GATES_STAND_OPEN: Final = Mode.ENTRY_FREE | Mode.EXIT_FREE | Mode.EMERGENCY
"""Modes in which people pass without a tap."""

MODES_BY_CODE: Final = {mode.codes[0]: mode for mode in Mode}


@dataclass(frozen=True, slots=True)
class DegradedMode:
    """A stretch of time in which a station lets something go; open until it is ended.

    `mode` is a single one; a station in two modes has two stretches. `number` is its place in the
    ledger.
    """

    station_id: str
    mode: Mode
    effective_from_ms: int
    reason: str
    effective_to_ms: int | None = None
    number: int = 0

    def covers(self, at_ms: int) -> bool:
        """Whether the mode was in force at this instant."""
        return self.effective_from_ms <= at_ms and (
            self.effective_to_ms is None or at_ms < self.effective_to_ms
        )


class StoodOpen:
    """When the gates of any station stood open: stretches that do not touch, in order."""

    __slots__ = ("_ends_ms", "_starts_ms")

    def __init__(self, modes: Iterable[DegradedMode] = ()) -> None:
        self._starts_ms: list[int] = []
        self._ends_ms: list[float] = []
        for mode in sorted(modes, key=lambda mode: mode.effective_from_ms):
            start_ms = mode.effective_from_ms
            end_ms = inf if mode.effective_to_ms is None else mode.effective_to_ms
            if not mode.mode & GATES_STAND_OPEN or end_ms <= start_ms:
                continue
            if self._ends_ms and start_ms <= self._ends_ms[-1]:
                self._ends_ms[-1] = max(self._ends_ms[-1], end_ms)
            else:
                self._starts_ms.append(start_ms)
                self._ends_ms.append(end_ms)

    def during(self, first_ms: int, last_ms: int) -> bool:
        """Whether gates stood open at some instant from the first to the last, both included."""
        begun = bisect_right(self._starts_ms, last_ms)
        return begun > 0 and first_ms < self._ends_ms[begun - 1]


NEVER_OPEN: Final = StoodOpen()
