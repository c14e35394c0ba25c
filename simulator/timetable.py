"""A world that goes on: passengers at a steady pace, minute after minute, by the clock of now."""

import heapq
from collections import Counter
from collections.abc import Iterator
from itertools import count
from typing import Final

from fare_engine.tariff import MINUTE_MS, SECOND_MS
from simulator.world.metro import Metro
from simulator.world.mixes import STATION
from simulator.world.sizes import count_taps_each, make_crowd
from simulator.world.times import Between, service_day_number
from simulator.world.world import WorldTap

SLICE_MS: Final = MINUTE_MS
"""Passengers are made for so long at a time."""
PAST_MS: Final = 5 * MINUTE_MS
PAST_PASSENGERS_MAX: Final = 3_000
PAUSE_MAX_S: Final = 0.5
BEHIND_MAX_MS: Final = 30 * SECOND_MS
"""Longer behind, the machine was asleep: passengers who would have come meanwhile are left out."""
SEEDS: Final = 1 << 64
"""Slices of one seed, before those of the next begin."""


class Timetable:
    """Taps that are still to come, so many a second on average, given out when they are due.

    Some passengers came before the start, or the first crossings would end minutes after it.
    """

    def __init__(self, metro: Metro, seed: int, taps_per_second: float, now_ms: int) -> None:
        self._metro = metro
        self._seeds = count(seed * SEEDS)
        self._per_ms = taps_per_second / count_taps_each(metro, STATION) / 1_000
        self._owed = 0.0
        self._passengers = 0
        self._sequences: Counter[int] = Counter()
        self._coming: list[tuple[int, int, WorldTap]] = []
        self._places = count()
        past_ms = int(min(PAST_MS, PAST_PASSENGERS_MAX / self._per_ms))
        self._next_ms = now_ms
        self.came_before = self._let_come(now_ms - past_ms, now_ms, inside_at_ms=now_ms)

    def advance(self, now_ms: int) -> None:
        """Let those come who are due by now."""
        if now_ms - self._next_ms > BEHIND_MAX_MS:
            self._next_ms = now_ms
        while self._next_ms <= now_ms:
            self._let_come(self._next_ms, self._next_ms + SLICE_MS)
            self._next_ms += SLICE_MS

    def find_pause_s(self, now_ms: int) -> float:
        """How long nothing is to be done."""
        due_ms = min([self._next_ms, *(due_ms for due_ms, *_ in self._coming[:1])])
        return min(max(due_ms - now_ms, 0) / 1_000, PAUSE_MAX_S)

    def take_until(self, at_ms: int) -> Iterator[WorldTap]:
        """The taps that are due at an instant, earliest first; each gate counts its own."""
        while self._coming and self._coming[0][0] <= at_ms:
            tap = heapq.heappop(self._coming)[2]
            self._sequences[tap.gate] += 1
            yield tap._replace(sequence=self._sequences[tap.gate])

    def _let_come(self, from_ms: int, to_ms: int, inside_at_ms: int = 0) -> int:
        """The passengers of a stretch; not those who are out by an instant, or in after closing."""
        self._owed += self._per_ms * (to_ms - from_ms)
        passengers = int(self._owed)
        self._owed -= passengers
        hours = Between(from_ms, to_ms)
        world = make_crowd(self._metro, next(self._seeds), passengers, mix=STATION, hours=hours)
        taps: dict[int, list[WorldTap]] = {}
        for tap in world.taps():
            taps.setdefault(tap.passenger, []).append(tap)
        came = 0
        for hers in taps.values():
            days = {service_day_number(tap.due_ms) for tap in hers}
            if hers[-1].due_ms > inside_at_ms and len(days) == 1:
                came += 1
                for tap in hers:
                    moved = tap._replace(passenger=self._passengers + tap.passenger)
                    heapq.heappush(self._coming, (tap.due_ms, next(self._places), moved))
        self._passengers += passengers
        return came
