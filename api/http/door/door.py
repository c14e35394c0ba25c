"""What all connections of a server share: limits, counts, deadlines and turns."""

import asyncio
from typing import Final

from api.http.door.connections import Connections
from api.http.door.turns import Turns
from api.http.tap_desk import TapDesk
from api.runtime.wiring import Runtime

SWEEP_SECONDS: Final = 1
STOP_SECONDS: Final = 2
"""At a stop, how long answers that nobody reads are waited for."""


class Door:
    """One a server, with its settings and the desk that takes taps."""

    def __init__(self, runtime: Runtime, connections_max: int) -> None:
        self.runtime = runtime
        self.settings = settings = runtime.settings
        self.desk = TapDesk(runtime)
        self.counts = runtime.connection_counts
        self.connections = Connections(
            connections_max=connections_max,
            per_peer_max=settings.connections_per_peer_max,
            unauthenticated_bytes_max=settings.unauthenticated_bytes_max,
            counts=self.counts,
            is_proxy=runtime.peers.is_trusted,
        )
        self.closing_seconds = settings.write_seconds
        """How long a connection that is closed may take to read its answers."""
        self.is_draining = False
        """Whether each connection ends behind its next answer."""
        self._loop = asyncio.get_running_loop()
        self.without_key = Turns(self._loop)
        """Requests without a key."""
        self.batches = Turns(self._loop)
        """Requests with a key that are more than a tap or a look, and what of a body is left."""

    def stop(self) -> None:
        """Wait no longer for answers to be read than a stop may take."""
        self.closing_seconds = min(self.closing_seconds, STOP_SECONDS)

    async def sweep(self) -> None:
        """Look at all deadlines, once a second, until cancelled: cheaper than a timer a request."""
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            now = self._loop.time()
            for connection in self.connections.list_all():
                connection.check(now)
