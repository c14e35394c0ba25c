"""Times of the contract: RFC 3339 in messages, whole milliseconds inside."""

import time
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

from fare_engine.calendar import from_ms, to_ms

_DAY_MS: Final = 86_400_000
_MINUTE_MS: Final = 60_000
_UTC: Final = "UTC"


def now_ms() -> int:
    """This machine's clock, milliseconds since 1970."""
    return time.time_ns() // 1_000_000


def format_ms(at_ms: int, zone: str = _UTC) -> str:
    """An instant as messages have it: ``2021-11-24T08:15:30.120+08:00``."""
    if zone != _UTC:
        return from_ms(at_ms, zone).isoformat(timespec="milliseconds")
    day, ms = divmod(at_ms, _DAY_MS)
    minutes, ms = divmod(ms, _MINUTE_MS)
    return f"{_format_day(day)}T{minutes // 60:02}:{minutes % 60:02}:{ms / 1_000:06.3f}+00:00"


@lru_cache(maxsize=100)
def _format_day(day: int) -> str:
    """The date of a day in UTC, counted from 1970."""
    return from_ms(day * _DAY_MS).date().isoformat()


def parse_ms(text: str) -> int:
    """The instant of a time with an offset; ValueError when it is none."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"has no offset: {text}")
    return to_ms(moment)


def parse_http_date(text: str) -> int:
    """The instant of a `Date` header, whole seconds; ValueError when it is none."""
    moment = datetime.strptime(text, "%a, %d %b %Y %H:%M:%S GMT").replace(tzinfo=UTC)
    return to_ms(moment)
