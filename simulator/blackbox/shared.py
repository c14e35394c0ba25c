"""Several workers over one database in PostgreSQL, with a synchronous standby, behind proxies."""

import random
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial
from itertools import cycle, islice
from pathlib import Path
from typing import Final

from simulator.blackbox.cutting_proxy import CuttingProxy, Moment
from simulator.blackbox.deployments import Fault
from simulator.blackbox.postgresql_binaries import make_folder
from simulator.blackbox.postgresql_server import PostgresqlServer, list_hosts
from simulator.blackbox.worker import Worker
from simulator.world.chengdu import make_network
from simulator.world.directory import make_directory

SILENCE_SECONDS_MAX: Final = 5.0
PROMOTION_SILENCE_SECONDS_MAX: Final = 30.0
PAUSE_SECONDS_MAX: Final = 3.0
DOWN_SECONDS_MAX: Final = 1.0
"""For so long PostgreSQL stays down, or its standby is not promoted yet."""
COMMIT_SECONDS_MAX: Final = 2.0
"""Where no worker commits for so long, connections are cut between commits."""
URL_VARIABLE: Final = "FARE_DATABASE_URL"

Strike = Callable[[], None]


class Shared:
    """Workers that reach a primary and its standby through a proxy each."""

    def __init__(self, scratch: Path, primary: PostgresqlServer, workers: int) -> None:
        """With a primary that runs and is empty."""
        now_ms = time.time_ns() // 1_000_000
        _, self.key = make_directory(scratch / "data", make_network(), now_ms, primary.url)
        self.primary = primary
        self.standby: PostgresqlServer | None = primary.make_standby()
        servers = (primary, self.standby)
        self._proxies = {server.port: CuttingProxy(server.port) for server in servers}
        ports = [proxy.port for proxy in self._proxies.values()]
        settings = {URL_VARIABLE: list_hosts(primary.database, ports)}
        self.workers = [
            Worker(scratch / "data", scratch / f"worker-{number}.log", settings)
            for number in range(1, workers + 1)
        ]

    @property
    def urls(self) -> Sequence[str]:
        """As `Deployment`."""
        return [worker.url for worker in self.workers]

    def start(self) -> None:
        """As `Deployment`."""
        for worker in self.workers:
            worker.start()
        for worker in self.workers:
            worker.wait_until_ready()

    def plan(self, kills: int, chance: random.Random) -> list[Fault]:
        """As `Deployment`: one promotion, and all other kinds about as often as each other."""
        draws: Sequence[Callable[[random.Random], Fault]] = (
            self._draw_worker_kill,
            partial(self._draw_cut, Moment.BEFORE),
            self._draw_server_kill,
            partial(self._draw_cut, Moment.AMID),
            self._draw_pause,
            partial(self._draw_cut, Moment.AFTER),
        )
        plan = [draw(chance) for draw in islice(cycle(draws), kills - 1)]
        chance.shuffle(plan)
        plan.insert(chance.randrange(len(plan) + 1), self._draw_promotion(chance))
        return plan

    def stop(self) -> int:
        """As `Deployment`; the greatest status of all workers."""
        with ThreadPoolExecutor(len(self.workers)) as pool:
            return max(map(abs, pool.map(Worker.stop, self.workers)))

    def close(self) -> None:
        """Leave nothing of it, but the servers' folder."""
        for worker in self.workers:
            worker.close()
        for proxy in self._proxies.values():
            proxy.close()
        for server in (self.standby, self.primary):
            if server is not None:
                server.stop()

    def _draw_worker_kill(self, chance: random.Random) -> Fault:
        worker = chance.choice(self.workers)
        return self._make_fault("worker killed", partial(self._kill_worker, worker))

    def _draw_pause(self, chance: random.Random) -> Fault:
        worker, seconds = chance.choice(self.workers), chance.uniform(0.1, PAUSE_SECONDS_MAX)
        return self._make_fault("worker paused", partial(self._pause_worker, worker, seconds))

    def _draw_server_kill(self, chance: random.Random) -> Fault:
        seconds = chance.uniform(0, DOWN_SECONDS_MAX)
        return self._make_fault("PostgreSQL killed", partial(self._kill_server, seconds))

    def _draw_cut(self, moment: Moment, chance: random.Random) -> Fault:
        del chance  # the moment is all there is to it
        return self._make_fault(f"connections cut {moment.value}", partial(self._cut, moment))

    def _draw_promotion(self, chance: random.Random) -> Fault:
        strike = partial(self._promote, chance.uniform(0, DOWN_SECONDS_MAX))
        return self._make_fault("primary lost", strike, PROMOTION_SILENCE_SECONDS_MAX)

    def _make_fault(
        self, kind: str, strike: Strike, silence_seconds_max: float = SILENCE_SECONDS_MAX
    ) -> Fault:
        def strike_and_wait() -> None:
            strike()
            for worker in self.workers:
                worker.wait_until_ready_again()

        return Fault(kind, strike_and_wait, silence_seconds_max)

    def _kill_worker(self, worker: Worker) -> None:
        worker.kill()
        worker.start()
        worker.wait_until_ready()

    def _pause_worker(self, worker: Worker, seconds: float) -> None:
        worker.pause()
        time.sleep(seconds)
        worker.wake()

    def _kill_server(self, seconds: float) -> None:
        self.primary.kill()
        time.sleep(seconds)
        self.primary.start()
        if self.standby is not None:
            self.primary.wait_for_standby()

    def _cut(self, moment: Moment) -> None:
        self._proxies[self.primary.port].cut(moment, COMMIT_SECONDS_MAX)

    def _promote(self, seconds: float) -> None:
        """The primary is lost for good; an operator promotes its standby, which has none then."""
        assert self.standby is not None, "there is one promotion a run"
        self.primary.kill()
        time.sleep(seconds)
        self.standby.promote()
        self.primary, self.standby = self.standby, None


@contextmanager
def running_shared(scratch: Path, workers: int, make: type[Shared] = Shared) -> Iterator[Shared]:
    """A deployment to be started; however the block ends, nothing is left of it but its logs."""
    with ExitStack() as stack:
        primary = PostgresqlServer(stack.enter_context(make_folder()))
        stack.callback(primary.stop)
        primary.start()
        deployment = make(scratch, primary, workers)
        stack.callback(deployment.close)
        yield deployment
