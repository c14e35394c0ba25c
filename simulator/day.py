"""`simulate day`: a whole day of a network, as fast as the engine decides it."""

import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import uvloop

from fare_engine.replay.engines import open_in_place
from gates.media import TokenMaker
from simulator.delivery.checking import Check
from simulator.delivery.exchanges import EXCHANGES_MAX, Auditor, Exchanges
from simulator.delivery.figures import Figures
from simulator.delivery.in_process import BATCH_TAPS, InProcess
from simulator.delivery.over_http import OverHttp
from simulator.delivery.requests import Controllers, make_requests
from simulator.load import Progress
from simulator.report.document import make_document
from simulator.target import Target
from simulator.world.chengdu import make_metro, make_network
from simulator.world.directory import make_directory
from simulator.world.presenting import Presenter
from simulator.world.sizes import PASSENGERS_A_DAY, make_crowd
from simulator.world.times import Day
from simulator.world.world import World

SCALE_MAX: Final = 4.0
CONTROLLERS: Final = Controllers(connections=8, batch=100, batch_connections=8)
"""How a day is sent to a server."""


def make_day(target: Target | None, seed: int, scale: float) -> World:
    """A day of a server's metro, or of Chengdu's; at scale 1 with as many passengers as there."""
    metro = target.metro if target else make_metro()
    return make_crowd(metro, seed, max(1, round(PASSENGERS_A_DAY * scale)))


def run_day(
    seed: int,
    scale: float,
    target: Target | None,
    command: str,
    progress: Progress,
    auditor: Auditor | None = None,
) -> dict[str, Any]:
    """Decide the day in this process over a scratch ledger, or have a server do it; its report."""
    started_at = datetime.now(UTC).isoformat(timespec="seconds")
    progress("making taps", 0, 1)
    world = make_day(target, seed, scale)

    def done(taps: int) -> None:
        progress("decided", taps, len(world))

    presenter = target.presenter if target else Presenter(world.metro)
    check = Check(presenter, blocks=target is None)
    exchanges = Exchanges(EXCHANGES_MAX if auditor else 0)
    begun = time.perf_counter()
    delivery: InProcess | OverHttp
    if target is None:
        delivery, how = _decide_here(world, presenter, check, exchanges, done)
    else:
        delivery, how = _send(world, target, check, exchanges, done)
    taken_s = time.perf_counter() - begun
    about = {
        "what": "day",
        "command": command,
        "started_at": started_at,
        "how": how,
        "seconds": taken_s,
        "warm_up_seconds": 0.0,
        "rate": {"asked": None, "held": check.taps / taken_s},
    }
    return make_document(about, world, check, delivery, None, auditor)


def _decide_here(
    world: World,
    presenter: Presenter,
    check: Check,
    exchanges: Exchanges,
    done: Callable[[int], None],
) -> tuple[InProcess, str]:
    with tempfile.TemporaryDirectory(prefix="fare-simulate-") as scratch:
        directory, _ = make_directory(Path(scratch, "data"), make_network(), Day().midnight_ms)
        make_token = TokenMaker(directory.read_token_key()).token
        with open_in_place(directory) as engine:
            delivery = InProcess(engine, make_token, presenter, check, exchanges)
            delivery.decide(world, done)
    return delivery, f"decided in this process over a SQLite ledger, {BATCH_TAPS:,} a transaction"


def _send(
    world: World,
    target: Target,
    check: Check,
    exchanges: Exchanges,
    done: Callable[[int], None],
) -> tuple[OverHttp, str]:
    delivery = OverHttp(target.url, target.presenter, check, Figures(0.0), exchanges)
    connections, batch, _ = CONTROLLERS
    timetable = ((0.0, tap) for tap in world.taps())
    requests = make_requests(timetable, target.presenter, target.key, CONTROLLERS)
    uvloop.run(delivery.send_in_turn(requests, connections))
    done(check.taps)
    how = f"over HTTP, batches of {batch} on {connections} connections, each after the one before"
    return delivery, how
