"""What passengers are up to: the taps of each intention, and what the rule must make of them.

An intention knows the fare rules only so far as a passenger does: how long the window is, how
often a day it is free, and what the gate will show her. The graces and the longest stay are
those of the first tariff.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

import numpy as np

from fare_engine.decision import Reason
from fare_engine.tariff import MINUTE_MS, SECOND_MS
from simulator.world.chance import Ints
from simulator.world.metro import Metro, Place
from simulator.world.plan import (
    AGAIN,
    ALONE,
    BLOCKED,
    CARD_VARIANT,
    CODE_VARIANT,
    COMPANIONS_MAX,
    SHOWN,
    TURNED_BACK,
    Plan,
)
from simulator.world.times import EVENING, MORNING, NIGHT, WEEKDAY, Curve, next_cut_ms

STAFF_CROSSINGS: Final = 6
"""Of one who works at the station, in a day."""
MAX_STAY_MS: Final = 240 * MINUTE_MS

_OTHER: Final = Reason.DIFFERENT_STATION
_NO_ENTRY: Final = Reason.NO_OPEN_ENTRY
_RE_TAP_MS: Final = 20 * SECOND_MS
_AFTER_GRACE_MS: Final = 4 * MINUTE_MS


def _commute(plan: Plan) -> None:
    home, work = plan.choose_pairs()
    back_ms = plan.draw_ms(EVENING)
    plan.enter(home, plan.begin_ms, place=Place.ANY)
    plan.leave(work, plan.begin_ms + plan.ride_ms(home, work), _OTHER, place=Place.ANY)
    plan.enter(work, back_ms, place=Place.ANY)
    plan.leave(home, back_ms + plan.ride_ms(work, home), _OTHER, place=Place.ANY)


def _ride(plan: Plan) -> None:
    start, end = plan.choose_pairs()
    plan.enter(start, plan.begin_ms, place=Place.ANY)
    plan.leave(end, plan.begin_ms + plan.ride_ms(start, end), _OTHER, place=Place.ANY)


def _cross(plan: Plan) -> None:
    _cross_with(plan)


def _cross_with(plan: Plan, flags: int = 0) -> None:
    at = plan.choose(plan.metro.lanes)
    plan.enter(at, plan.begin_ms, flags=flags)
    plan.leave(at, plan.begin_ms + plan.stay_ms(at), flags=flags)


def _cross_just_in_time(plan: Plan) -> None:
    at = plan.choose(plan.metro.lanes)
    plan.enter(at, plan.begin_ms)
    plan.leave(at, plan.begin_ms + plan.metro.window_ms[at])


def _cross_just_too_late(plan: Plan) -> None:
    at = plan.choose(plan.metro.lanes)
    plan.enter(at, plan.begin_ms)
    plan.leave(at, plan.begin_ms + plan.metro.window_ms[at] + 1, Reason.WINDOW_EXCEEDED)


def _linger(plan: Plan) -> None:
    at = plan.choose(plan.metro.lanes)
    stay_ms = plan.metro.window_ms[at] + plan.moment_ms(1, 20 * 60)
    plan.enter(at, plan.begin_ms)
    plan.leave(at, plan.begin_ms + stay_ms, Reason.WINDOW_EXCEEDED)


def _enter_beside(plan: Plan) -> None:
    at = plan.choose(plan.metro.lanes)
    plan.enter(at, plan.begin_ms, place=Place.BESIDE)
    plan.leave(at, plan.begin_ms + plan.stay_ms(at), Reason.GATE_NOT_DESIGNATED)


def _leave_beside(plan: Plan) -> None:
    at = plan.choose(plan.metro.lanes)
    plan.enter(at, plan.begin_ms)
    out_ms = plan.begin_ms + plan.stay_ms(at)
    plan.leave(at, out_ms, Reason.GATE_NOT_DESIGNATED, place=Place.BESIDE)


def _cross_elsewhere(plan: Plan) -> None:
    at = plan.choose(plan.metro.plain)
    out_ms = plan.begin_ms + plan.stay_ms(at)
    plan.enter(at, plan.begin_ms, place=Place.ANY)
    plan.leave(at, out_ms, Reason.STATION_NOT_IN_PILOT, place=Place.ANY)


def _cross_by_code_where_cards_are_free(plan: Plan) -> None:
    at = plan.choose(plan.metro.card_lanes)
    plan.enter(at, plan.begin_ms, medium=CODE_VARIANT)
    out_ms = plan.begin_ms + plan.stay_ms(at)
    plan.leave(at, out_ms, Reason.MEDIUM_NOT_ELIGIBLE, medium=CODE_VARIANT)


def _tap_twice(plan: Plan) -> None:
    at = plan.choose(plan.metro.lanes)
    in_ms = plan.begin_ms + _RE_TAP_MS
    out_ms = in_ms + plan.stay_ms(at)
    plan.enter(at, plan.begin_ms)
    plan.enter(at, in_ms, Reason.ENTRY_REPEATED)
    plan.leave(at, out_ms)
    plan.leave(at, out_ms + plan.moment_ms(5, 60), Reason.EXIT_REPEATED)


def _lose_the_entry(plan: Plan) -> None:
    plan.leave(plan.choose(plan.metro.lanes), plan.begin_ms, _NO_ENTRY, place=Place.BESIDE)


def _lose_the_exit(plan: Plan) -> None:
    start, at = plan.choose(plan.metro.plain), plan.choose(plan.metro.lanes)
    back_ms = plan.begin_ms + plan.ride_ms(start, at)
    plan.enter(start, plan.begin_ms, place=Place.ANY)
    plan.enter(at, back_ms, Reason.ENTRY_SUPERSEDED)
    plan.leave(at, back_ms + plan.stay_ms(at))


def _never_come_out(plan: Plan) -> None:
    plan.enter(plan.choose(plan.metro.plain), plan.begin_ms, place=Place.ANY)


def _mix_card_and_code(plan: Plan) -> None:
    at = plan.choose(plan.metro.lanes)
    plan.enter(at, plan.begin_ms, medium=CARD_VARIANT)
    plan.leave(at, plan.begin_ms + plan.stay_ms(at), _NO_ENTRY, medium=CODE_VARIANT)


def _cross_as_a_family(plan: Plan) -> None:
    at = plan.choose(plan.metro.lanes)
    out_ms = plan.begin_ms + plan.stay_ms(at)
    companions = plan.between(1, COMPANIONS_MAX + 1)
    for member in range(COMPANIONS_MAX + 1):
        who = np.flatnonzero(companions >= member)
        apart_ms = member * 3 * SECOND_MS
        medium = CODE_VARIANT + member
        plan.enter(at, plan.begin_ms + apart_ms, medium=medium, who=who)
        plan.leave(at, out_ms + apart_ms, medium=medium, who=who)


def _swap_media_inside(plan: Plan) -> None:
    """Two come in at two stations and leave where the other one came from: the rule is blind."""
    at = plan.choose(plan.metro.lanes)
    other = plan.metro.nearest_plain(at)
    met_ms = plan.begin_ms + plan.stay_ms(at)
    plan.enter(at, plan.begin_ms, medium=CARD_VARIANT)
    plan.enter(other, plan.begin_ms + SECOND_MS, medium=CODE_VARIANT, place=Place.ANY)
    plan.leave(at, met_ms, medium=CARD_VARIANT)
    not_free = Reason.STATION_NOT_IN_PILOT
    plan.leave(other, met_ms + SECOND_MS, not_free, medium=CODE_VARIANT, place=Place.ANY)


def _share_a_screenshot(plan: Plan) -> None:
    """One code for two: the second one is let in as a re-tap, and not let out again."""
    at = plan.choose(plan.metro.lanes)
    second_ms = plan.begin_ms + plan.moment_ms(5, 25)
    out_ms = second_ms + plan.stay_ms(at)
    plan.enter(at, plan.begin_ms, medium=CODE_VARIANT, flags=SHOWN)
    plan.enter(at, second_ms, Reason.ENTRY_REPEATED, medium=CODE_VARIANT, flags=SHOWN)
    plan.leave(at, out_ms, medium=CODE_VARIANT)
    plan.leave(at, out_ms + plan.moment_ms(61, 300), _NO_ENTRY, medium=CODE_VARIANT)


def _work_at_the_station(plan: Plan) -> None:
    metro = plan.metro
    at = plan.choose(metro.limited if len(metro.limited) else metro.lanes)
    limit: Ints = metro.daily_limit[at]
    in_ms = plan.begin_ms
    for crossing in range(STAFF_CROSSINGS):
        out_ms = in_ms + plan.stay_ms(at)
        waived, limited = Reason.SAME_STATION_WITHIN_WINDOW, Reason.DAILY_LIMIT_REACHED
        plan.enter(at, in_ms)
        plan.leave(at, out_ms, np.where(limit > crossing, int(waived), int(limited)).astype("u1"))
        in_ms = out_ms + plan.moment_ms(10 * 60, 50 * 60)


def _turn_back_at_the_entry(plan: Plan) -> None:
    at = plan.choose(plan.metro.lanes)
    in_ms = plan.begin_ms + _AFTER_GRACE_MS  # or it would be a re-tap, even after a report
    plan.enter(at, plan.begin_ms, flags=TURNED_BACK)
    plan.enter(at, in_ms)
    plan.leave(at, in_ms + plan.stay_ms(at))


def _turn_back_at_the_exit(plan: Plan) -> None:
    at = plan.choose(plan.metro.lanes)
    out_ms = plan.begin_ms + plan.stay_ms(at)
    plan.enter(at, plan.begin_ms)
    plan.leave(at, out_ms, flags=TURNED_BACK)
    plan.leave(at, out_ms + plan.metro.window_ms[at] // 10)


def _meet_a_slow_line(plan: Plan) -> None:
    _cross_with(plan, AGAIN)


def _meet_a_gate_alone(plan: Plan) -> None:
    _cross_with(plan, ALONE)


def _try_a_blocked_medium(plan: Plan) -> None:
    at = plan.choose(plan.metro.lanes)
    for tried_ms in (plan.begin_ms, plan.begin_ms + _RE_TAP_MS):
        plan.enter(at, tried_ms, Reason.MEDIUM_BLOCKED, flags=BLOCKED)


def _stay_too_long(plan: Plan) -> None:
    start, end = plan.choose_pairs()
    stay_ms = MAX_STAY_MS + plan.moment_ms(60, 60 * 60)
    plan.enter(start, plan.begin_ms, place=Place.ANY)
    plan.leave(end, plan.begin_ms + stay_ms, Reason.OVERSTAY, place=Place.ANY)


def _fall_asleep_inside(plan: Plan) -> None:
    start, end = plan.choose_pairs()
    out_ms = next_cut_ms(plan.begin_ms) + plan.moment_ms(60, 60 * 60)
    plan.enter(start, plan.begin_ms, place=Place.ANY)
    plan.leave(end, out_ms, Reason.ENTRY_EXPIRED, place=Place.ANY)


def _meet_a_clock_far_behind(plan: Plan) -> None:
    at = plan.choose(plan.metro.far_behind)
    plan.enter(at, plan.begin_ms, place=Place.ANY)
    late = Reason.ARRIVED_OUT_OF_ORDER
    plan.leave(at, plan.begin_ms + plan.moment_ms(60, 420), late, place=Place.FAR_BEHIND)


def _always(_metro: Metro) -> bool:
    return True


class Intention(NamedTuple):
    """What some passengers are up to, when they come, and whether a metro has what they need."""

    name: str
    plan: Callable[[Plan], None]
    curve: Curve = WEEKDAY
    is_possible: Callable[[Metro], bool] = _always


INTENTIONS: Final = (
    Intention("commutes", _commute, MORNING),
    Intention("rides", _ride),
    Intention("crosses", _cross),
    Intention("crosses with the last millisecond", _cross_just_in_time),
    Intention("crosses a millisecond too late", _cross_just_too_late),
    Intention("lingers", _linger),
    Intention("enters beside the lane", _enter_beside),
    Intention("leaves beside the lane", _leave_beside),
    Intention("crosses at a station without a pilot", _cross_elsewhere),
    Intention(
        "crosses by code where cards are free",
        _cross_by_code_where_cards_are_free,
        is_possible=lambda metro: bool(len(metro.card_lanes)),
    ),
    Intention("taps twice", _tap_twice),
    Intention("loses the entry", _lose_the_entry),
    Intention("loses the exit", _lose_the_exit),
    Intention("never comes out", _never_come_out),
    Intention("enters by card and leaves by code", _mix_card_and_code),
    Intention("crosses as a family", _cross_as_a_family),
    Intention("swaps media inside", _swap_media_inside),
    Intention("shares a screenshot", _share_a_screenshot),
    Intention("works at the station", _work_at_the_station, MORNING),
    Intention("turns back at the entry", _turn_back_at_the_entry),
    Intention("turns back at the exit", _turn_back_at_the_exit),
    Intention("meets a gate that times out", _meet_a_slow_line),
    Intention("meets a gate that decides alone", _meet_a_gate_alone),
    Intention("tries a blocked medium", _try_a_blocked_medium),
    Intention("stays too long", _stay_too_long, MORNING),
    Intention("falls asleep inside", _fall_asleep_inside, NIGHT),
    Intention(
        "meets a clock that is far behind",
        _meet_a_clock_far_behind,
        is_possible=lambda metro: bool(len(metro.far_behind)),
    ),
)
"""All of them. Their order is part of what a seed means: a new one is added at the end."""
