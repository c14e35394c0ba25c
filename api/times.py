"""Times as the contract writes them: RFC 3339 with an offset in, whole milliseconds inside.

Every time that enters or leaves the API goes through here, so that a tap, a policy and an answer
can never disagree about what a spelling means.
"""

import re
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

EARLIEST_MS: Final = 0
"""1970: no gate's clock was ever earlier."""

LATEST_MS: Final = 253_402_214_400_000
"""The last day of the year 9999 (UTC): any offset can still tell an earlier instant."""

_MINUTE_MS: Final = 60_000
_CACHE_MAX: Final = 20_000
"""Minutes remembered; taps of one hour share a hundred, whatever a client sends."""

_SHAPE: Final = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt]((?:[01][0-9]|2[0-3]):[0-9]{2}:[0-9]{2})(?:\.([0-9]+))?"
    r"(?:[Zz]|([+-][0-9]{2}:[0-9]{2}))"
)
_SECONDS: Final = {f"{second:02}": second * 1_000 for second in range(60)}
_MILLISECONDS: Final = {f".{ms:03}": ms for ms in range(1_000)}
_SPELLED: Final = [f"{ms // 1_000:02}.{ms % 1_000:03}" for ms in range(_MINUTE_MS)]

_minutes: Final[dict[str, int]] = {}
_prefixes: Final[dict[tuple[int, str], tuple[str, str]]] = {}


def parse_rfc3339(text: str) -> int:
    """The instant of a time like ``2021-11-24T08:15:30.120+08:00``, milliseconds since 1970.

    An offset (or Z) is needed, since a time without one is another instant in every zone. Digits
    finer than a millisecond are cut off. ValueError says what is wrong.
    """
    # Cut at fixed places, the four pieces are the whole text again, so what is remembered of a
    # minute and an offset is exact for every other second of it.
    try:
        return _minutes[text[:17] + text[23:]] + _SECONDS[text[17:19]] + _MILLISECONDS[text[19:23]]
    except KeyError:
        return _parse(text)


def format_ms(at_ms: int, zone: str) -> str:
    """An instant as it is answered: ``2021-11-24T08:15:30.120+08:00``, told in a time zone."""
    minute, ms = divmod(at_ms, _MINUTE_MS)
    known = _prefixes.get((minute, zone))
    if known is None:
        known = _prefix(minute, zone)
    return known[0] + _SPELLED[ms] + known[1]


def _parse(text: str) -> int:
    shape = _SHAPE.fullmatch(text)
    if shape is None:
        raise ValueError(
            "must be a time with seconds and an offset, like 2021-11-24T08:15:30.120+08:00"
        )
    day, clock, fraction, offset = shape.groups()
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
        raise ValueError("must lie between the years 1970 and 9999")
    if fraction is not None and len(fraction) == 3:
        if len(_minutes) >= _CACHE_MAX:
            _minutes.clear()
        minute_ms = whole_ms - moment.second * 1_000
        if minute_ms >= EARLIEST_MS and minute_ms + _MINUTE_MS <= LATEST_MS:
            _minutes[text[:17] + text[23:]] = minute_ms
    return at_ms


def _prefix(minute: int, zone: str) -> tuple[str, str]:
    """What stands before the seconds and after the milliseconds of every instant of a minute."""
    moment = datetime.fromtimestamp(minute * 60, ZoneInfo(zone))
    offset = moment.utcoffset() or timedelta()
    if offset % timedelta(minutes=1):
        # Before there were time zones: RFC 3339 cannot write local mean time.
        moment, offset = moment.astimezone(UTC), timedelta()
    sign = "-" if offset < timedelta() else "+"
    hours, minutes = divmod(abs(offset) // timedelta(minutes=1), 60)
    if len(_prefixes) >= _CACHE_MAX:
        _prefixes.clear()
    known = f"{moment:%Y-%m-%dT%H:%M}:", f"{sign}{hours:02}:{minutes:02}"
    _prefixes[minute, zone] = known
    return known
