"""Times are read exactly, cut to the millisecond, and told in the network's zone."""

import re
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.contract.times import EARLIEST_MS, LATEST_MS, format_ms, parse_rfc3339

ZONES = ("Asia/Shanghai", "UTC", "America/New_York", "Asia/Kathmandu", "Africa/Monrovia")
RFC_3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d\d:\d\d")
RFC_3339_LIKE = re.compile(
    r"[0-9]{4}(-[0-9]{2}){2}[Tt][0-9]{2}(:[0-9]{2}){2}(\.[0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)

DAY_MS = 86_400_000
instants = st.integers(EARLIEST_MS, LATEST_MS - 1 - DAY_MS)
"""Those that can be written with any offset."""
offsets = st.integers(-23 * 60 - 59, 23 * 60 + 59)


def spell(at_ms: int, offset_minutes: int, fraction: str) -> str:
    """An instant as a client may write it; ValueError where its calendar has no such date."""
    zone = timezone(timedelta(minutes=offset_minutes))
    local = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=at_ms)
    try:
        text = f"{local.astimezone(zone):%Y-%m-%dT%H:%M:%S}"
    except OverflowError as error:
        raise ValueError from error
    sign = "-" if offset_minutes < 0 else "+"
    hours, minutes = divmod(abs(offset_minutes), 60)
    return f"{text}{fraction}{sign}{hours:02}:{minutes:02}"


@given(instants, offsets, st.text("0123456789", max_size=12))
def test_reads_every_offset_and_cuts_finer_digits_off(
    at_ms: int, offset_minutes: int, finer: str
) -> None:
    text = spell(at_ms, offset_minutes, f".{at_ms % 1_000:03}{finer}")
    assert parse_rfc3339(text) == at_ms
    assert parse_rfc3339(text) == at_ms  # what was remembered of the first reading says the same


@given(instants, instants, offsets)
def test_two_times_never_answer_for_each_other(first: int, second: int, offset: int) -> None:
    texts = [spell(at_ms, offset, f".{at_ms % 1_000:03}") for at_ms in (first, second)]
    assert [parse_rfc3339(text) for text in texts] == [first, second]


@given(instants | st.integers(LATEST_MS - DAY_MS, LATEST_MS - 1), st.sampled_from(ZONES))
def test_what_is_told_reads_as_the_same_instant(at_ms: int, zone: str) -> None:
    text = format_ms(at_ms, zone)
    assert RFC_3339.fullmatch(text)
    assert parse_rfc3339(text) == at_ms


@given(st.text("0123456789-+:.TZtz ", min_size=1, max_size=40) | st.text(max_size=40))
def test_anything_else_is_refused_with_a_reason(text: str) -> None:
    told = ""
    at_ms = EARLIEST_MS
    try:
        at_ms = parse_rfc3339(text)
    except ValueError as error:
        told = str(error)
    assert told or RFC_3339_LIKE.fullmatch(text)
    assert EARLIEST_MS <= at_ms < LATEST_MS


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("2021-11-24T08:15:30.120+08:00", "2021-11-24T08:15:30.120+08:00"),
        ("2021-11-24T00:15:30.12Z", "2021-11-24T08:15:30.120+08:00"),
        ("2021-11-24t00:15:30z", "2021-11-24T08:15:30.000+08:00"),
        ("2021-11-24T08:15:30.1209999999+08:00", "2021-11-24T08:15:30.120+08:00"),
        ("2021-11-23T23:59:59.999999999-00:00", "2021-11-24T07:59:59.999+08:00"),
        ("2024-02-29T12:00:00+13:45", "2024-02-29T06:15:00.000+08:00"),
        ("1970-01-01T08:00:00+08:00", "1970-01-01T08:00:00.000+08:00"),
        ("1970-01-01T00:00:00+08:00", "1970-01-01T00:00:00.000+08:00"),
        ("1904-01-01T00:00:00Z", "1904-01-01T08:00:00.000+08:00"),
    ],
)
def test_the_same_instant_in_many_spellings(text: str, told: str) -> None:
    assert format_ms(parse_rfc3339(text), "Asia/Shanghai") == told


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2021-11-24",
        "2021-11-24T08:15+08:00",
        "2021-11-24T08:15:30",
        "2021-11-24T08:15:30.120",
        "2021-11-24 08:15:30+08:00",
        "2021-11-24T08:15:30+0800",
        "2021-11-24T08:15:30+08",
        "2021-11-24T08:15:30.+08:00",
        "2021-11-24T08:15:30,120+08:00",
        "2021-11-24T08:15:30.120+08:00 ",
        " 2021-11-24T08:15:30.120+08:00",
        "2021-11-24T08:15:30.120+08:00\n",
        "2021-11-24T08:15:30.120+24:00",
        "2021-11-24T24:00:00+08:00",
        "2021-11-24T08:60:00+08:00",
        "2021-11-24T08:15:60+08:00",
        "2021-02-29T08:15:30+08:00",
        "20211124T081530+0800",
        "2021-W47-3T08:15:30+08:00",
        "２０２１-11-24T08:15:30+08:00",
        "1637712930120",
        "1899-12-31T23:59:59.999Z",
        "1900-01-01T07:59:59.999+08:00",
        "0001-01-01T00:00:00+23:59",
        "9999-12-31T23:59:59-00:01",
    ],
)
def test_what_is_no_time_with_an_offset_is_refused(text: str) -> None:
    # Twice, with a good time between: nothing refused may be remembered.
    for _ in range(2):
        with pytest.raises(ValueError, match=r"must|calendar"):
            parse_rfc3339(text)
        parse_rfc3339("2021-11-24T08:15:30.120+08:00")
