"""The line between a worker and the process that started it: a byte says all there is to say."""

import asyncio
import socket
from typing import Final, Protocol

READY: Final = b"r"
"""From the worker: it listens."""

DRAIN: Final = b"d"
"""To the worker: another one has taken its place."""


class Stoppable(Protocol):
    """A server, as far as it is asked to end."""

    def stop(self, why: str) -> None:
        """Stop in good order."""

    def drain(self) -> None:
        """Stop once every connection has had its next answer."""


class Control:
    """The worker's end of the line; where the other end is gone, the worker stops too."""

    def __init__(self, line: socket.socket) -> None:
        self._line = line
        line.setblocking(False)

    def attach(self, server: Stoppable) -> None:
        """Do from now on what the line says."""
        asyncio.get_running_loop().add_reader(self._line, self._read, server)

    def report_ready(self) -> None:
        """Say that this worker listens."""
        self._line.send(READY)

    def _read(self, server: Stoppable) -> None:
        try:
            said = self._line.recv(1)
        except BlockingIOError:
            return
        except ConnectionError:
            said = b""
        if said == DRAIN:
            server.drain()
        elif not said:
            asyncio.get_running_loop().remove_reader(self._line)
            server.stop("the process that started this worker is gone")
