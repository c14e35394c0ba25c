"""A worker as the process that started it sees it."""

import asyncio
import os
import socket
import sys
from asyncio.subprocess import Process
from contextlib import suppress
from typing import Final, Self

import structlog

from api.http.workers.control import DRAIN, READY
from api.runtime.settings import PREFIX, Settings

logger = structlog.get_logger(__name__)

START_SECONDS_MAX: Final = 120.0
"""A worker that does not listen by then is given up."""

MARGIN_SECONDS: Final = 10.0
"""How much longer a stop may take than its answers are waited for; then the worker is killed."""

OWN_HOST: Final = "127.0.0.1"
_BACKLOG: Final = 64


class WorkerProcess:
    """A process that serves, with an address of its own at `url`."""

    def __init__(
        self,
        number: int,
        url: str,
        process: Process,
        line: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        shutdown_seconds: float,
    ) -> None:
        self.number = number
        self.url = url
        self._process = process
        self._reader, self._writer = line
        self._shutdown_seconds = shutdown_seconds

    @classmethod
    async def start(cls, number: int, shared: socket.socket, settings: Settings) -> Self:
        """Start a worker that serves at a socket which listens."""
        ours, theirs = socket.socketpair()
        own = socket.socket()
        with theirs, own:
            own.bind((OWN_HOST, 0))
            own.listen(_BACKLOG)
            descriptors = [one.fileno() for one in (shared, own, theirs)]
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-m", "api.http.workers.worker", str(number), *map(str, descriptors)),
                pass_fds=descriptors,
                env=os.environ | {f"{PREFIX}DATA_DIR": str(settings.data_dir)},
            )
            url = f"http://{OWN_HOST}:{own.getsockname()[1]}"
        line = await asyncio.open_connection(sock=ours)
        logger.info("worker_started", worker=number, pid=process.pid, url=url)
        return cls(number, url, process, line, settings.shutdown_seconds)

    @property
    def pid(self) -> int:
        """Its process."""
        return self._process.pid

    async def wait_until_ready(self) -> bool:
        """Whether it listens; False where it has ended, or was given up."""
        try:
            async with asyncio.timeout(START_SECONDS_MAX):
                return await self._reader.read(1) == READY
        except TimeoutError:
            logger.error("worker_not_ready", worker=self.number, seconds=START_SECONDS_MAX)
            return False
        except ConnectionError:
            return False

    async def wait(self) -> int:
        """Wait until it has ended; its exit status."""
        return await self._process.wait()

    async def drain(self) -> None:
        """Have it end once every connection has had its next answer, and wait for that."""
        with suppress(ConnectionError):
            self._writer.write(DRAIN)
            await self._writer.drain()
        await self._end()

    async def stop(self) -> int:
        """Stop it in good order, or after a while at once; its exit status."""
        self.interrupt()
        return await self._end()

    def interrupt(self) -> None:
        """Send it the signal to stop."""
        with suppress(ProcessLookupError):
            self._process.terminate()

    async def _end(self) -> int:
        try:
            async with asyncio.timeout(self._shutdown_seconds + MARGIN_SECONDS):
                status = await self._process.wait()
        except TimeoutError:
            logger.error("worker_killed", worker=self.number, pid=self.pid)
            with suppress(ProcessLookupError):
                self._process.kill()
            status = await self._process.wait()
        self._writer.close()
        return status
