"""The block list as the edge asks it: one look-up a tap, and none while the list is empty."""

from collections.abc import Mapping


class BlockList:
    """Since when each blocked token is blocked; `changes` counts what was put on and taken off."""

    __slots__ = ("changes", "since_ms")

    def __init__(self, since_ms: Mapping[bytes, int] | None = None) -> None:
        self.since_ms = dict(since_ms or {})
        self.changes = 0

    def add(self, token: bytes, blocked_at_ms: int) -> None:
        """Block a token from an instant on."""
        self.since_ms[token] = blocked_at_ms
        self.changes += 1

    def remove(self, token: bytes) -> None:
        """Block a token no more."""
        self.since_ms.pop(token, None)
        self.changes += 1
