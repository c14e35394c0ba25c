"""The process that runs several workers: it starts, replaces and restarts them, and serves none.

All workers accept at one socket that this process opened, so a connection that waits while a worker
ends is taken by another one. SIGTERM and SIGINT stop all of them, SIGHUP restarts them one after
the other: each is replaced once its successor listens.
"""

import asyncio
import signal
import socket
from collections.abc import Callable
from functools import partial
from typing import Final

import structlog
import uvloop

from api.http.door.listener import BACKLOG
from api.http.server import STOP_SIGNALS, ignore_stop_signals, name_url, open_listener
from api.http.workers.overview import serve_overview
from api.http.workers.process import WorkerProcess
from api.runtime.logs import configure_logs
from api.runtime.settings import Settings, find_database_url
from fare_engine.errors import ConfigurationError

logger = structlog.get_logger(__name__)

PAUSE_SECONDS: Final = 0.1
"""Before a worker that has ended by itself is replaced; twice as long each time."""

PAUSE_SECONDS_MAX: Final = 30.0

STEADY_SECONDS: Final = 60.0
"""After a worker has served for so long, the next pause is the shortest again."""

Announce = Callable[[str, str], None]
"""Gets the address of the API and that of the metrics of all workers."""


def supervise(settings: Settings, announce: Announce) -> int:
    """Run workers until a signal stops them; the exit status.

    ConfigurationError where the ledger is not one that several processes can use.
    """
    configure_logs(settings)
    if find_database_url(settings) is None:
        raise ConfigurationError(
            f"{settings.workers} workers need a ledger that they can share: name a database of "
            "PostgreSQL in FARE_DATABASE_URL, or serve with one"
        )
    with (
        open_listener(settings.host, settings.port) as shared,
        open_listener(settings.host, settings.metrics_port) as overview,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        shared.listen(BACKLOG)
        announced = partial(announce, name_url(shared), name_url(overview))
        status = runner.run(_Supervisor(settings, shared).run(overview, announced))
        ignore_stop_signals(runner.get_loop())
    return status


class Slot:
    """The place of one worker: who serves there now, and how often another one had to."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.worker: WorkerProcess | None = None
        self.deaths = 0
        self.must_restart = asyncio.Event()
        self.restarted = asyncio.Event()


class _Supervisor:
    def __init__(self, settings: Settings, shared: socket.socket) -> None:
        self._settings = settings
        self._shared = shared
        self._slots = [Slot(number) for number in range(1, settings.workers + 1)]
        self._stopping = asyncio.Event()
        self._restarting: asyncio.Task[None] | None = None
        self._statuses: list[int] = []

    async def run(self, overview: socket.socket, announced: Callable[[], None]) -> int:
        loop = asyncio.get_running_loop()
        for number in STOP_SIGNALS:
            loop.add_signal_handler(number, self._stop, signal.Signals(number).name)
        loop.add_signal_handler(signal.SIGHUP, self._restart)
        status = 1
        async with asyncio.TaskGroup() as tasks:
            shown = tasks.create_task(serve_overview(overview, self._slots))
            if await self._start_all():
                announced()
                logger.info("listening", url=name_url(self._shared), metrics=name_url(overview))
                async with asyncio.TaskGroup() as kept:
                    for slot in self._slots:
                        kept.create_task(self._keep(slot))
                status = max(map(abs, self._statuses), default=0)
            shown.cancel()
        logger.info("stopped", failed=status != 0)
        return min(status, 1)

    async def _start_all(self) -> bool:
        """The first worker, then all others: what keeps one from starting is said once."""
        for slots in (self._slots[:1], self._slots[1:]):
            started = await asyncio.gather(*(self._start(slot) for slot in slots))
            if None in started or self._stopping.is_set():
                running = [slot.worker for slot in self._slots if slot.worker is not None]
                await asyncio.gather(*(worker.stop() for worker in running))
                return False
        return True

    async def _start(self, slot: Slot) -> WorkerProcess | None:
        """Have a worker serve in a slot; None where it ends before it does."""
        try:
            worker = await WorkerProcess.start(slot.number, self._shared, self._settings)
        except OSError as error:
            logger.error("worker_not_started", worker=slot.number, error=error.strerror)
            return None
        if not await worker.wait_until_ready():
            await worker.stop()
            return None
        slot.worker = worker
        return worker

    async def _keep(self, slot: Slot) -> None:
        """Have a worker in a slot until all are to stop."""
        loop, pause_seconds = asyncio.get_running_loop(), PAUSE_SECONDS
        while not self._stopping.is_set():
            if slot.worker is None:
                await self._wait_for_stop(pause_seconds)
                pause_seconds = min(2 * pause_seconds, PAUSE_SECONDS_MAX)
                if not self._stopping.is_set():
                    await self._start(slot)
                continue
            begun_at = loop.time()
            await self._watch(slot, slot.worker)
            if loop.time() - begun_at > STEADY_SECONDS:
                pause_seconds = PAUSE_SECONDS
        if slot.worker is not None:
            self._statuses.append(await slot.worker.stop())

    async def _watch(self, slot: Slot, worker: WorkerProcess) -> None:
        """Until the worker has ended, was replaced, or all are to stop."""
        waits = {
            asyncio.ensure_future(one)
            for one in (worker.wait(), self._stopping.wait(), slot.must_restart.wait())
        }
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
        if self._stopping.is_set():
            return
        if slot.must_restart.is_set():
            await self._replace(slot, worker)
            return
        status = await worker.wait()
        logger.error("worker_died", worker=slot.number, pid=worker.pid, status=status)
        slot.worker = None
        slot.deaths += 1

    async def _replace(self, slot: Slot, worker: WorkerProcess) -> None:
        """Start a successor, and have the worker end once that one listens; else it goes on."""
        if await self._start(slot) is None:
            logger.error("restart_failed", worker=slot.number)
        else:
            await worker.drain()
        slot.must_restart.clear()
        slot.restarted.set()

    async def _wait_for_stop(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        except TimeoutError:
            pass

    def _stop(self, why: str) -> None:
        logger.info("stopping", why=why)
        if self._stopping.is_set():
            for slot in self._slots:
                if slot.worker is not None:
                    slot.worker.interrupt()
        self._stopping.set()

    def _restart(self) -> None:
        if self._restarting is None or self._restarting.done():
            self._restarting = asyncio.get_running_loop().create_task(self._restart_all())

    async def _restart_all(self) -> None:
        logger.info("restarting")
        for slot in self._slots:
            slot.restarted.clear()
            slot.must_restart.set()
            await slot.restarted.wait()
        logger.info("restarted")
