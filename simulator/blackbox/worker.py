"""One `fare-engine serve` process: started, killed, paused and stopped, at one address always."""

import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path

from simulator.serving import (
    STOP_MAX_S,
    NotServed,
    start_server,
    wait_until_ready,
    wait_until_ready_again,
)


class Worker:
    """A process that serves a data directory, with these variables in its environment."""

    def __init__(
        self, data_dir: Path, log_path: Path, settings: Mapping[str, str] | None = None
    ) -> None:
        self.url = ""
        """Where it listens; known once it was ready for the first time."""
        self._data_dir = data_dir
        self._log_path = log_path
        self._settings = settings
        self._port = 0
        self._process: subprocess.Popen[str] | None = None

    @property
    def is_ended(self) -> bool:
        """Whether nothing is left of it: neither a process nor what it would print."""
        if self._process is None:
            return True
        assert self._process.stdout is not None
        return self._process.stdout.closed

    def start(self) -> None:
        """Have it start."""
        with self._log_path.open("a", encoding="utf-8") as log:
            self._process = start_server(self._data_dir, self._port, log, self._settings)

    def wait_until_ready(self) -> None:
        """Wait until it decides taps after a start; NotServed when it does not come to that."""
        self.url = wait_until_ready(self._started(), self._log_path)
        self._port = int(self.url.rpartition(":")[2])

    def wait_until_ready_again(self) -> None:
        """Wait until it decides taps, while it runs on."""
        wait_until_ready_again(self.url, self._log_path)

    def kill(self) -> None:
        """Kill it, with SIGKILL; NotServed when it had ended by itself."""
        if self._started().poll() is not None:
            self._wait()
            raise NotServed("the server was lost before it was killed")
        self._started().kill()
        self._wait()

    def pause(self) -> None:
        """Have it stand still, with SIGSTOP."""
        self._started().send_signal(signal.SIGSTOP)

    def wake(self) -> None:
        """Have it go on."""
        self._started().send_signal(signal.SIGCONT)

    def stop(self) -> int:
        """Stop it in good order; its exit status."""
        self._started().terminate()
        try:
            return self._wait()
        except subprocess.TimeoutExpired:
            self._started().kill()
            return self._wait()

    def close(self) -> None:
        """Leave nothing of it, whatever state it is in."""
        if not self.is_ended:
            self._started().kill()
            self._wait()

    def _started(self) -> "subprocess.Popen[str]":
        assert self._process is not None, "it was not started"
        return self._process

    def _wait(self) -> int:
        process = self._started()
        status = process.wait(STOP_MAX_S)
        assert process.stdout is not None
        process.stdout.close()
        return status
