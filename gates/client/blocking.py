"""The client for threads: the asynchronous one, on an event loop in a thread of its own."""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import CancelledError
from types import TracebackType
from typing import Any, Self, TypeVar

from gates.client.asynchronous import TAP_DEADLINE_S, AsyncEngineClient
from gates.client.messages import (
    Decision,
    Heartbeat,
    HeartbeatAnswer,
    Problem,
    ReportMessage,
    TapMessage,
)
from gates.client.skew import Skew
from gates.errors import Unreachable
from gates.times import now_ms

T = TypeVar("T")


class EngineClient:
    """The calls of AsyncEngineClient; each blocks until it is answered or its deadline has passed.

    Threads may share it.
    """

    def __init__(
        self,
        url: str,
        key: str,
        *,
        tap_deadline_s: float = TAP_DEADLINE_S,
        wall_clock_ms: Callable[[], int] = now_ms,
    ) -> None:
        self._client = AsyncEngineClient(
            url, key, tap_deadline_s=tap_deadline_s, wall_clock_ms=wall_clock_ms
        )
        self.tap_deadline_s = tap_deadline_s
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._lock = threading.Lock()
        self._is_closed = False

    def decide(self, tap: TapMessage, deadline_s: float | None = None) -> Decision:
        return self._run(self._client.decide(tap, deadline_s))

    def upload(
        self, taps: Sequence[TapMessage], deadline_s: float | None = None
    ) -> list[Decision | Problem]:
        return self._run(self._client.upload(taps, deadline_s))

    def report(
        self, tap_id: str, report: ReportMessage, deadline_s: float | None = None
    ) -> Decision:
        return self._run(self._client.report(tap_id, report, deadline_s))

    def fetch_parameters(
        self, controller_id: str, known_version: str | None, deadline_s: float | None = None
    ) -> bytes | None:
        return self._run(self._client.fetch_parameters(controller_id, known_version, deadline_s))

    def send_heartbeat(
        self, controller_id: str, heartbeat: Heartbeat, deadline_s: float | None = None
    ) -> HeartbeatAnswer:
        return self._run(self._client.send_heartbeat(controller_id, heartbeat, deadline_s))

    def check_ready(self, deadline_s: float | None = None) -> None:
        self._run(self._client.check_ready(deadline_s))

    def find_skew(self) -> Skew | None:
        return self._run(self._find_skew())

    def close(self) -> None:
        """Close the connections that are kept; calls under way in other threads end at once."""
        with self._lock:
            if self._is_closed:
                return
            self._is_closed = True
        asyncio.run_coroutine_threadsafe(self._end_calls(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _run(self, call: Coroutine[Any, Any, T]) -> T:
        with self._lock:
            if self._is_closed:
                call.close()
                raise Unreachable("the client is closed")
            future = asyncio.run_coroutine_threadsafe(call, self._loop)
        try:
            return future.result()
        except CancelledError:
            raise Unreachable("the client is closed") from None
        finally:
            future.cancel()  # where the caller was interrupted; else it does nothing

    async def _find_skew(self) -> Skew | None:
        return self._client.find_skew()

    async def _end_calls(self) -> None:
        calls = asyncio.all_tasks() - {asyncio.current_task()}
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
        self._client.close()
