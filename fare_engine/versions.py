"""Which version is in force: one answer for policies and tariffs alike."""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from typing import Final, Generic, Protocol, TypeVar

ALWAYS_MS: Final = 2**62
"""After every instant, and its negative before all. Whole: every tap compares its time with it."""


class Versioned(Protocol):
    """A version that is never edited, in force from one instant and perhaps until another."""

    @property
    def version(self) -> int:
        """Counts from 1."""

    @property
    def effective_from_ms(self) -> int:
        """The first instant of it."""

    @property
    def effective_to_ms(self) -> int | None:
        """The first instant after it; None: until its successor begins."""


V = TypeVar("V", bound=Versioned)
T = TypeVar("T")


def find_in_force(versions: Iterable[V], at_ms: int) -> V | None:
    """The version in force at an instant, or None.

    The one with the greatest `effective_from` that has been reached; of two that begin together
    the higher version; none when that one has ended. An earlier version never comes back.
    """
    latest: V | None = None
    for version in versions:
        if version.effective_from_ms <= at_ms and (
            latest is None
            or (version.effective_from_ms, version.version)
            > (latest.effective_from_ms, latest.version)
        ):
            latest = version
    if latest is None or latest.effective_to_ms is None or at_ms < latest.effective_to_ms:
        return latest
    return None


def list_in_force_since(versions: Sequence[V], since_ms: int) -> list[V]:
    """The versions in force at an instant or at any later one, in their order."""
    later_ms = [v.effective_from_ms for v in versions if v.effective_from_ms > since_ms]
    found = [find_in_force(versions, at_ms) for at_ms in (since_ms, *later_ms)]
    numbers = {version.version for version in found if version is not None}
    return [version for version in versions if version.version in numbers]


def list_overlaps(versions: Sequence[V]) -> list[tuple[V, V]]:
    """Pairs of which the earlier names an end that lies inside the later one.

    A version without an end gives way to its successor, and one that begins at the same instant
    replaces the older one; but two periods that both claim an instant leave a clerk guessing.
    """
    ordered = sorted(versions, key=lambda version: (version.effective_from_ms, version.version))
    return [
        (earlier, later)
        for place, earlier in enumerate(ordered)
        for later in ordered[place + 1 :]
        if earlier.effective_to_ms is not None
        and earlier.effective_from_ms < later.effective_from_ms < earlier.effective_to_ms
    ]


class Timeline(Generic[T]):
    """What holds at each instant, cut into stretches, so that a tap pays one bisection."""

    __slots__ = ("_starts_ms", "_values")

    def __init__(self, breaks_ms: Iterable[int], value_at: Callable[[int], T]) -> None:
        self._starts_ms = sorted(set(breaks_ms))
        self._values = [value_at(start_ms) for start_ms in self._starts_ms]

    def find(self, at_ms: int) -> T | None:
        """What holds at this instant; None before the first stretch."""
        return self.find_stretch(at_ms)[2]

    def find_stretch(self, at_ms: int) -> tuple[int, int, T | None]:
        """What holds at this instant, with the stretch in which it does: its start, and its end."""
        starts_ms = self._starts_ms
        place = bisect_right(starts_ms, at_ms)
        end_ms = starts_ms[place] if place < len(starts_ms) else ALWAYS_MS
        if place == 0:
            return -ALWAYS_MS, end_ms, None
        return starts_ms[place - 1], end_ms, self._values[place - 1]
