"""Passengers of a run: they come by the clock, some before it began."""

import pytest

from simulator.demo import FROM_MS, MIX, make_morning
from simulator.timetable import PAST_MS, SLICE_MS, Timetable
from simulator.world.chengdu import make_metro
from simulator.world.metro import Metro
from simulator.world.times import service_day_number

METRO = make_metro()
MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS


def _timetable(metro: Metro = METRO, rate: float = 20, at_ms: int = FROM_MS) -> Timetable:
    return Timetable(metro, 42, rate, at_ms)


def test_who_is_inside_at_the_start_came_at_most_some_minutes_before_it() -> None:
    timetable = _timetable()
    before = list(timetable.take_until(FROM_MS))
    assert timetable.came_before > 1_000
    assert min(tap.due_ms for tap in before) >= FROM_MS - PAST_MS
    assert len({tap.passenger for tap in before}) == timetable.came_before


def test_gates_send_as_many_taps_a_second_as_asked() -> None:
    timetable = _timetable()
    taps = 0
    for minute in range(150):
        timetable.advance(FROM_MS + minute * MINUTE_MS // 3)
        due = list(timetable.take_until(FROM_MS + minute * MINUTE_MS // 3))
        taps += len(due) * (minute >= 120)  # when those who ride long come out too
    assert 17 < taps / 30 / 20 < 21


def test_taps_come_in_order_and_each_gate_counts_its_own() -> None:
    timetable = _timetable()
    for slice_ in range(5):
        timetable.advance(FROM_MS + slice_ * SLICE_MS)
    taps = list(timetable.take_until(FROM_MS + 4 * SLICE_MS))
    times = [tap.due_ms for tap in taps]
    assert times == sorted(times)
    assert len({(tap.gate, tap.sequence) for tap in taps}) == len(taps) > 3_000
    for gate in {tap.gate for tap in taps}:
        numbers = [tap.sequence for tap in taps if tap.gate == gate]
        assert numbers == list(range(1, len(numbers) + 1))


def test_a_pause_lasts_until_something_is_due() -> None:
    timetable = _timetable(rate=0.1)
    timetable.advance(FROM_MS)
    list(timetable.take_until(FROM_MS))
    assert 0 < timetable.find_pause_s(FROM_MS) <= 0.5
    assert timetable.find_pause_s(FROM_MS + HOUR_MS) == 0


def test_nobody_is_made_up_for_while_the_machine_was_asleep() -> None:
    timetable = _timetable()
    last_ms = FROM_MS + 10 * HOUR_MS
    timetable.advance(last_ms)
    late = [tap for tap in timetable.take_until(last_ms) if tap.due_ms > FROM_MS + 5 * HOUR_MS]
    assert late == []
    timetable.advance(last_ms + 2 * SLICE_MS)
    assert list(timetable.take_until(last_ms + SLICE_MS))


def test_nobody_is_inside_when_the_service_date_ends() -> None:
    four_ms = FROM_MS - 3 * HOUR_MS
    timetable = _timetable(at_ms=four_ms - MINUTE_MS)
    timetable.advance(four_ms - MINUTE_MS + 20_000)
    days: dict[int, set[int]] = {}
    for tap in timetable.take_until(four_ms + HOUR_MS):
        days.setdefault(tap.passenger, set()).add(service_day_number(tap.due_ms))
    assert days
    assert all(dates == {service_day_number(four_ms - 1)} for dates in days.values())


@pytest.mark.parametrize("passengers", [len(MIX), 1_450])
def test_even_the_smallest_morning_has_every_intention(passengers: int) -> None:
    world = make_morning(METRO, 42, passengers)
    assert set(world.count_kinds()) == set(MIX)
    assert world.passengers == passengers
    assert world.due_ms[0] >= FROM_MS
