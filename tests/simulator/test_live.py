"""Passengers of a run: they come by the clock, some before it began."""

from simulator.crowd import service_date
from simulator.demo import FROM_MS
from simulator.live import PAST_MS, Live
from simulator.passengers import MINUTE_MS
from tests.simulator.a_metro import make_metro

METRO = make_metro()
HOUR_MS = 60 * MINUTE_MS


def test_whoever_is_inside_at_the_start_came_at_most_some_minutes_before_it() -> None:
    live = Live(METRO, 42, 20, FROM_MS)
    before = list(live.timetable.take_until(FROM_MS))
    assert live.came_before > 1_000
    assert min(tap.at_ms for tap in before) >= FROM_MS - PAST_MS
    assert len({tap.passenger for tap in before}) == live.came_before


def test_gates_send_as_many_taps_a_second_as_they_are_told() -> None:
    live = Live(METRO, 42, 20, FROM_MS)
    taps = 0
    for minute in range(120):
        live.advance(FROM_MS + minute * MINUTE_MS // 4)
        due = list(live.timetable.take_until(FROM_MS + minute * MINUTE_MS // 4))
        taps += len(due) * (minute >= 80)  # when those who ride long come out too
    assert 19 < taps / 40 / 15 < 21


def test_a_pause_lasts_until_something_is_due() -> None:
    live = Live(METRO, 42, 0.1, FROM_MS)
    live.advance(FROM_MS)
    list(live.timetable.take_until(FROM_MS))
    assert 0 < live.find_pause_s(FROM_MS) <= 0.5
    assert live.find_pause_s(FROM_MS + HOUR_MS) == 0


def test_nobody_is_made_up_for_while_the_machine_was_asleep() -> None:
    live = Live(METRO, 42, 20, FROM_MS)
    last_ms = FROM_MS + 10 * HOUR_MS
    live.advance(last_ms)
    came_later = [
        tap for tap in live.timetable.take_until(last_ms) if tap.at_ms > FROM_MS + HOUR_MS
    ]
    assert len(came_later) <= 1


def test_nobody_is_inside_when_the_service_date_ends() -> None:
    four_ms = FROM_MS - 3 * HOUR_MS
    live = Live(METRO, 42, 20, four_ms - MINUTE_MS)
    live.advance(four_ms - MINUTE_MS + 20_000)
    dates: dict[int, set[str]] = {}
    for tap in live.timetable.take_until(four_ms + HOUR_MS):
        dates.setdefault(tap.passenger, set()).add(service_date(tap.at_ms))
    assert dates
    assert all(days == {"20250302"} for days in dates.values())


def test_two_runs_on_one_directory_share_no_tap_and_no_passenger() -> None:
    runs = [Live(METRO, 42, 20, start_ms) for start_ms in (FROM_MS, FROM_MS + MINUTE_MS)]
    taps = [list(run.timetable.take_until(FROM_MS + HOUR_MS)) for run in runs]
    ids = [{tap.body["tap_id"] for tap in run} for run in taps]
    passengers = [{tap.passenger for tap in run} for run in taps]
    assert all(ids)
    assert ids[0].isdisjoint(ids[1])
    assert passengers[0].isdisjoint(passengers[1])
