"""The wiring of one station's controller: file, client, parameters, upkeep."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from gates.breaker import Breaker
from gates.client.asynchronous import TAP_DEADLINE_S, AsyncEngineClient
from gates.controller import Controller
from gates.reading import MediumReader
from gates.station_file import StationFile, lock_directory
from gates.upkeep import Upkeep


@dataclass(frozen=True, slots=True)
class StationSettings:
    """What a controller is installed with. The keys are secrets: `repr` does not show them."""

    station_id: str
    controller_id: str
    engine_url: str
    data_dir: Path
    gate_key: str
    token_key: bytes
    deadline_s: float = TAP_DEADLINE_S

    def __repr__(self) -> str:
        return f"StationSettings({self.station_id!r}, {self.engine_url!r}, {str(self.data_dir)!r})"


@dataclass(frozen=True, slots=True)
class Station:
    """A running controller and its upkeep; `task` ends only when something broke."""

    controller: Controller
    upkeep: Upkeep
    client: AsyncEngineClient
    task: asyncio.Task[None]


@asynccontextmanager
async def open_station(settings: StationSettings) -> AsyncIterator[Station]:
    """Run a station's controller for as long as the block lasts."""
    reader = MediumReader(settings.token_key)
    url, key = settings.engine_url, settings.gate_key
    with lock_directory(settings.data_dir), StationFile(settings.data_dir) as file:
        async with AsyncEngineClient(url, key, tap_deadline_s=settings.deadline_s) as client:
            breaker = Breaker(time.monotonic)
            controller = Controller(settings.station_id, file, client, reader, breaker)
            if controller.parameters.current is not None:
                reader.use(controller.parameters.current)
            upkeep = Upkeep(controller, client, settings.controller_id, reader.use)
            task = asyncio.create_task(upkeep.run())
            try:
                yield Station(controller, upkeep, client, task)
            finally:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
