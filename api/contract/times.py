"""Times as the contract writes them: RFC 3339 with an offset in, whole milliseconds inside.

Every time that enters or leaves the API goes through here, so that a tap, a policy and an answer
never disagree about what a text means.
"""

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from fare_engine.times import MOMENT_MAX_MS, TimeWriter, format_ms

__all__ = ["EARLIEST_MS", "LATEST_MS", "TimeWriter", "format_ms", "parse_rfc3339"]

EARLIEST_MS: Final = -2_208_988_800_000
"""1900 (UTC). A clock without a battery begins its calendar anew, and where that is 1970 by local
time, it is still 1969 elsewhere."""

LATEST_MS: Final = MOMENT_MAX_MS + 1
"""The end of the year 9999 (UTC)."""

_SECOND_MS: Final = 1_000
_CACHE_MAX: Final = 20_000
"""Seconds remembered; the taps of an hour share them, whatever a client sends."""

_SHAPE: Final = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt]([0-9]{2}:[0-9]{2}:[0-9]{2})(?:\.([0-9]+))?"
    r"(?:[Zz]|([+-][0-9]{2}:[0-9]{2}))"
)
_MILLISECONDS: Final = {f"{ms:03}": ms for ms in range(1_000)}

_seconds: Final[dict[str, int]] = {}


def parse_rfc3339(text: str) -> int:
    """The instant of a time like ``2021-11-24T08:15:30.120+08:00``, milliseconds since 1970.

    An offset (or Z) is needed, since a time without one is another instant in every zone. Digits
    finer than a millisecond are cut off. ValueError says what is wrong.
    """
    # Cut at fixed places, the three pieces are the whole text again, so what is remembered of a
    # second and an offset is exact for every other millisecond of it.
    try:
        return _seconds[text[:20] + text[23:]] + _MILLISECONDS[text[20:23]]
    except KeyError:
        return _parse(text)


def _parse(text: str) -> int:
    shape = _SHAPE.fullmatch(text)
    if shape is None:
        raise ValueError(
            "must be a time with seconds and an offset, like 2021-11-24T08:15:30.120+08:00"
        )
    day, clock, fraction, offset = shape.groups()
    if clock >= "24":  # which some versions of the library take for the next day
        raise ValueError("is no time of the calendar: hour must be in 0..23")
    try:
        moment = datetime.fromisoformat(f"{day}T{clock}{offset or '+00:00'}")
        # Arithmetic and not astimezone: near the ends of the calendar that would overflow.
        offset_ms = (moment.utcoffset() or timedelta()) // timedelta(milliseconds=1)
    except ValueError as error:
        raise ValueError(f"is no time of the calendar: {error}") from None
    since = moment.replace(tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    whole_ms = (since.days * 86_400 + since.seconds) * 1_000 - offset_ms
    at_ms = whole_ms + int((fraction or "0")[:3].ljust(3, "0"))
    if not EARLIEST_MS <= at_ms < LATEST_MS:
        raise ValueError("must lie between the years 1900 and 9999 (in UTC)")
    if fraction is not None and len(fraction) == 3 and whole_ms + _SECOND_MS <= LATEST_MS:
        if len(_seconds) >= _CACHE_MAX:
            _seconds.clear()
        _seconds[text[:20] + text[23:]] = whole_ms
    return at_ms
