"""One process that serves: it owns the data directory, listens, and shuts down in order.

On SIGTERM or SIGINT it stops accepting, answers what it accepted, and closes the ledger. When the
committing task dies the process ends with status 1, so that a supervisor starts it again.
"""

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator
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

_STOPPING: Final = (signal.SIGTERM, signal.SIGINT)
SWITCH_INTERVAL_S: Final = 0.000_5
"""The ledger's thread asks for the interpreter a few times a commit; it should not wait for it ten
times as long as the disk takes."""


def serve(settings: Settings, announce: Callable[[str], None]) -> int:
    """Serve until a signal stops it; the exit status. `announce` gets the address once it listens.

    ConfigurationError when the directory or the address cannot be used.
    """
    configure_logs(settings)
    place = get_place(settings).open()
    with place.lock("serve") as lock, _listen(settings) as listener:
        url = _url_of(listener)

        def listening() -> None:
            lock.announce(url)
            logger.info("listening", url=url, data_dir=str(settings.data_dir))
            announce(url)

        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            status = runner.run(_serve(place, settings, listener, listening))
            _ignore_signals(runner.get_loop())
        return status


async def _serve(
    place: LedgerPlace,
    settings: Settings,
    listener: socket.socket,
    listening: Callable[[], None],
) -> int:
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
        server = _Server(config, door, listening)
        runtime.requests_in_flight = lambda: len(server.server_state.tasks)
        runtime.service.on_death = lambda: server.stop("the engine has died")
        loop = asyncio.get_running_loop()
        for number in _STOPPING:
            loop.add_signal_handler(number, server.stop, signal.Signals(number).name)
        runtime.service.on_idle = gc_control.collect_when_idle
        gc_control.freeze()
        sys.setswitchinterval(SWITCH_INTERVAL_S)
        stand_in = StandIn(listener, partial(render_metrics, runtime))
        runtime.loop_stalled_seconds = lambda: stand_in.stalled_seconds
        beating = asyncio.create_task(_beat(runtime, stand_in))
        await server.serve(sockets=[listener])
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


def _ignore_signals(loop: asyncio.AbstractEventLoop) -> None:
    """All is done: one more signal must not make it look as if the process had failed."""
    for number in _STOPPING:
        loop.remove_signal_handler(number)
        signal.signal(number, signal.SIG_IGN)


class _Server(uvicorn.Server):
    """uvicorn, stopped by us: its own signal handlers would end the process before the ledger."""

    def __init__(
        self,
        config: uvicorn.Config,
        door: Door,
        listening: Callable[[], None],
    ) -> None:
        super().__init__(config)
        self._door = door
        protocol = partial(make_protocol(door), config, self.server_state, {})
        self._listener = Listener(protocol, door.counts)
        self._listening = listening
        self.servers = []

    def stop(self, why: str) -> None:
        """Stop accepting and answer what was accepted; called twice, do not wait for clients."""
        logger.info("stopping", why=why)
        if self.should_exit:
            self.force_exit = True
        self.should_exit = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, and call back once it does."""
        (bound,) = sockets or []
        self._listener.open(bound)
        self._sweeping = asyncio.create_task(self._door.sweep())
        self.started = True
        self._listening()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Answer what is complete, and wait for nothing else."""
        self._listener.close()
        self._door.stop()
        await super().shutdown(sockets)
        self._sweeping.cancel()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to `_serve`."""
        yield


def _listen(settings: Settings) -> socket.socket:
    """A bound socket; with port 0 the system has chosen a free one."""
    host, port = settings.host, settings.port
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


def _url_of(listener: socket.socket) -> str:
    """Where a process on this machine reaches the API."""
    host, port = listener.getsockname()[:2]
    if host in ("0.0.0.0", "::"):
        host = "127.0.0.1" if listener.family == socket.AF_INET else "::1"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
