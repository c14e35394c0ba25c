"""Instants and service dates, read from the texts of the contract by the standard library."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import cache, lru_cache
from typing import Final
from zoneinfo import ZoneInfo

SECOND_MS: Final = 1_000
MINUTE_MS: Final = 60_000
DAY_MS: Final = 86_400_000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_DATES_MAX: Final = 100_000
_MOMENTS_MAX: Final = 1_000
"""An answer is compared with every order that may explain it, and read again at the end."""


@lru_cache(_MOMENTS_MAX)
def read_moment(text: str) -> int:
    """The milliseconds since 1970 of a time with an offset; finer digits are dropped."""
    moment = datetime.fromisoformat(text.upper())
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} has no offset")
    since = moment - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000 + since.microseconds // 1_000


def find_moment(text: str | None) -> int | None:
    """The same where there may be none."""
    return None if text is None else read_moment(text)


@lru_cache(_MOMENTS_MAX)
def read_length_ms(number: float, unit_ms: int) -> int:
    """A length of time in a unit, whole or with decimals."""
    return int(Decimal(str(number)) * unit_ms)


def format_moment(at_ms: int) -> str:
    """An instant for people."""
    return (_EPOCH + timedelta(milliseconds=at_ms)).isoformat(timespec="milliseconds")


@cache
def find_service_dates(zone: str, cut: str) -> "ServiceDates":
    """The business days of a zone; what they remember is shared by all who ask."""
    return ServiceDates(zone, cut)


class ServiceDates:
    """The business days of a zone, each beginning when its clocks show the cut."""

    def __init__(self, zone: str, cut: str) -> None:
        self._zone = ZoneInfo(zone)
        self._cut = time.fromisoformat(cut)
        # Cuts and offsets are whole minutes, so all instants of a minute share a date.
        self._date_of_minute = lru_cache(_DATES_MAX)(self._find_date)
        self._end_of_date = lru_cache(_DATES_MAX)(self._find_end)

    def date_of(self, at_ms: int) -> date:
        """The service date that an instant belongs to; the cut itself begins the new one."""
        return self._date_of_minute(at_ms // MINUTE_MS)

    def end_of(self, day: date) -> int:
        """The first instant that belongs to the day after."""
        return self._end_of_date(day)

    def _find_date(self, minute: int) -> date:
        local = datetime.fromtimestamp(minute * 60, self._zone)
        return local.date() if local.time() >= self._cut else local.date() - timedelta(days=1)

    def _find_end(self, day: date) -> int:
        cut = datetime.combine(day + timedelta(days=1), self._cut, self._zone)
        return int(cut.timestamp()) * 1_000
