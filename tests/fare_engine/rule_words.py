"""The words of a text table, read into values: times, durations, money, names, options."""

from collections.abc import Callable, Mapping
from datetime import date, datetime, time
from decimal import Decimal, InvalidOperation
from typing import Any, Final
from zoneinfo import ZoneInfo

from fare_engine.calendar import ServiceCalendar, from_ms, to_ms

ZONE: Final = "Asia/Shanghai"


class TableError(ValueError):
    """The table cannot be read; the text says which line is wrong, and how."""


def read_moment(text: str, day: date) -> int:
    """`08:15`, `08:15:30.120` on the table's day, or with a day of its own before a T."""
    try:
        if "T" in text:
            day_text, text = text.split("T")
            day = date.fromisoformat(day_text)
        return to_ms(datetime.combine(day, time.fromisoformat(text), ZoneInfo(ZONE)))
    except ValueError:
        raise TableError(f"{text!r} is no time of day such as 08:15:30.120") from None


def show_moment(at_ms: int) -> str:
    return from_ms(at_ms, ZONE).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3]


def read_duration(text: str, _day: date) -> int:
    """`900`, `900s`, `15min`, `4h` or `250ms`."""
    for unit, factor in (("ms", 1), ("min", 60_000), ("s", 1_000), ("h", 3_600_000), ("", 1_000)):
        if text.endswith(unit):
            try:
                return int(Decimal(text.removesuffix(unit)) * factor)
            except InvalidOperation:
                break
    raise TableError(f"{text!r} is no duration such as 900, 15min, 4h or 250ms")


def read_number(text: str, _day: date) -> int:
    if not text.isdecimal():
        raise TableError(f"{text!r} is no whole number")
    return int(text)


def read_names(text: str, _day: date) -> frozenset[str]:
    return frozenset(text.split(",")) if text else frozenset()


def _read_opens(text: str, _day: date) -> bool:
    if text not in ("open", "shut"):
        raise TableError(f"{text!r} is neither open nor shut")
    return text == "open"


def _read_expiry(text: str, day: date) -> int | None:
    return None if text == "service_date" else read_duration(text, day)


def _read_discounts(text: str, day: date) -> Mapping[str, int]:
    pairs = [part.partition(":") for part in text.split(",") if part]
    return {medium: read_number(percent, day) for medium, _, percent in pairs}


def _read_cut(text: str, _day: date) -> ServiceCalendar:
    cut = time.fromisoformat(text)
    return ServiceCalendar(ZONE, cut.hour * 60 + cut.minute)


Fields = dict[str, tuple[str, Callable[[str, date], object]]]
_PERIOD: Final[Fields] = {
    "from": ("effective_from_ms", read_moment),
    "to": ("effective_to_ms", read_moment),
}
POLICY_FIELDS: Final[Fields] = _PERIOD | {
    "window": ("window_ms", read_duration),
    "media": ("media", read_names),
    "designated": ("designated_gates", read_names),
    "daily_limit": ("daily_limit", read_number),
}
TARIFF_FIELDS: Final[Fields] = _PERIOD | {
    "same_station_fare": ("same_station_fare", read_number),
    "missing_exit_fare": ("missing_exit_fare", read_number),
    "unmatched_exit": ("unmatched_exit_opens", _read_opens),
    "unmatched_exit_fare": ("unmatched_exit_fare", read_number),
    "discounts": ("discounts_percent", _read_discounts),
    "max_stay": ("max_stay_ms", read_duration),
    "reentry_grace": ("reentry_grace_ms", read_duration),
    "reexit_grace": ("reexit_grace_ms", read_duration),
    "skew": ("clock_skew_tolerance_ms", read_duration),
    "expiry": ("journey_expiry_ms", _read_expiry),
    "cut": ("calendar", _read_cut),
}


def read_options(words: list[str], fields: Fields, day: date) -> dict[str, Any]:
    """The `name=value` words of a line, by the names of the fields they fill."""
    options: dict[str, Any] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or name not in fields:
            raise TableError(f"{word!r} is not understood here; known: {'= '.join(fields)}=")
        field_name, read = fields[name]
        options[field_name] = read(value, day)
    return options
