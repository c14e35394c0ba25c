"""The client for threads: every call blocks until it is answered or its deadline has passed."""

import socket
import ssl
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self, TypeVar

from gates.client.core import Core, Open, Pause, Read, Step, Steps, Write
from gates.client.messages import (
    Decision,
    Heartbeat,
    HeartbeatAnswer,
    Problem,
    ReportMessage,
    TapMessage,
)
from gates.client.skew import Skew

READ_BYTES = 65_536
T = TypeVar("T")


class EngineClient:
    """Asks one engine. Threads may share it; calls raise EngineFailed or Refused."""

    def __init__(self, url: str, key: str, **options: Any) -> None:
        self._core = Core(url, key, **options)
        self._tls = ssl.create_default_context() if self._core.secure else None

    def decide(self, tap: TapMessage, deadline_s: float | None = None) -> Decision:
        """Have one tap decided, by default within 150 ms."""
        return self._run(self._core.decide(tap, deadline_s))

    def upload(
        self, taps: Sequence[TapMessage], deadline_s: float | None = None
    ) -> list[Decision | Problem]:
        """Have up to 1,000 taps decided in order; one result a tap."""
        return self._run(self._core.upload(taps, deadline_s))

    def report(
        self, tap_id: str, report: ReportMessage, deadline_s: float | None = None
    ) -> Decision:
        """Tell what a gate did at a tap; the decision as it stands."""
        return self._run(self._core.report(tap_id, report, deadline_s))

    def fetch_parameters(
        self, controller_id: str, known_version: str | None, deadline_s: float | None = None
    ) -> bytes | None:
        """The document of a controller's parameters; None when it is the one known already."""
        return self._run(self._core.fetch_parameters(controller_id, known_version, deadline_s))

    def send_heartbeat(
        self, controller_id: str, heartbeat: Heartbeat, deadline_s: float | None = None
    ) -> HeartbeatAnswer:
        """Tell how the controller is; hear the engine's clock and its version of parameters."""
        return self._run(self._core.send_heartbeat(controller_id, heartbeat, deadline_s))

    def check_ready(self, deadline_s: float | None = None) -> None:
        """Return when the engine decides taps."""
        self._run(self._core.check_ready(deadline_s))

    @property
    def tap_deadline_s(self) -> float:
        """How long a passenger waits at most."""
        return self._core.tap_deadline_s

    def find_skew(self) -> Skew | None:
        """How far this machine's clock is off the engine's; None before the first answer."""
        return self._core.skew.find()

    def close(self) -> None:
        """Close the connections that are kept."""
        self._core.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _run(self, steps: Steps[T]) -> T:
        try:
            step = next(steps)
            while True:
                try:
                    told = self._take(step)
                except OSError as error:
                    step = steps.throw(error)
                else:
                    step = steps.send(told)
        except StopIteration as end:
            result: T = end.value
            return result
        finally:
            steps.close()

    def _take(self, step: Step) -> Any:
        match step:
            case Open(ends_s):
                return self._open(ends_s)
            case Write(transport, data, ends_s):
                return transport.write(data, ends_s)
            case Read(transport, ends_s):
                return transport.read(ends_s)
            case Pause(seconds):
                return time.sleep(seconds)

    def _open(self, ends_s: float) -> "_Connection":
        core = self._core
        connection = socket.create_connection((core.host, core.port), _left(ends_s))
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._tls is not None:
            connection = self._tls.wrap_socket(connection, server_hostname=core.host)
        return _Connection(connection)


class _Connection:
    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection

    def write(self, data: bytes, ends_s: float) -> None:
        self._socket.settimeout(_left(ends_s))
        self._socket.sendall(data)

    def read(self, ends_s: float) -> bytes:
        self._socket.settimeout(_left(ends_s))
        return self._socket.recv(READ_BYTES)

    def drop(self) -> None:
        self._socket.close()


def _left(ends_s: float) -> float:
    """Seconds until then; TimeoutError when it has passed."""
    seconds = ends_s - time.monotonic()
    if seconds <= 0:
        raise TimeoutError
    return seconds
