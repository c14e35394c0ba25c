"""What the black box breaks: an engine that is started, struck by faults, and stopped.

Each kind of deployment is a class that does what `Deployment` says; nothing else of the black box
knows which one it is. One over PostgreSQL is in `simulator/blackbox/shared.py`.
"""

import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple, Protocol

from simulator.blackbox.worker import Worker
from simulator.world.chengdu import make_network
from simulator.world.directory import make_directory

STARTING_SHARE: Final = 0.1
"""How often the server is killed once more while it starts."""
STARTING_MAX_S: Final = 1.2
"""About what a start takes."""


class Fault(NamedTuple):
    """Something that goes wrong, and is put right as an operator would.

    `strike` does both, and returns once taps are decided again. For `silence_seconds_max` nobody
    may be answered; None where there is no bound.
    """

    kind: str
    strike: Callable[[], None]
    silence_seconds_max: float | None = None
    kills: int = 1


class Deployment(Protocol):
    """An engine with Chengdu's network, at the same addresses through all faults."""

    @property
    def urls(self) -> Sequence[str]:
        """Where its workers listen; known once it was ready for the first time."""

    @property
    def key(self) -> str:
        """An admin key, which speaks for all gates."""

    def start(self) -> None:
        """Start it, and wait until it decides taps; NotServed when it does not come to that."""

    def plan(self, kills: int, chance: random.Random) -> list[Fault]:
        """So many kills and other faults, drawn by chance."""

    def stop(self) -> int:
        """Stop it in good order; its exit status."""


class Embedded:
    """One process over one SQLite file."""

    def __init__(self, scratch: Path) -> None:
        self.data_dir = scratch / "data"
        now_ms = time.time_ns() // 1_000_000
        _, self.key = make_directory(self.data_dir, make_network(), now_ms)
        self._worker = Worker(self.data_dir, scratch / "server.log")

    @property
    def urls(self) -> Sequence[str]:
        """As `Deployment`."""
        return [self._worker.url]

    def start(self) -> None:
        """As `Deployment`."""
        self._worker.start()
        self._worker.wait_until_ready()

    def plan(self, kills: int, chance: random.Random) -> list[Fault]:
        """As `Deployment`: the server is killed, now and then once more while it starts."""
        plan: list[Fault] = []
        while kills:
            if kills > 1 and chance.random() < STARTING_SHARE:
                strike = partial(self._kill_twice, chance.uniform(0, STARTING_MAX_S))
                fault = Fault("server killed, and again while it starts", strike, kills=2)
            else:
                fault = Fault("server killed", self._kill)
            plan.append(fault)
            kills -= fault.kills
        return plan

    def stop(self) -> int:
        """As `Deployment`."""
        return self._worker.stop()

    def close(self) -> None:
        """Leave nothing of it."""
        self._worker.close()

    def _kill(self) -> None:
        self._worker.kill()
        self.start()

    def _kill_twice(self, after_seconds: float) -> None:
        self._worker.kill()
        self._worker.start()
        time.sleep(after_seconds)
        self._kill()


@contextmanager
def running(deployment: Embedded) -> Iterator[Embedded]:
    """A deployment to be started; however the block ends, no process is left."""
    try:
        yield deployment
    finally:
        deployment.close()
