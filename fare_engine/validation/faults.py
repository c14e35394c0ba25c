"""What a fault is, and the checks that policies and tariffs share: dates and time zones."""

from collections.abc import Iterator, Sequence
from typing import TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from fare_engine.calendar import from_ms
from fare_engine.times import MOMENT_MAX_MS
from fare_engine.versions import Versioned, list_overlaps

Fault = tuple[str, str]
"""A field and what is wrong with it."""

Faults = Iterator[Fault]

V = TypeVar("V", bound=Versioned)


def under(place: str, faults: Faults) -> Faults:
    """The same faults, with the place of what has them before their fields."""
    return ((f"{place}.{field}", message) for field, message in faults)


def is_time_zone(name: str) -> bool:
    """Whether this is the name of a time zone."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def format_moment(at_ms: int, zone: str) -> str:
    """A moment for a message, in the network's time zone where it is a right one."""
    if not 0 <= at_ms <= MOMENT_MAX_MS:
        return f"{at_ms} ms"
    try:
        return from_ms(at_ms, zone if is_time_zone(zone) else "UTC").isoformat()
    except OverflowError:  # the year 10000 there, and not yet in UTC
        return from_ms(at_ms).isoformat()


def list_stretches(versions: Sequence[V]) -> list[tuple[V, int, int | None]]:
    """When each version is in force: from an instant until another, or for good (None).

    A version that another replaces at the very instant of its beginning is never in force.
    """
    ordered = sorted(versions, key=lambda version: (version.effective_from_ms, version.version))
    stretches: list[tuple[V, int, int | None]] = []
    end_ms: int | None = None
    for version in reversed(ordered):
        start_ms = version.effective_from_ms
        ends = [end for end in (version.effective_to_ms, end_ms) if end is not None]
        own_end_ms = min(ends, default=None)
        if own_end_ms is None or own_end_ms > start_ms:
            stretches.append((version, start_ms, own_end_ms))
        end_ms = start_ms
    return stretches[::-1]


def meet(start_ms: int, end_ms: int | None, other_start_ms: int, other_end_ms: int | None) -> bool:
    """Whether two stretches of time share an instant."""
    return (end_ms is None or other_start_ms < end_ms) and (
        other_end_ms is None or start_ms < other_end_ms
    )


def date_faults(version: Versioned, zone: str) -> Faults:
    """Faults of the dates of one version by itself."""
    start_ms, end_ms = version.effective_from_ms, version.effective_to_ms
    if not 0 <= start_ms <= MOMENT_MAX_MS:
        yield "effective_from", "must lie between the years 1970 and 9999"
    elif end_ms is not None and end_ms <= start_ms:
        yield "effective_to", f"must be later than effective_from, {format_moment(start_ms, zone)}"
    elif end_ms is not None and end_ms > MOMENT_MAX_MS:
        yield "effective_to", "must lie between the years 1970 and 9999"


def number_faults(versions: Sequence[Versioned]) -> Faults:
    """Whether versions are numbered 1, 2, 3 and so on."""
    numbers = sorted(version.version for version in versions)
    if numbers != list(range(1, len(numbers) + 1)):
        listed = ", ".join(map(str, numbers))
        yield "version", f"versions must be numbered 1, 2, 3 and so on, not {listed}"


def overlap_faults(version: V, versions: Sequence[V], zone: str) -> Faults:
    """Where this version and another of `versions` both claim a stretch of time by name."""
    for earlier, later in list_overlaps(versions):
        assert earlier.effective_to_ms is not None, "only a bounded version overlaps"
        if version is later:
            yield (
                "effective_from",
                f"lies inside version {earlier.version}, which is in force from "
                f"{format_moment(earlier.effective_from_ms, zone)} until "
                f"{format_moment(earlier.effective_to_ms, zone)}",
            )
        elif version is earlier:
            yield (
                "effective_to",
                f"must not be later than the beginning of version {later.version}, "
                f"{format_moment(later.effective_from_ms, zone)}",
            )
