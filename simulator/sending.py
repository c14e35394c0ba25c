"""Sends taps to a server as its gates do: over kept connections, each passenger's in order."""

import asyncio
import time
from types import TracebackType
from typing import Any, Final, Self

import httpx2

from simulator.crowd import SimulatedTap
from simulator.metro import Metro
from simulator.tally import Tally

LANES: Final = 16
"""Connections. A passenger's taps share one, and so keep their order."""
ANSWER_MAX_S: Final = 30.0
REPLAYED: Final = "Idempotent-Replayed"

Waiting = asyncio.Queue[SimulatedTap | None]


class Sender:
    """Sends what it is given, and tells `tally` the answers. Leave the block to wait for all."""

    def __init__(self, url: str, metro: Metro, keys: dict[str, str], tally: Tally) -> None:
        self._metro = metro
        self._headers = {
            station: {"Authorization": f"Bearer {key}"} for station, key in keys.items()
        }
        self.tally = tally
        self._client = httpx2.AsyncClient(
            base_url=url,
            timeout=ANSWER_MAX_S,
            limits=httpx2.Limits(max_connections=LANES, max_keepalive_connections=LANES),
            trust_env=False,
        )
        self._waiting: list[Waiting] = [asyncio.Queue() for _ in range(LANES)]
        self._lanes: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        self._lanes = [asyncio.create_task(self._send_all(waiting)) for waiting in self._waiting]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for waiting in self._waiting:
            waiting.put_nowait(None)
        try:
            if error is None:
                await asyncio.gather(*self._lanes)
        finally:
            for lane in self._lanes:
                lane.cancel()
            await self._client.aclose()

    def send(self, tap: SimulatedTap) -> None:
        """Have a tap sent after those that wait already."""
        self._waiting[tap.passenger % LANES].put_nowait(tap)

    def check(self) -> None:
        """Raise what ended a lane, when something did."""
        for lane in self._lanes:
            if lane.done():
                lane.result()

    async def drain(self, stopped: asyncio.Event) -> None:
        """Wait until all that waits was answered, or until stopped."""
        sent = asyncio.create_task(self._join())
        stop = asyncio.create_task(stopped.wait())
        try:
            ends: list[asyncio.Task[Any]] = [sent, stop, *self._lanes]
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        finally:
            sent.cancel()
            stop.cancel()
        self.check()

    async def _join(self) -> None:
        for waiting in self._waiting:
            await waiting.join()

    def forget(self) -> None:
        """Send nothing more of what waits."""
        for waiting in self._waiting:
            while not waiting.empty():
                waiting.get_nowait()
                waiting.task_done()

    async def _send_all(self, waiting: Waiting) -> None:
        while (tap := await waiting.get()) is not None:
            await self._send(tap)
            waiting.task_done()

    async def _send(self, tap: SimulatedTap) -> None:
        tally, body = self.tally, tap.body
        headers = self._headers[self._metro.station_of[body["gate_id"]]]
        begun = time.perf_counter()
        first = await self._client.post("/v1/taps", json=body, headers=headers)
        tally.latencies_ms.append((time.perf_counter() - begun) * 1e3)
        if first.status_code != 200:
            tally.unexpected.append(f"{body['tap_id']}: {first.status_code} {first.text}")
            return
        tally.take(tap, first.json())
        tally.known += REPLAYED in first.headers
        if tap.step.again:
            tally.resent += 1
            again = await self._client.post("/v1/taps", json=body, headers=headers)
            if again.text != first.text or again.headers.get(REPLAYED) != "true":
                told = f"{again.status_code} {again.text}"
                tally.unexpected.append(f"{body['tap_id']}: sent again, it is answered {told}")
        if tap.step.turned_back:
            tally.reports += 1
            report = {"gate_action_taken": "open", "fare_taken": 0, "passed": False}
            path = f"/v1/taps/{body['tap_id']}/report"
            told_again = await self._client.post(path, json=report, headers=headers)
            if told_again.status_code != 200 or told_again.json() != first.json():
                told = f"{told_again.status_code} {told_again.text}"
                tally.unexpected.append(f"{body['tap_id']}: its report is answered {told}")
