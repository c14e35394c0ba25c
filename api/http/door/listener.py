"""Accepts connections, a few at a time, and keeps descriptors for the ledger and the operators.

The event loop's own servers accept all that waits before the first connection is looked at, and
close without a word where descriptors are short. Here those that make room have gone before more
come, and a failure is counted and logged.
"""

import asyncio
import resource
import socket
from collections.abc import Callable
from typing import Final

import structlog

from api.runtime.connection_counts import ConnectionCounts

logger = structlog.get_logger(__name__)

BACKLOG: Final = 2_048
"""Connections not yet accepted."""
ACCEPTED_AT_ONCE: Final = 16
DESCRIPTORS_RESERVED: Final = 160
"""Descriptors that no connection gets: for the ledger, its log, reads of operators."""
_CONNECTIONS_MIN: Final = 16
_PAUSE_S: Final = 0.2
"""After a failure: what waits would wake the loop again at once."""


def find_connections_max(wanted: int) -> int:
    """How many connections may be open: as many as wanted, or as descriptors allow.

    The soft limit of descriptors is raised towards the hard one where that is needed.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = wanted + DESCRIPTORS_RESERVED
    if soft != resource.RLIM_INFINITY and soft < needed:
        soft = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return wanted
    possible = max(_CONNECTIONS_MIN, soft - DESCRIPTORS_RESERVED)
    logger.warning("connections_limited_by_descriptors", descriptors=soft, connections=possible)
    return possible


class Listener:
    """Accepts at one bound socket, from `open` to `close`."""

    def __init__(
        self, make_protocol: Callable[[], asyncio.Protocol], counts: ConnectionCounts
    ) -> None:
        self._make_protocol = make_protocol
        self._counts = counts
        self._loop = asyncio.get_running_loop()
        self._opening: set[asyncio.Task[None]] = set()
        self._pause: asyncio.TimerHandle | None = None
        self._has_failed = False

    def open(self, bound: socket.socket) -> None:
        """Begin to accept."""
        self._socket = bound
        bound.setblocking(False)
        bound.listen(BACKLOG)
        self._loop.add_reader(bound, self._accept)

    @property
    def is_opening(self) -> bool:
        """Whether a connection that was accepted is not known to the server yet."""
        return bool(self._opening)

    def close(self) -> None:
        """Accept no more; the socket stays open."""
        if self._pause is not None:
            self._pause.cancel()
        self._loop.remove_reader(self._socket)

    def _accept(self) -> None:
        for _ in range(ACCEPTED_AT_ONCE):
            try:
                connection, _address = self._socket.accept()
            except (BlockingIOError, ConnectionError):
                return
            except OSError as error:
                self._fail(error)
                return
            self._has_failed = False
            task = self._loop.create_task(self._open(connection))
            self._opening.add(task)
            task.add_done_callback(self._opening.discard)

    async def _open(self, connection: socket.socket) -> None:
        try:
            connection.setblocking(False)
            await self._loop.connect_accepted_socket(self._make_protocol, connection)
        except (OSError, RuntimeError):  # it has gone already, or was closed to make room
            connection.close()

    def _fail(self, error: OSError) -> None:
        """Most likely there is no descriptor left: wait a little, and say so once."""
        self._counts.accepts_failed += 1
        if not self._has_failed:
            logger.error("accept_failed", error=error.strerror)
        self._has_failed = True
        self._loop.remove_reader(self._socket)
        self._pause = self._loop.call_later(
            _PAUSE_S, self._loop.add_reader, self._socket, self._accept
        )
