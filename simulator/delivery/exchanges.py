"""What was sent and what was answered, as JSON: all that an auditor gets to see."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, NamedTuple

import msgspec

EXCHANGES_MAX: Final = 200_000
"""Kept of one run, the first; some 200 MB. More are counted."""


class Exchange(NamedTuple):
    """One tap or report and its answer. Times are the driver's clock, milliseconds since 1970."""

    path: str
    body: dict[str, Any]
    status: int
    answer: dict[str, Any]
    sent_at_ms: int
    received_at_ms: int


class RawExchange(NamedTuple):
    """The same as it came; status 0 is that no answer did."""

    path: str
    body: bytes
    status: int
    answer: bytes
    sent_at_ms: int
    received_at_ms: int


class Audited(NamedTuple):
    """What an auditor found, and what it looked at: all counted, the first findings kept."""

    passed: bool
    verdict: str
    findings: list[str]
    checked: Mapping[str, int] = {}
    found: Mapping[str, int] = {}


class Exchanges:
    """Exchanges in the order of their answers, kept as bytes until somebody looks.

    Where nobody will, `kept_max` 0 has them counted only.
    """

    def __init__(self, kept_max: int = EXCHANGES_MAX) -> None:
        self._kept_max = kept_max
        self._kept: list[RawExchange] = []
        self.count = 0
        self.blocked: set[str] = set()
        """Media that the engine knows as blocked, by type and id."""

    @property
    def kept(self) -> int:
        """How many are kept."""
        return len(self._kept)

    @property
    def has_room(self) -> bool:
        """Whether one more would be kept."""
        return len(self._kept) < self._kept_max

    def add(
        self, path: str, body: bytes, status: int, answer: bytes, sent_ms: int, received_ms: int
    ) -> None:
        """Keep one, or count it."""
        self.count += 1
        if self.has_room:
            self._kept.append(RawExchange(path, body, status, answer, sent_ms, received_ms))

    def raw(self) -> Iterator[RawExchange]:
        """All that are kept, as they came."""
        return iter(self._kept)

    def __iter__(self) -> Iterator[Exchange]:
        for path, body, status, answer, sent_ms, received_ms in self._kept:
            decode = msgspec.json.decode
            yield Exchange(path, decode(body), status, decode(answer), sent_ms, received_ms)


Auditor = Callable[[Exchanges], Audited]
"""Decides by itself what should have been answered. It sees nothing but exchanges."""
