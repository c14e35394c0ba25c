"""One worker: `python -m api.http.workers.worker`, started by the process that runs all of them.

It serves at the address of all workers and at one of its own, for its metrics and its readiness.
Its settings stand in the environment, its sockets are inherited.
"""

import asyncio
import gc
import socket
import sys

import structlog
import uvloop

from api.http.server import ignore_stop_signals, run_server
from api.http.workers.control import Control
from api.runtime.core_dumps import forbid_core_dumps
from api.runtime.logs import configure_logs
from api.runtime.place import get_place
from api.runtime.settings import load_settings
from fare_engine.errors import FareEngineError


def main(number: str, *descriptors: str) -> int:
    """Serve until the line or a signal stops it; the exit status."""
    gc.disable()  # what is loaded stays; `api.runtime.gc_control` collects the rest when idle
    forbid_core_dumps()
    shared, own, line = (socket.socket(fileno=int(one)) for one in descriptors)
    settings = load_settings()
    configure_logs(settings)
    structlog.contextvars.bind_contextvars(worker=int(number))
    place, control = get_place(settings).open(), Control(line)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        status = runner.run(
            run_server(place, settings, (own, shared), control.report_ready, control.attach)
        )
        ignore_stop_signals(runner.get_loop())
    return status


if __name__ == "__main__":
    try:
        sys.exit(main(*sys.argv[1:]))
    except FareEngineError as error:
        print(f"fare-engine: worker {sys.argv[1]}: {error}", file=sys.stderr)
        sys.exit(1)
