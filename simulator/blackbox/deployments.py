"""What the black box kills: an engine that is started, killed and stopped.

Each kind of deployment is a class here that does what `Deployment` says; nothing else of the black
box knows which one it is.
"""

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Protocol

from simulator.serving import STOP_MAX_S, start_server, wait_until_ready
from simulator.world.chengdu import make_network
from simulator.world.directory import make_directory

LOG_NAME: Final = "server.log"


class Deployment(Protocol):
    """An engine with Chengdu's network, at one address through all its lives."""

    @property
    def url(self) -> str:
        """Where it listens; known once it was ready for the first time."""

    @property
    def key(self) -> str:
        """An admin key, which speaks for all gates."""

    def start(self) -> None:
        """Have it start."""

    def wait_until_ready(self) -> None:
        """Wait until it decides taps; NotServed when it does not come to that."""

    def kill(self) -> None:
        """Kill it, with SIGKILL, at any moment."""

    def stop(self) -> int:
        """Stop it in good order; its exit status."""


class Embedded:
    """One process over one SQLite file."""

    def __init__(self, scratch: Path) -> None:
        self.url = ""
        self.data_dir = scratch / "data"
        now_ms = time.time_ns() // 1_000_000
        _, self.key = make_directory(self.data_dir, make_network(), now_ms)
        self._log_path = scratch / LOG_NAME
        self._port = 0
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """As `Deployment`."""
        with self._log_path.open("a", encoding="utf-8") as log:
            self._process = start_server(self.data_dir, self._port, log)

    def wait_until_ready(self) -> None:
        """As `Deployment`."""
        self.url = wait_until_ready(self._started(), self._log_path)
        self._port = int(self.url.rpartition(":")[2])

    def kill(self) -> None:
        """As `Deployment`."""
        self._started().kill()
        self._wait()

    def stop(self) -> int:
        """As `Deployment`."""
        self._started().terminate()
        try:
            return self._wait()
        except subprocess.TimeoutExpired:
            self._started().kill()
            return self._wait()

    @property
    def is_ended(self) -> bool:
        """Whether nothing is left of it: neither a process nor what it would print."""
        if self._process is None:
            return True
        assert self._process.stdout is not None
        return self._process.stdout.closed

    def _started(self) -> "subprocess.Popen[str]":
        assert self._process is not None, "it was not started"
        return self._process

    def _wait(self) -> int:
        process = self._started()
        status = process.wait(STOP_MAX_S)
        assert process.stdout is not None
        process.stdout.close()
        return status


@contextmanager
def running(deployment: Embedded) -> Iterator[Embedded]:
    """A deployment to be started; however the block ends, no process is left."""
    try:
        yield deployment
    finally:
        if not deployment.is_ended:
            deployment.kill()
