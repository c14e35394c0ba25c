"""Passengers of a morning at 孵化园, each with an intention and what it must come to.

The same seed makes the same taps. A passenger's taps depend on nobody else's, so they may be sent
beside those of others, in their own order.
"""

import random
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from api.times import format_ms

SECOND_MS = 1_000
MINUTE_MS = 60 * SECOND_MS
WINDOW_MS = 15 * MINUTE_MS
ZONE = "Asia/Shanghai"
CUT_MS = 4 * 60 * MINUTE_MS
"""A service date begins at 04:00."""


class Step(NamedTuple):
    """One tap of a passenger and the reason it must be answered with.

    `after_ms` counts from her first tap. `again`: the gate timed out and sends the same tap once
    more. `turned_back`: nobody went through, and the gate reports so.
    """

    after_ms: int
    direction: str
    place: str
    expected: str
    medium: str = "tianfutong"
    again: bool = False
    alone: bool = False
    turned_back: bool = False


class Passage(NamedTuple):
    """A tap as it is sent, with what it must come to."""

    body: dict[str, Any]
    step: Step


class Passenger(NamedTuple):
    """One passenger: what she is up to, and her taps in order."""

    intention: str
    passages: list[Passage]


class Gates(NamedTuple):
    """Gates by place and direction: the crossing lane, other gates there, another station."""

    by_place: dict[tuple[str, str], list[str]]

    @classmethod
    def of_setup(cls, setup: dict[str, Any]) -> "Gates":
        """The gates that `fare-engine init --json` tells."""
        places: dict[tuple[str, str], list[str]] = {}
        for name, station in (("pilot", setup["pilot"]), ("other", setup["other_station"])):
            for gate in station["gates"]:
                place = name
                if name == "pilot":
                    place = "lane" if gate["designated"] else "beside"
                for direction in gate["directions"]:
                    places.setdefault((place, direction), []).append(gate["gate_id"])
        return cls(places)


Chance = random.Random
Intention = Callable[[Chance], list[Step]]
WAIVED = "same_station_within_window"


def _cross(chance: Chance) -> list[Step]:
    stay = chance.randrange(40 * SECOND_MS, 9 * MINUTE_MS)
    return [Step(0, "entry", "lane", "entry_opened"), Step(stay, "exit", "lane", WAIVED)]


def _cross_to_the_millisecond(_: Chance) -> list[Step]:
    return [Step(0, "entry", "lane", "entry_opened"), Step(WINDOW_MS, "exit", "lane", WAIVED)]


def _linger(chance: Chance) -> list[Step]:
    stay = WINDOW_MS + chance.choice((1, chance.randrange(SECOND_MS, 20 * MINUTE_MS)))
    return [
        Step(0, "entry", "lane", "entry_opened"),
        Step(stay, "exit", "lane", "window_exceeded"),
    ]


def _take_another_gate(chance: Chance) -> list[Step]:
    stay = chance.randrange(MINUTE_MS, 9 * MINUTE_MS)
    return [
        Step(0, "entry", "beside", "entry_opened"),
        Step(stay, "exit", "lane", "gate_not_designated"),
    ]


def _commute(chance: Chance) -> list[Step]:
    places = ["beside", "other"]
    chance.shuffle(places)
    ride = chance.randrange(14 * MINUTE_MS, 45 * MINUTE_MS)
    return [
        Step(0, "entry", places[0], "entry_opened"),
        Step(ride, "exit", places[1], "different_station"),
    ]


def _tap_twice(chance: Chance) -> list[Step]:
    stay = chance.randrange(2 * MINUTE_MS, 9 * MINUTE_MS)
    return [
        Step(0, "entry", "lane", "entry_opened"),
        Step(20 * SECOND_MS, "entry", "lane", "entry_repeated"),
        Step(stay, "exit", "lane", WAIVED),
        Step(stay + 15 * SECOND_MS, "exit", "lane", "exit_repeated"),
    ]


def _lose_the_entry(_: Chance) -> list[Step]:
    return [Step(0, "exit", "beside", "no_open_entry")]


def _mix_card_and_code(chance: Chance) -> list[Step]:
    stay = chance.randrange(MINUTE_MS, 9 * MINUTE_MS)
    return [
        Step(0, "entry", "lane", "entry_opened"),
        Step(stay, "exit", "lane", "no_open_entry", medium="qr"),
    ]


def _meet_a_slow_line(chance: Chance) -> list[Step]:
    entry, leave = _cross(chance)
    return [entry._replace(again=True), leave._replace(again=True)]


def _meet_a_lonely_gate(chance: Chance) -> list[Step]:
    entry, leave = _cross(chance)
    return [entry, leave._replace(alone=True)]


def _turn_back(chance: Chance) -> list[Step]:
    stay = chance.randrange(6 * MINUTE_MS, 12 * MINUTE_MS)
    return [
        Step(0, "entry", "lane", "entry_opened", turned_back=True),
        Step(4 * MINUTE_MS, "entry", "lane", "entry_opened"),
        Step(stay, "exit", "lane", WAIVED),
    ]


INTENTIONS: dict[str, tuple[int, Intention]] = {
    "crosses": (50, _cross),
    "crosses in 15:00.000": (1, _cross_to_the_millisecond),
    "lingers": (6, _linger),
    "takes another gate": (5, _take_another_gate),
    "commutes": (24, _commute),
    "taps twice": (4, _tap_twice),
    "loses the entry": (2, _lose_the_entry),
    "mixes card and code": (2, _mix_card_and_code),
    "meets a slow line": (3, _meet_a_slow_line),
    "meets a gate that decides alone": (2, _meet_a_lonely_gate),
    "turns back": (1, _turn_back),
}
"""What passengers are up to, and how many of a hundred."""


class Crowd:
    """Passengers one after the other, the same for the same seed."""

    def __init__(self, gates: Gates, seed: int) -> None:
        self._gates = gates.by_place
        self._chance = random.Random(seed)
        self._sequences: Counter[str] = Counter()
        self._passengers = 0

    def list_of_day(self, count: int, from_ms: int, to_ms: int) -> Iterator[Passenger]:
        """So many passengers whose first taps fall between two instants."""
        for _ in range(count):
            yield self._make(lambda _length_ms: self._chance.randrange(from_ms, to_ms))

    def make_until(self, now_ms: int) -> Passenger:
        """A passenger whose last tap is now."""
        return self._make(lambda length_ms: now_ms - length_ms)

    def _make(self, begin: Callable[[int], int]) -> Passenger:
        weights = [weight for weight, _ in INTENTIONS.values()]
        (name,) = self._chance.choices(list(INTENTIONS), weights)
        steps = INTENTIONS[name][1](self._chance)
        begin_ms = begin(steps[-1].after_ms)
        self._passengers += 1
        number = self._chance.randrange(10**8) * 10**6 + self._passengers
        return Passenger(name, [self._pass(step, begin_ms, number) for step in steps])

    def _pass(self, step: Step, begin_ms: int, number: int) -> Passage:
        at_ms = begin_ms + step.after_ms
        gate_id = self._chance.choice(self._gates[step.place, step.direction])
        self._sequences[gate_id] += 1
        at = format_ms(at_ms, ZONE)
        service_date = format_ms(at_ms - CUT_MS, ZONE)[:10].replace("-", "")
        medium_id = f"31{number:014}" if step.medium == "tianfutong" else f"account-{number}"
        body: dict[str, Any] = {
            "tap_id": f"{gate_id}.{service_date}.{self._sequences[gate_id]:06}",
            "gate_id": gate_id,
            "direction": step.direction,
            "medium": {"type": step.medium, "id": medium_id},
            "occurred_at": at,
        }
        if step.alone:
            body["offline"] = {"gate_action_taken": "open", "fare_taken": 0}
        return Passage(body, step)
