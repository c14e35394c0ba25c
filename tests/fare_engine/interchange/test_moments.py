"""Times in files."""

from datetime import datetime

import pytest

from fare_engine.calendar import to_ms
from fare_engine.interchange.moments import MomentReader


@pytest.mark.parametrize(
    "text",
    [
        "2021-11-24T08:15:30+08:00",
        "2021-11-24 08:15:30.120+08:00",
        "2021-11-24T08:15:59.999-00:30",
        "2021-11-24T00:15:30Z",
        "2021-11-24t00:15:30.5z",
        "2021-11-24T08:15:30.120999+08:00",
        "1970-01-01T00:00:00Z",
    ],
)
def test_reads_rfc_3339_at_first_and_from_memory(text: str) -> None:
    reader = MomentReader()
    expected = to_ms(datetime.fromisoformat(text.upper()))
    assert [reader.read_ms(text), reader.read_ms(text)] == [expected, expected]


def test_one_minute_remembered_serves_its_other_seconds_only() -> None:
    reader = MomentReader()
    first = reader.read_ms("2021-11-24T08:15:30.120+08:00")
    assert reader.read_ms("2021-11-24T08:15:31.121+08:00") == first + 1_001
    assert reader.read_ms("2021-11-24T08:15:30.120+09:00") == first - 3_600_000
    for wrong in ("2021-11-24T08:15:60.120+08:00", "2021-11-24T08:15:3x.120+08:00"):
        with pytest.raises(ValueError, match="time"):
            reader.read_ms(wrong)


def test_local_time_of_a_zone() -> None:
    reader = MomentReader("Asia/Shanghai")
    expected = to_ms(datetime.fromisoformat("2018-09-01T08:15:30+08:00"))
    assert reader.read_ms("2018-09-01 08:15:30") == expected
    assert reader.read_ms("2018-09-01 08:15:30.250") == expected + 250
    assert reader.read_ms("2018-09-01T00:15:30Z") == expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "must be a time like"),
        ("24.11.2021 08:15", "must be a time like"),
        ("2021-11-24T08:15:30", "needs an offset"),
        ("2021-02-30T08:15:30Z", "no time of the calendar"),
        ("2021-11-24T24:15:30Z", "no time of the calendar"),
        ("2021-11-24T08:15:60Z", "no time of the calendar"),
        ("2021-11-24T08:15:30+99:00", "no time of the calendar"),
        ("0001-01-01T00:00:00+08:00", "between the years"),
        ("1969-12-31T23:59:59Z", "between the years"),
        ("9999-12-31T23:59:59-08:00", "between the years"),
        ("２０２1-11-24T08:15:30Z", "must be a time like"),
    ],
)
def test_what_is_no_time(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        MomentReader().read_ms(text)
