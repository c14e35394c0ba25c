"""Failed authentications: counted for each peer, and answered 429 above a limit.

The key is looked at first, so nobody with a valid one is refused for the failures of others.
"""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from math import ceil
from typing import Final

import structlog

from api.contract.problems import Refused
from api.runtime.peers import PeerFinder

logger = structlog.get_logger(__name__)

PEERS_MAX: Final = 10_000
WINDOW_SECONDS: Final = 60
COUNTED_CODES: Final = frozenset({"unauthorized", "too-many-failures"})
"""How these requests are refused: they are logged where they are counted."""
UNAUTHORIZED: Final = "send a valid key: Authorization: Bearer <key>"
_LOGGED_EACH: Final = 10
"""A peer that goes on is logged again at so many times the failures of its last line."""


@dataclass(slots=True)
class _Window:
    """The failures of a peer since its first one, and at which count it is logged next."""

    begun_at: float
    logged_at: int
    failures: int = 0


class FailedAuthentications:
    """Counts the requests of each peer that name no valid key, in windows of a minute.

    A window begins with a peer's first failure. At most `PEERS_MAX` peers are remembered; the one
    whose window began first is forgotten.
    """

    def __init__(
        self,
        peers: PeerFinder,
        per_minute: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._peers = peers
        self._per_minute = per_minute
        self._clock = clock
        self._windows: dict[str, _Window] = {}
        self.failed = 0
        self.limited = 0

    def count(
        self, client: tuple[str, int] | None, headers: Iterable[tuple[bytes, bytes]]
    ) -> Refused:
        """Count one request without a valid key, and say how it is refused: 401, or 429.

        `client` is the address and port of its socket; the names of its headers are in lower case.
        """
        self.failed += 1
        peer = self._peers.find_peer(client, headers)
        now = self._clock()
        window = self._get_window(peer, now)
        window.failures += 1
        if window.failures <= self._per_minute:
            logger.warning("authentication_failed", peer=peer)
            return Refused("unauthorized", UNAUTHORIZED)
        self.limited += 1
        if window.failures >= window.logged_at:
            window.logged_at = window.failures * _LOGGED_EACH
            logger.warning("authentications_limited", peer=peer, failures=window.failures)
        seconds = max(1, ceil(window.begun_at + WINDOW_SECONDS - now))
        detail = f"more than {self._per_minute} requests without a valid key in a minute"
        after = (b"retry-after", str(seconds).encode())
        return Refused("too-many-failures", detail, headers=[after])

    def _get_window(self, peer: str, now: float) -> _Window:
        """The window of a peer at this moment; they stand in the order of their beginnings."""
        window = self._windows.get(peer)
        if window is not None and now - window.begun_at < WINDOW_SECONDS:
            return window
        self._windows.pop(peer, None)
        if len(self._windows) >= PEERS_MAX:
            del self._windows[next(iter(self._windows))]
        window = self._windows[peer] = _Window(now, self._per_minute + 1)
        return window
