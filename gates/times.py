"""Times as the contract writes them: RFC 3339 outside, whole milliseconds inside."""

import time
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

from fare_engine.calendar import from_ms, to_ms

_MINUTE_MS: Final = 60_000


def now_ms() -> int:
    """This machine's clock, milliseconds since 1970."""
    return time.time_ns() // 1_000_000


def format_ms(at_ms: int, zone: str = "UTC") -> str:
    """An instant as it goes over the wire: ``2021-11-24T08:15:30.120+08:00``."""
    minute = at_ms // _MINUTE_MS
    before, after = _find_minute(minute, zone)
    return f"{before}{(at_ms - minute * _MINUTE_MS) / 1_000:06.3f}{after}"


@lru_cache(maxsize=1_000)
def _find_minute(minute: int, zone: str) -> tuple[str, str]:
    """What stands before the seconds of a minute's instants, and behind them."""
    told = from_ms(minute * _MINUTE_MS, zone).isoformat(timespec="milliseconds")
    return told[:17], told[23:]


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
