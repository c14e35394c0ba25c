"""Times in files: RFC 3339 with an offset, or the local time of a source that writes no offset."""

import re
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from fare_engine.calendar import to_ms

LATEST_MS: Final = 253_402_214_400_000
"""The last day of the year 9999 (UTC)."""

_CACHE_MAX: Final = 20_000
"""Minutes remembered: two weeks of them."""

_SHAPE: Final = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:)([0-9]{2})(\.[0-9]+)?"
    r"([Zz]|[+-][0-9]{2}:[0-9]{2})?"
)
_SECONDS: Final = {f"{second:02}": second * 1_000 for second in range(60)}
_MILLISECONDS: Final = {f".{ms:03}": ms for ms in range(1_000)}


class MomentReader:
    """Reads the times of one file. Taps of one minute share most of the work.

    Without a `zone` every time needs an offset; with one, a time without an offset is local
    there (of two that a clock change makes equal, the earlier).
    """

    def __init__(self, zone: str | None = None) -> None:
        self._zone = ZoneInfo(zone) if zone else None
        self._minutes: dict[str, int] = {}

    def read_ms(self, text: str) -> int:
        """An instant in milliseconds since 1970; ValueError says what is wrong."""
        # Cut at fixed places, the pieces are the whole text again, so what is remembered of a
        # minute and an offset is right for every second, or millisecond, of it.
        try:
            if text[19:20] == ".":
                return (
                    self._minutes[text[:17] + text[23:]]
                    + _SECONDS[text[17:19]]
                    + _MILLISECONDS[text[19:23]]
                )
            return self._minutes[text[:17] + text[19:]] + _SECONDS[text[17:19]]
        except KeyError:
            return self._read(text)

    def _read(self, text: str) -> int:
        shape = _SHAPE.fullmatch(text)
        if shape is None:
            raise ValueError(f"must be a time like {self._example()}")
        minute, seconds, fraction, offset = shape.groups(default="")
        if not offset and self._zone is None:
            raise ValueError(f"needs an offset, as in {self._example()}")
        try:
            moment = datetime.fromisoformat(f"{minute}{seconds}{offset}".upper())
            minute_ms = to_ms(moment if offset else moment.replace(tzinfo=self._zone))
        except ValueError:
            raise ValueError("is no time of the calendar") from None
        minute_ms -= _SECONDS[seconds]
        if not 0 <= minute_ms < LATEST_MS:
            raise ValueError("must lie between the years 1970 and 9999")
        if len(fraction) in (0, 4):
            if len(self._minutes) >= _CACHE_MAX:
                self._minutes.clear()
            self._minutes[minute + offset] = minute_ms
        return minute_ms + _SECONDS[seconds] + int(fraction[1:4].ljust(3, "0") or 0)

    def _example(self) -> str:
        return "2018-09-01 08:15:30" if self._zone else "2018-09-01T08:15:30.120+08:00"
