"""Times as messages have them."""

import pytest

from gates.times import format_ms, parse_ms

MIDNIGHT_MS = 1_637_712_000_000


@pytest.mark.parametrize(
    ("at_ms", "zone", "text"),
    [
        (0, "UTC", "1970-01-01T00:00:00.000+00:00"),
        (-1, "UTC", "1969-12-31T23:59:59.999+00:00"),
        (MIDNIGHT_MS, "UTC", "2021-11-24T00:00:00.000+00:00"),
        (MIDNIGHT_MS - 1, "UTC", "2021-11-23T23:59:59.999+00:00"),
        (MIDNIGHT_MS + 30_123, "UTC", "2021-11-24T00:00:30.123+00:00"),
        (MIDNIGHT_MS + 86_399_009, "UTC", "2021-11-24T23:59:59.009+00:00"),
        (MIDNIGHT_MS + 30_120, "Asia/Shanghai", "2021-11-24T08:00:30.120+08:00"),
    ],
)
def test_an_instant_is_written_to_the_millisecond_and_read_back(
    at_ms: int, zone: str, text: str
) -> None:
    assert format_ms(at_ms, zone) == text
    assert parse_ms(text) == at_ms
