"""The waivers of a token: counted on two service dates, packed in one number."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fare_engine.journey import BLANK, NEVER_MS, count_waiver, waivers_on
from fare_engine.policy import DAILY_LIMIT_MAX

DAY = 738_118  # 24 November 2021


def count(*days: int) -> int:
    packed = BLANK.waivers
    for day in days:
        packed = count_waiver(packed, day)
    return packed


def told(packed: int) -> list[int]:
    return [waivers_on(packed, day) for day in range(DAY - 2, DAY + 3)]


def test_a_token_that_was_never_seen_has_nothing_open_and_no_waivers() -> None:
    assert BLANK.open is None
    assert BLANK.clock_ms == NEVER_MS
    assert BLANK.exit_station_id is None
    assert told(BLANK.waivers) == [0, 0, 0, 0, 0]


def test_waivers_are_counted_on_their_service_date() -> None:
    assert told(count(DAY)) == [0, 0, 1, 0, 0]
    assert told(count(DAY, DAY, DAY)) == [0, 0, 3, 0, 0]


def test_the_day_before_is_kept() -> None:
    assert told(count(DAY, DAY, DAY + 1)) == [0, 0, 2, 1, 0]
    assert told(count(DAY, DAY + 1, DAY + 1)) == [0, 0, 1, 2, 0]


def test_a_waiver_may_still_be_counted_on_the_day_before() -> None:
    assert told(count(DAY, DAY + 1, DAY)) == [0, 0, 2, 1, 0]
    assert told(count(DAY + 1, DAY)) == [0, 0, 1, 1, 0]


def test_what_lies_further_back_is_forgotten() -> None:
    assert told(count(DAY, DAY + 2)) == [0, 0, 0, 0, 1]
    assert told(count(DAY - 2, DAY - 1, DAY)) == [0, 1, 1, 0, 0]


def test_a_waiver_two_days_back_changes_nothing() -> None:
    packed = count(DAY, DAY + 2)
    assert count_waiver(packed, DAY) == packed


@pytest.mark.parametrize("day", [DAY, DAY - 1])
def test_a_count_reaches_every_limit_and_never_spills_into_the_other_day(day: int) -> None:
    packed = count(DAY, DAY - 1)
    for _ in range(5_000):
        packed = count_waiver(packed, day)
    other = 2 * DAY - 1 - day
    assert waivers_on(packed, day) > DAILY_LIMIT_MAX
    assert waivers_on(packed, other) == 1
    assert waivers_on(count_waiver(packed, other), other) == 2


@given(st.lists(st.integers(DAY - 3, DAY + 3), max_size=40))
def test_two_days_are_counted_exactly_while_days_move_forward(days: list[int]) -> None:
    packed, seen, latest = 0, Counter[int](), 0
    for day in days:
        latest = max(latest, day)
        if day >= latest - 1:
            seen[day] += 1
        packed = count_waiver(packed, day)
        assert waivers_on(packed, latest) == seen[latest]
        assert waivers_on(packed, latest - 1) == seen[latest - 1]
        assert waivers_on(packed, latest - 2) == waivers_on(packed, latest + 1) == 0
