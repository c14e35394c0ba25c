"""One process that serves: it has the ledger open, listens, and shuts down in order.

On SIGTERM or SIGINT it stops accepting, answers what it accepted, and closes the ledger. When the
committing task dies the process ends with status 1, so that a supervisor starts it again.
"""

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Final

import structlog
import uvicorn
import uvloop

from api.http.app import create_app
from api.http.door.door import Door
from api.http.door.listener import Listener, find_connections_max
from api.http.protocol import make_protocol
from api.http.routes.health import render_metrics
from api.http.stand_in import BEAT_S, StandIn
from api.runtime import gc_control
from api.runtime.logs import configure_logs
from api.runtime.place import get_place
from api.runtime.service import STALL_S, EngineService
from api.runtime.settings import Settings
from api.runtime.wiring import Runtime, open_runtime
from fare_engine.errors import ConfigurationError, LedgerLost
from fare_engine.ledger.place import LedgerPlace

logger = structlog.get_logger(__name__)

STOP_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)

DRAIN_SECONDS: Final = 5.0
"""How long a server that was replaced waits for the next request of each connection."""
_DRAIN_LOOK_SECONDS: Final = 0.05
SWITCH_INTERVAL_S: Final = 0.000_5
"""The ledger's thread asks for the interpreter a few times a commit; it should not wait for it ten
times as long as the disk takes."""


def serve(settings: Settings, announce: Callable[[str], None]) -> int:
    """Serve until a signal stops it; the exit status. `announce` gets the address once it listens.

    ConfigurationError when the directory or the address cannot be used.
    """
    configure_logs(settings)
    place = get_place(settings).open()
    with (
        place.lock("serve") as lock,
        open_listener(settings.host, settings.port) as listener,
    ):
        url = name_url(listener)

        def listening() -> None:
            lock.announce(url)
            logger.info("listening", url=url, data_dir=str(settings.data_dir))
            announce(url)

        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            status = runner.run(run_server(place, settings, [listener], listening))
            ignore_stop_signals(runner.get_loop())
        return status


async def run_server(
    place: LedgerPlace,
    settings: Settings,
    listeners: Sequence[socket.socket],
    listening: Callable[[], None],
    attach: Callable[["Server"], None] | None = None,
) -> int:
    """Serve at bound sockets until a signal, or what is attached, stops it; the exit status.

    At the first of the sockets a thread answers while the event loop stands still.
    """
    async with open_runtime(place, settings) as runtime:
        door = Door(runtime, find_connections_max(settings.connections_max))
        config = uvicorn.Config(
            create_app(runtime),
            ws="none",
            lifespan="off",
            interface="asgi3",
            access_log=False,
            log_config=None,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=settings.shutdown_seconds,
        )
        server = Server(config, door, listening)
        runtime.requests_in_flight = lambda: len(server.server_state.tasks)
        runtime.service.on_death = lambda: server.stop("the engine has died")
        loop = asyncio.get_running_loop()
        for number in STOP_SIGNALS:
            loop.add_signal_handler(number, server.stop, signal.Signals(number).name)
        runtime.service.on_idle = gc_control.collect_when_idle
        gc_control.freeze()
        sys.setswitchinterval(SWITCH_INTERVAL_S)
        stand_in = StandIn(listeners[0], partial(render_metrics, runtime))
        runtime.loop_stalled_seconds = lambda: stand_in.stalled_seconds
        beating = asyncio.create_task(_beat(runtime, stand_in))
        if attach is not None:
            attach(server)
        await server.serve(sockets=[*listeners])
        beating.cancel()
        stand_in.stop()
        _end_if_hopeless(runtime.service)
    dead = runtime.service.dead
    logger.info("stopped", failed=dead is not None)
    return 0 if dead is None else 1


async def _beat(runtime: Runtime, stand_in: StandIn) -> None:
    """Show that the loop turns, and look whether the ledger's files are still there."""
    stand_in.start()
    while True:
        stand_in.beat()
        try:
            runtime.ledger.check_files()
        except LedgerLost as error:
            runtime.service.die(error)
        await asyncio.sleep(BEAT_S)


def _end_if_hopeless(service: EngineService) -> None:
    """End at once where the ledger must not be closed, or cannot be: its thread does not end.

    What was answered is stored; the next start reads it.
    """
    dead = service.dead
    if (isinstance(dead, LedgerLost) and not dead.may_close) or service.stalled_seconds > STALL_S:
        logger.critical("ended_without_closing_the_ledger", why=str(dead or "it hangs"))
        sys.stderr.flush()
        os._exit(1)


def ignore_stop_signals(loop: asyncio.AbstractEventLoop) -> None:
    """All is done: one more signal must not make it look as if the process had failed."""
    for number in STOP_SIGNALS:
        loop.remove_signal_handler(number)
        signal.signal(number, signal.SIG_IGN)


class Server(uvicorn.Server):
    """uvicorn, stopped by us: its own signal handlers would end the process before the ledger."""

    def __init__(
        self,
        config: uvicorn.Config,
        door: Door,
        listening: Callable[[], None],
    ) -> None:
        super().__init__(config)
        self._door = door
        self._make_protocol = partial(make_protocol(door), config, self.server_state, {})
        self._listeners: list[Listener] = []
        self._draining: asyncio.Task[None] | None = None
        self._listening = listening
        self.servers = []

    def stop(self, why: str) -> None:
        """Stop accepting and answer what was accepted; called twice, do not wait for clients."""
        logger.info("stopping", why=why)
        if self.should_exit:
            self.force_exit = True
        self.should_exit = True

    def drain(self) -> None:
        """Accept no more, end each connection behind its next answer, and stop then."""
        if self._draining is None:
            self._draining = asyncio.create_task(self._drain())

    async def _drain(self) -> None:
        loop, door = asyncio.get_running_loop(), self._door
        for listener in self._listeners:
            listener.close()
        door.is_draining = True
        ends_at = loop.time() + DRAIN_SECONDS
        while loop.time() < ends_at and (  # noqa: ASYNC110 - no event says so
            door.connections.list_all() or any(one.is_opening for one in self._listeners)
        ):
            await asyncio.sleep(_DRAIN_LOOK_SECONDS)
        self.stop("another worker has taken its place")

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, and call back once it does."""
        for bound in sockets or []:
            listener = Listener(self._make_protocol, self._door.counts)
            listener.open(bound)
            self._listeners.append(listener)
        self._sweeping = asyncio.create_task(self._door.sweep())
        self.started = True
        self._listening()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Answer what is complete, and wait for nothing else."""
        for listener in self._listeners:
            listener.close()
        self._door.stop()
        await super().shutdown(sockets)
        self._sweeping.cancel()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to `run_server`."""
        yield


def open_listener(host: str, port: int) -> socket.socket:
    """A bound socket; with port 0 the system has chosen a free one."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
        except OSError:
            listener.close()
            raise
    except OSError as error:
        raise ConfigurationError(f"cannot listen at {host} port {port}: {error.strerror}") from None
    return listener


def name_url(listener: socket.socket) -> str:
    """Where a process on this machine reaches the API."""
    host, port = listener.getsockname()[:2]
    if host in ("0.0.0.0", "::"):
        host = "127.0.0.1" if listener.family == socket.AF_INET else "::1"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
