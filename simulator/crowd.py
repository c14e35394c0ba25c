"""The crowd of a morning: passengers with intentions, and their taps in the order of the clock.

The same seed makes the same taps. A passenger's taps depend on nobody else's, so those of two
passengers may be sent beside each other as long as each one's own keep their order.
"""

import heapq
import random
from collections import Counter
from collections.abc import Iterator
from itertools import count
from typing import Any, Final, NamedTuple

from api.times import format_ms
from simulator.metro import Metro
from simulator.passengers import CARD, CODE, ELSEWHERE, FARTHER, INTENTIONS, MINUTE_MS, Step

ZONE: Final = "Asia/Shanghai"
CUT_MS: Final = 4 * 60 * MINUTE_MS
"""A service date begins at 04:00."""
DAY_MS: Final = 24 * 60 * MINUTE_MS
CARD_SHARE: Final = 0.6


class SimulatedTap(NamedTuple):
    """A tap as its gate sends it, and the step that it is."""

    passenger: int
    at_ms: int
    step: Step
    body: dict[str, Any]


class Passenger(NamedTuple):
    """One passenger. `number` is in her card and her account; `stations` are two beside the pilot.

    `medium` is what she taps with.
    """

    number: int
    intention: str
    begin_ms: int
    steps: list[Step]
    medium: str
    stations: dict[str, str]

    @property
    def end_ms(self) -> int:
        """Her last tap."""
        return self.begin_ms + self.steps[-1].after_ms

    @property
    def is_out_after_the_cut(self) -> bool:
        """Whether her service date ends while she is inside, as at no station that closes."""
        return service_date(self.begin_ms) != service_date(self.end_ms)


class Crowd:
    """Passengers one after the other: each intention once, then as often as it is had.

    `first_number` is the first passenger's: crowds that tap at one engine take others.
    """

    def __init__(self, metro: Metro, seed: int, first_number: int) -> None:
        self._metro = metro
        self._chance = random.Random(seed)
        self._numbers = count(first_number)
        self._intentions = self._choose_intentions()

    def make_morning(self, passengers: int, from_ms: int, to_ms: int) -> Iterator[Passenger]:
        """So many passengers, all of whose taps fall between two instants; most come midway."""
        for _ in range(passengers):
            passenger = self.make_one(from_ms)
            last_ms = to_ms - (passenger.end_ms - passenger.begin_ms)
            yield passenger._replace(begin_ms=int(self._chance.triangular(from_ms, last_ms)))

    def make_one(self, begin_ms: int) -> Passenger:
        """The next passenger, who comes at an instant."""
        name = next(self._intentions)
        steps = INTENTIONS[name][1](self._chance, self._metro.window_ms)
        medium = CARD if self._chance.random() < CARD_SHARE else CODE
        elsewhere, farther = self._chance.sample(self._metro.others, 2)
        stations = {ELSEWHERE: elsewhere, FARTHER: farther}
        return Passenger(next(self._numbers), name, begin_ms, steps, medium, stations)

    def choose_gap_ms(self, per_second: float) -> float:
        """The time until the next passenger comes, when so many come at random."""
        return self._chance.expovariate(per_second) * 1_000

    def _choose_intentions(self) -> Iterator[str]:
        names = list(INTENTIONS)
        weights = [weight for weight, _ in INTENTIONS.values()]
        yield from names
        while True:
            yield from self._chance.choices(names, weights)


class Timetable:
    """Taps that are still to come, given out in the order of the clock.

    Each gate numbers its taps from `first_sequence` on as it gives them out.
    """

    def __init__(self, metro: Metro, seed: int, first_sequence: int) -> None:
        self._metro = metro
        self._chance = random.Random(seed)
        self._first_sequence = first_sequence
        self._sequences: Counter[str] = Counter()
        self._coming: list[tuple[int, int, int, Passenger]] = []

    def add(self, passenger: Passenger) -> None:
        """All taps of a passenger."""
        for place, step in enumerate(passenger.steps):
            at_ms = passenger.begin_ms + step.after_ms
            heapq.heappush(self._coming, (at_ms, passenger.number, place, passenger))

    def next_at_ms(self) -> int | None:
        """When the next tap is due."""
        return self._coming[0][0] if self._coming else None

    def take_until(self, at_ms: int) -> Iterator[SimulatedTap]:
        """The taps that are due at an instant, earliest first."""
        while self._coming and self._coming[0][0] <= at_ms:
            due_ms, _, place, passenger = heapq.heappop(self._coming)
            yield self._make_tap(due_ms, passenger, passenger.steps[place])

    def _make_tap(self, at_ms: int, passenger: Passenger, step: Step) -> SimulatedTap:
        place = passenger.stations.get(step.place, step.place)
        gate_id = self._chance.choice(self._metro.gates[place, step.direction])
        sequence = self._first_sequence + self._sequences[gate_id]
        self._sequences[gate_id] += 1
        medium, number = step.medium or passenger.medium, passenger.number
        body: dict[str, Any] = {
            "tap_id": f"{gate_id}.{service_date(at_ms)}.{sequence:08}",
            "gate_id": gate_id,
            "direction": step.direction,
            "medium": {"type": medium, "id": f"31{number:014}" if medium == CARD else f"u{number}"},
            "occurred_at": format_ms(at_ms, ZONE),
        }
        if step.alone:
            body["offline"] = {"gate_action_taken": "open", "fare_taken": 0}
        return SimulatedTap(number, at_ms, step, body)


def count_taps_each() -> float:
    """How many taps a passenger makes on average."""
    chance = random.Random(0)
    taps = [
        (weight, len(intention(chance, 15 * MINUTE_MS)))
        for weight, intention in INTENTIONS.values()
    ]
    return sum(weight * steps for weight, steps in taps) / sum(weight for weight, _ in taps)


def service_date(at_ms: int) -> str:
    """The service date of an instant, as gates write it in a tap_id."""
    return format_ms(at_ms - CUT_MS, ZONE)[:10].replace("-", "")
