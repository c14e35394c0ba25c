"""What passengers at 孵化园 are up to: the taps of each, and the reason each must be answered with.

An intention is told in steps from the first tap on. It knows the fare rules only so far as a
passenger does: how long the window is, and what she will be told at the gate.
"""

import random
from collections.abc import Callable
from typing import Final, NamedTuple

from simulator.metro import BESIDE, LANE

SECOND_MS: Final = 1_000
MINUTE_MS: Final = 60 * SECOND_MS
ELSEWHERE: Final = "elsewhere"
"""A station other than the pilot, chosen for the passenger."""
FARTHER: Final = "farther"
"""Yet another one."""

CARD: Final = "tianfutong"
CODE: Final = "qr"


class Step(NamedTuple):
    """One tap of a passenger and the reason it must be answered with.

    `after_ms` counts from her first tap. `medium` None: the one she has always. `again`: the gate
    timed out and sends the same tap once more. `alone`: it decided by itself and uploads what it
    did. `turned_back`: nobody went through, and the gate reports so.
    """

    after_ms: int
    direction: str
    place: str
    expected: str
    medium: str | None = None
    again: bool = False
    alone: bool = False
    turned_back: bool = False


Chance = random.Random
Intention = Callable[[Chance, int], list[Step]]
WAIVED: Final = "same_station_within_window"


def _stay(chance: Chance, window_ms: int) -> int:
    """Time enough to walk through: 45 s to 9 minutes of a window of 15."""
    return chance.randrange(window_ms // 20, window_ms * 6 // 10)


def _ride(chance: Chance) -> int:
    return chance.randrange(4 * MINUTE_MS, 45 * MINUTE_MS)


def _enter(place: str = LANE, after_ms: int = 0, reason: str = "entry_opened") -> Step:
    return Step(after_ms, "entry", place, reason)


def _leave(after_ms: int, reason: str = WAIVED, place: str = LANE) -> Step:
    return Step(after_ms, "exit", place, reason)


def _cross(chance: Chance, window_ms: int) -> list[Step]:
    return [_enter(), _leave(_stay(chance, window_ms))]


def _cross_just_in_time(_: Chance, window_ms: int) -> list[Step]:
    return [_enter(), _leave(window_ms)]


def _cross_just_too_late(_: Chance, window_ms: int) -> list[Step]:
    return [_enter(), _leave(window_ms + 1, "window_exceeded")]


def _hesitate(chance: Chance, window_ms: int) -> list[Step]:
    late_ms = chance.randrange(SECOND_MS, 20 * MINUTE_MS)
    return [_enter(), _leave(window_ms + late_ms, "window_exceeded")]


def _enter_beside(chance: Chance, window_ms: int) -> list[Step]:
    return [_enter(BESIDE), _leave(_stay(chance, window_ms), "gate_not_designated")]


def _leave_beside(chance: Chance, window_ms: int) -> list[Step]:
    return [_enter(), _leave(_stay(chance, window_ms), "gate_not_designated", BESIDE)]


def _cross_elsewhere(chance: Chance, window_ms: int) -> list[Step]:
    stay = _stay(chance, window_ms)
    return [_enter(ELSEWHERE), _leave(stay, "station_not_in_pilot", ELSEWHERE)]


def _commute(chance: Chance, _: int) -> list[Step]:
    start, end = chance.choice(
        [(BESIDE, ELSEWHERE), (ELSEWHERE, BESIDE), (LANE, ELSEWHERE), (ELSEWHERE, FARTHER)]
    )
    return [_enter(start), _leave(_ride(chance), "different_station", end)]


def _tap_twice(chance: Chance, window_ms: int) -> list[Step]:
    leave_ms = 20 * SECOND_MS + _stay(chance, window_ms)
    return [
        _enter(),
        _enter(after_ms=20 * SECOND_MS, reason="entry_repeated"),
        _leave(leave_ms),
        _leave(leave_ms + 15 * SECOND_MS, "exit_repeated"),
    ]


def _lose_the_entry(_: Chance, _window_ms: int) -> list[Step]:
    return [_leave(0, "no_open_entry", BESIDE)]


def _lose_the_exit(chance: Chance, window_ms: int) -> list[Step]:
    back_ms = _ride(chance)
    return [
        _enter(ELSEWHERE),
        _enter(after_ms=back_ms, reason="entry_superseded"),
        _leave(back_ms + _stay(chance, window_ms)),
    ]


def _mix_card_and_code(chance: Chance, window_ms: int) -> list[Step]:
    stay = _stay(chance, window_ms)
    return [
        _enter()._replace(medium=CARD),
        _leave(stay, "no_open_entry")._replace(medium=CODE),
    ]


def _meet_a_slow_line(chance: Chance, window_ms: int) -> list[Step]:
    return [step._replace(again=True) for step in _cross(chance, window_ms)]


def _meet_a_gate_alone(chance: Chance, window_ms: int) -> list[Step]:
    return [step._replace(alone=True) for step in _cross(chance, window_ms)]


def _turn_back(chance: Chance, window_ms: int) -> list[Step]:
    back_ms = 4 * MINUTE_MS  # longer than the grace of a re-tap: it is no entry_repeated
    return [
        _enter()._replace(turned_back=True),
        _enter(after_ms=back_ms),
        _leave(back_ms + _stay(chance, window_ms)),
    ]


INTENTIONS: Final[dict[str, tuple[int, Intention]]] = {
    "crosses": (45, _cross),
    "crosses with the last millisecond": (1, _cross_just_in_time),
    "crosses a millisecond too late": (1, _cross_just_too_late),
    "hesitates": (5, _hesitate),
    "enters beside the lane": (3, _enter_beside),
    "leaves beside the lane": (3, _leave_beside),
    "crosses at a station without a pilot": (2, _cross_elsewhere),
    "commutes": (24, _commute),
    "taps twice": (4, _tap_twice),
    "loses the entry": (2, _lose_the_entry),
    "loses the exit": (2, _lose_the_exit),
    "enters by card and leaves by code": (2, _mix_card_and_code),
    "meets a gate that times out": (3, _meet_a_slow_line),
    "meets a gate that decides alone": (2, _meet_a_gate_alone),
    "turns back": (1, _turn_back),
}
"""What passengers are up to, and how many of a hundred."""
