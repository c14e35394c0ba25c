"""Service dates: cut in the small hours, also where clocks change or a day is left out."""

from datetime import UTC, date, datetime, timedelta, timezone
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fare_engine.calendar import ServiceCalendar, from_ms, to_ms

HOUR_MS = 3_600_000
SHANGHAI = ServiceCalendar()


def at(text: str, zone: str = "Asia/Shanghai") -> int:
    return to_ms(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)))


def day_of(calendar: ServiceCalendar, at_ms: int) -> date:
    return date.fromordinal(calendar.service_day(at_ms).ordinal)


@pytest.mark.parametrize(
    ("moment", "day"),
    [
        ("2021-11-24T03:59:59.999", date(2021, 11, 23)),
        ("2021-11-24T04:00:00.000", date(2021, 11, 24)),
        ("2021-11-24T04:00:00.001", date(2021, 11, 24)),
        ("2021-11-24T12:00:00.000", date(2021, 11, 24)),
        ("2021-11-25T00:00:00.000", date(2021, 11, 24)),
        ("2021-11-25T03:59:59.999", date(2021, 11, 24)),
        ("2021-11-25T04:00:00.000", date(2021, 11, 25)),
        ("2022-01-01T03:59:59.999", date(2021, 12, 31)),
        ("2020-03-01T00:00:00.000", date(2020, 2, 29)),
    ],
)
def test_a_service_date_begins_at_the_cut(moment: str, day: date) -> None:
    assert day_of(SHANGHAI, at(moment)) == day


def test_a_service_day_tells_its_first_instant_and_the_next_day_s() -> None:
    day = SHANGHAI.service_day(at("2021-11-24T12:00"))
    assert day.start_ms == at("2021-11-24T04:00")
    assert day.end_ms == at("2021-11-25T04:00")


def test_the_kept_answer_is_used_for_its_own_day_only() -> None:
    calendar = ServiceCalendar()
    moments = [
        "2021-11-25T03:59:59.999",
        "2021-11-25T04:00",
        "2021-11-24T04:00",
        "2021-11-30T01:00",
    ]
    days = [day_of(calendar, at(moment)).day for moment in moments * 2]
    assert days == [24, 25, 24, 29] * 2


@pytest.mark.parametrize(
    ("cut_minutes", "moment", "day"),
    [
        (0, "2021-11-23T23:59:59.999", 23),
        (0, "2021-11-24T00:00:00.000", 24),
        (150, "2021-11-24T02:29:59.999", 23),
        (150, "2021-11-24T02:30:00.000", 24),
    ],
)
def test_the_cut_may_lie_at_midnight_or_between_two_hours(
    cut_minutes: int, moment: str, day: int
) -> None:
    assert day_of(ServiceCalendar("Asia/Shanghai", cut_minutes), at(moment)).day == day


@pytest.mark.parametrize(
    ("day", "hours"), [("2021-03-27", 23), ("2021-10-30", 25), ("2021-06-15", 24)]
)
def test_a_day_on_which_clocks_change_is_shorter_or_longer(day: str, hours: int) -> None:
    berlin = ServiceCalendar("Europe/Berlin")
    found = berlin.service_day(at(f"{day}T12:00", "Europe/Berlin"))
    assert found.end_ms - found.start_ms == hours * HOUR_MS


@pytest.mark.parametrize(
    ("moment", "day"),
    [
        # 28 March 2021: 02:00 becomes 03:00; 31 October 2021: 03:00 becomes 02:00 again.
        (datetime(2021, 3, 28, 1, 59, 59, 999_000, UTC), date(2021, 3, 27)),
        (datetime(2021, 3, 28, 2, 0, 0, 0, UTC), date(2021, 3, 28)),
        (datetime(2021, 10, 31, 2, 59, 59, 999_000, UTC), date(2021, 10, 30)),
        (datetime(2021, 10, 31, 3, 0, 0, 0, UTC), date(2021, 10, 31)),
    ],
)
def test_the_cut_follows_the_clocks_on_the_wall(moment: datetime, day: date) -> None:
    assert day_of(ServiceCalendar("Europe/Berlin"), to_ms(moment)) == day


@pytest.mark.parametrize("cut_minutes", [0, 120, 150, 180, 240])
@pytest.mark.parametrize(
    ("zone", "first"),
    [
        ("Europe/Berlin", "2021-03-26"),
        ("Europe/Berlin", "2021-10-29"),
        ("America/New_York", "2021-11-05"),
        ("Australia/Lord_Howe", "2021-04-02"),
        ("Pacific/Apia", "2011-12-28"),
    ],
)
def test_service_days_follow_each_other_without_gap_or_overlap(
    zone: str, first: str, cut_minutes: int
) -> None:
    calendar = ServiceCalendar(zone, cut_minutes)
    begin_ms = at(f"{first}T12:00", zone)
    days = [calendar.service_day(begin_ms + step * HOUR_MS // 4) for step in range(96 * 4)]
    for before, after in pairwise(days):
        assert after == before or (
            after.start_ms == before.end_ms and after.ordinal > before.ordinal
        )
    for step, day in enumerate(days):
        assert day.start_ms <= begin_ms + step * HOUR_MS // 4 < day.end_ms


@given(
    st.datetimes(datetime(1990, 1, 1), datetime(2060, 1, 1)),  # noqa: DTZ001 - zones come next
    st.sampled_from(["Asia/Shanghai", "Europe/Berlin", "America/Santiago", "Pacific/Apia"]),
    st.integers(0, 6 * 60),
)
def test_every_instant_lies_in_the_day_it_is_given(
    moment: datetime, zone: str, cut_minutes: int
) -> None:
    at_ms = to_ms(moment.replace(tzinfo=UTC))
    day = ServiceCalendar(zone, cut_minutes).service_day(at_ms)
    assert day.start_ms <= at_ms < day.end_ms
    again = ServiceCalendar(zone, cut_minutes)
    assert again.service_day(day.start_ms) == day == again.service_day(day.end_ms - 1)
    assert again.service_day(day.end_ms).ordinal > day.ordinal


@given(st.integers(-(10**12), 4 * 10**12), st.sampled_from(["UTC", "Asia/Shanghai"]))
def test_milliseconds_survive_the_way_to_a_moment_and_back(at_ms: int, zone: str) -> None:
    assert to_ms(from_ms(at_ms, zone)) == at_ms


def test_a_moment_is_an_instant_whatever_its_offset_and_finer_digits_are_cut_off() -> None:
    assert to_ms(datetime(1970, 1, 1, 0, 0, 1, 120_999, UTC)) == 1_120
    assert to_ms(datetime(1969, 12, 31, 23, 59, 59, 999_999, UTC)) == -1
    east = timezone(timedelta(hours=8))
    assert to_ms(datetime(2021, 11, 24, 8, tzinfo=east)) == at("2021-11-24T00:00", "UTC")
