"""The client for an event loop: any number of calls at once."""

import asyncio
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


class AsyncEngineClient:
    """Asks one engine; calls raise EngineFailed or Refused."""

    def __init__(self, url: str, key: str, **options: Any) -> None:
        self._core = Core(url, key, **options)
        self._tls = ssl.create_default_context() if self._core.secure else None

    async def decide(self, tap: TapMessage, deadline_s: float | None = None) -> Decision:
        """Have one tap decided, by default within 150 ms."""
        return await self._run(self._core.decide(tap, deadline_s))

    async def upload(
        self, taps: Sequence[TapMessage], deadline_s: float | None = None
    ) -> list[Decision | Problem]:
        """Have up to 1,000 taps decided in order; one result a tap."""
        return await self._run(self._core.upload(taps, deadline_s))

    async def report(
        self, tap_id: str, report: ReportMessage, deadline_s: float | None = None
    ) -> Decision:
        """Tell what a gate did at a tap; the decision as it stands."""
        return await self._run(self._core.report(tap_id, report, deadline_s))

    async def fetch_parameters(
        self, controller_id: str, known_version: str | None, deadline_s: float | None = None
    ) -> bytes | None:
        """The document of a controller's parameters; None when it is the one known already."""
        steps = self._core.fetch_parameters(controller_id, known_version, deadline_s)
        return await self._run(steps)

    async def send_heartbeat(
        self, controller_id: str, heartbeat: Heartbeat, deadline_s: float | None = None
    ) -> HeartbeatAnswer:
        """Tell how the controller is; hear the engine's clock and its version of parameters."""
        return await self._run(self._core.send_heartbeat(controller_id, heartbeat, deadline_s))

    async def check_ready(self, deadline_s: float | None = None) -> None:
        """Return when the engine decides taps."""
        await self._run(self._core.check_ready(deadline_s))

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

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    async def _run(self, steps: Steps[T]) -> T:
        try:
            step = next(steps)
            while True:
                try:
                    told = await self._take(step)
                except OSError as error:
                    step = steps.throw(error)
                else:
                    step = steps.send(told)
        except StopIteration as end:
            result: T = end.value
            return result
        finally:
            steps.close()

    async def _take(self, step: Step) -> Any:
        if isinstance(step, Pause):
            return await asyncio.sleep(step.seconds)
        async with asyncio.timeout(step.ends_s - time.monotonic()):
            match step:
                case Open():
                    return await self._open()
                case Write(transport, data, _):
                    return await transport.write(data)
                case Read(transport, _):
                    return await transport.read()

    async def _open(self) -> "_Connection":
        core = self._core
        return _Connection(*await asyncio.open_connection(core.host, core.port, ssl=self._tls))


class _Connection:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def write(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def read(self) -> bytes:
        return await self._reader.read(READ_BYTES)

    def drop(self) -> None:
        self._writer.transport.abort()
