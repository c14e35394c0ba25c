"""Instants as the contract writes them: RFC 3339 with the offset of a time zone."""

from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

MOMENT_MAX_MS: Final = 253_402_300_799_999
"""The last millisecond of the year 9999 (UTC): a later one cannot be written."""

_MINUTE_MS: Final = 60_000
_CACHE_MAX: Final = 20_000
"""Minutes remembered; the taps of an hour share them."""

_SPELLED: Final = [f"{ms // 1_000:02}.{ms % 1_000:03}" for ms in range(_MINUTE_MS)]


def format_ms(at_ms: int, zone: str) -> str:
    """An instant as it is answered: ``2021-11-24T08:15:30.120+08:00``, in a time zone."""
    writer = _writers.get(zone)
    if writer is None:
        writer = _writers[zone] = TimeWriter(zone)
    return writer.write(at_ms)


class TimeWriter:
    """Writes the instants of one time zone; what surrounds the seconds is made once a minute."""

    __slots__ = ("_minutes", "_zone")

    def __init__(self, zone: str) -> None:
        self._zone = ZoneInfo(zone)
        self._minutes: dict[int, tuple[str, str]] = {}

    def write(self, at_ms: int) -> str:
        """An instant as it is answered."""
        minute = at_ms // _MINUTE_MS
        before, after = self._minutes.get(minute) or self._remember(minute)
        return f"{before}{_SPELLED[at_ms - minute * _MINUTE_MS]}{after}"

    def _remember(self, minute: int) -> tuple[str, str]:
        """What stands before the seconds and after the milliseconds of a minute's instants."""
        try:
            moment = datetime.fromtimestamp(minute * 60, self._zone)
        except (OverflowError, ValueError):  # the year 10000 there, and not yet in UTC
            moment = datetime.fromtimestamp(minute * 60, UTC)
        offset = moment.utcoffset() or timedelta()
        if offset % timedelta(minutes=1):
            # Before there were time zones: RFC 3339 cannot write local mean time.
            moment, offset = moment.astimezone(UTC), timedelta()
        sign = "-" if offset < timedelta() else "+"
        hours, minutes = divmod(abs(offset) // timedelta(minutes=1), 60)
        if len(self._minutes) >= _CACHE_MAX:
            self._minutes.clear()
        known = f"{moment:%Y-%m-%dT%H:%M}:", f"{sign}{hours:02}:{minutes:02}"
        self._minutes[minute] = known
        return known


_writers: Final[dict[str, TimeWriter]] = {}
