"""A real `fare-engine serve` process on a data directory of its own."""

import json
import os
import socket
import subprocess
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

FARE_ENGINE = Path(sysconfig.get_path("scripts"), "fare-engine")
STOP_MAX_SECONDS = 30


class NotServed(Exception):
    """The engine could not be set up or started; the text is what it said."""


class Served(NamedTuple):
    """A server that listens, and what `init` told."""

    url: str
    setup: dict[str, Any]


@contextmanager
def serving(data_dir: Path, port: int) -> Iterator[Served]:
    """Set up a data directory and serve it; the server is stopped at the end of the block."""
    made = subprocess.run(
        [FARE_ENGINE, "init", "--data-dir", data_dir, "--json"],
        env=_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode != 0:
        raise NotServed(made.stderr)
    log_path = data_dir.with_name("server.log")
    with log_path.open("w", encoding="utf-8") as log:
        process = subprocess.Popen(
            [
                *(FARE_ENGINE, "serve", "--data-dir", data_dir),
                *("--port", str(_free_port(port)), "--no-console"),
            ],
            env=_environment(),
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            start_new_session=True,  # Ctrl-C is ours: the server stops after the last tap
        )
        try:
            assert process.stdout is not None
            told = process.stdout.readline()
            if not told.startswith("fare-engine serves "):
                raise NotServed(told + log_path.read_text(encoding="utf-8"))
            yield Served(told.split()[2], json.loads(made.stdout))
        finally:
            process.terminate()
            process.wait(STOP_MAX_SECONDS)


def _environment() -> dict[str, str]:
    """Ours without settings that would change what is simulated."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("FARE_")}
    return ours | {"PYTHONUNBUFFERED": "1"}


def _free_port(wanted: int) -> int:
    """The wanted port, or 0 (any) when somebody has it."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", wanted))
        except OSError:
            return 0
    return wanted
