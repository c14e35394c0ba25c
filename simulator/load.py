"""`simulate load`: arrivals that wait for no answer, timed from when they were due."""

import asyncio
import gc
import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

import uvloop

from simulator.delivery.checking import Check
from simulator.delivery.exchanges import EXCHANGES_MAX, Auditor, Exchanges
from simulator.delivery.figures import Figures
from simulator.delivery.over_http import OverHttp
from simulator.delivery.requests import Controllers, make_requests
from simulator.report.document import make_document
from simulator.target import Target
from simulator.world.sizes import make_taps
from simulator.world.world import World, WorldTap

TAPS_MAX: Final = 2_000_000
"""Of one run: its requests are made beforehand, some 700 bytes each."""
PROGRESS_S: Final = 1.0

Progress = Callable[[str, int, int], None]
"""What is going on, how much is done, of how much."""


class Load(NamedTuple):
    """A run: so many taps in so many seconds, at a fixed rate or by the curve of a day."""

    seed: int
    taps: int
    seconds: float
    by_curve: bool
    warm_up_s: float
    controllers: Controllers

    @property
    def rate(self) -> float:
        """Taps a second, on average."""
        return self.taps / self.seconds


def run_load(
    load: Load, target: Target, command: str, progress: Progress, auditor: Auditor | None = None
) -> dict[str, Any]:
    """Send the load; its report."""
    started_at = datetime.now(UTC).isoformat(timespec="seconds")
    progress("making taps", 0, load.taps)
    world = make_taps(target.metro, load.seed, load.taps)
    check = Check(target.presenter, blocks=False)
    figures = Figures(load.warm_up_s)
    exchanges = Exchanges(EXCHANGES_MAX if auditor else 0)
    delivery = OverHttp(target.url, target.presenter, check, figures, exchanges)
    arrivals = _by_curve(world, load) if load.by_curve else _at_random(world, load)
    requests = list(make_requests(arrivals, target.presenter, target.key, load.controllers))

    async def send() -> None:
        watch = asyncio.create_task(_watch(check, load, progress))
        try:
            await delivery.send_on_time(requests, load.controllers.connections)
        finally:
            watch.cancel()

    gc.collect()
    gc.freeze()  # what was made beforehand is not looked through again while latencies count
    try:
        uvloop.run(send())
    finally:
        gc.unfreeze()
    progress("answers", check.taps, load.taps)
    about = {
        "what": "load",
        "command": command,
        "started_at": started_at,
        "how": _describe(load.controllers, load),
        "seconds": load.seconds,
        "warm_up_seconds": load.warm_up_s,
        "rate": {"asked": load.rate, "held": figures.rate_held()},
    }
    return make_document(about, world, check, delivery, figures, auditor)


def _at_random(world: World, load: Load) -> Iterator[tuple[float, WorldTap]]:
    """At a fixed rate, as passengers come: each whenever she likes."""
    chance = random.Random(load.seed)
    at_s = 0.0
    for tap in world.taps():
        at_s += chance.expovariate(load.rate)
        yield at_s, tap


def _by_curve(world: World, load: Load) -> Iterator[tuple[float, WorldTap]]:
    """By the day's own curve, made to fit."""
    first_ms, last_ms = int(world.due_ms[0]), int(world.due_ms[-1])
    pace_s = load.seconds / max(last_ms - first_ms, 1)
    for tap in world.taps():
        yield (tap.due_ms - first_ms) * pace_s, tap


def _describe(controllers: Controllers, load: Load) -> str:
    connections, batch, batch_connections = controllers
    arrivals = "by the day's curve" if load.by_curve else "at random at a fixed rate"
    singles = connections - batch_connections
    parts = [f"over HTTP, arrivals {arrivals}"]
    if singles:
        parts.append(f"single taps on {singles} connections")
    if batch_connections:
        parts.append(f"batches of {batch} on {batch_connections}")
    return ", ".join(parts)


async def _watch(check: Check, load: Load, progress: Progress) -> None:
    while True:
        await asyncio.sleep(PROGRESS_S)
        progress("answers", check.taps, load.taps)
