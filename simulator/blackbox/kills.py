"""`simulate kills`: passengers tap, the server is killed, restarted and asked, again and again."""

import asyncio
import random
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any, Final

import uvloop

from simulator.auditor.log import audit_log
from simulator.blackbox.audit_log import AuditLog
from simulator.blackbox.book import Book
from simulator.blackbox.controller import Controller
from simulator.blackbox.deployments import Deployment
from simulator.blackbox.reading_back import Reader
from simulator.blackbox.report import make_document
from simulator.load import Progress
from simulator.publications import describe_builtin_network, fetch_published
from simulator.serving import NotServed
from simulator.world.chengdu import make_metro
from simulator.world.presenting import Presenter
from simulator.world.sizes import make_taps
from simulator.world.world import World, WorldTap

KILLS_MAX: Final = 2_000
TAPS_A_LIFE: Final = 300
"""Taps that come due each time the server is up; on average so many are acknowledged."""
CONTROLLERS: Final = 16
"""The first of them sends batches, the others single taps and now and then a batch."""
BACKLOG_SHARE: Final = 0.04
STARTING_SHARE: Final = 0.1
"""How often the server is killed once more while it starts."""
STARTING_MAX_S: Final = 1.2
"""About what a start takes."""
KILL_DELAY_MAX_S: Final = 0.01
"""After the answer that was drawn: as long as a few commits take."""
READ_SHARE: Final = 0.1
"""Of all taps, drawn at the end: those are also read, which costs a server ten times as much."""
AUDIT_LOG: Final = "audit.jsonl"


def run_kills(
    kills: int,
    seed: int,
    deployment: Deployment,
    scratch: Path,
    command: str,
    progress: Progress,
) -> dict[str, Any]:
    """Kill a deployment so many times; the report. The seed decides everything but the clock."""
    begun = time.perf_counter()
    started_at = datetime.now(UTC).isoformat(timespec="seconds")
    chance = random.Random(seed)
    plan = _plan(kills, chance)
    progress("making taps", 0, 1)
    world = make_taps(make_metro(), seed, len(plan) * TAPS_A_LIFE)
    log_path = scratch / AUDIT_LOG
    deployment.start()
    deployment.wait_until_ready()
    with log_path.open("w", encoding="utf-8") as lines:
        log = AuditLog(
            lines, describe_builtin_network(), fetch_published(deployment.url, deployment.key)
        )
        run = _Run(deployment, world, log, chance, progress)
        try:
            uvloop.run(run.go(plan, kills))
        except (ConnectionError, NotServed) as error:
            run.book.findings.add("died", str(error))
    progress("auditing", 0, 1)
    with log_path.open(encoding="utf-8") as lines:
        verdict = audit_log(lines)
    run.book.findings.add_audit(verdict)
    about = {
        "what": "kills",
        "command": command,
        "started_at": started_at,
        "seconds": time.perf_counter() - begun,
    }
    return make_document(about, world, run.book, verdict)


def _plan(kills: int, chance: random.Random) -> list[bool]:
    """The lives of the server: whether it is killed once more while it starts after each."""
    plan: list[bool] = []
    while kills:
        again = kills > 1 and chance.random() < STARTING_SHARE
        plan.append(again)
        kills -= 1 + again
    return plan


class _Run:
    def __init__(
        self,
        deployment: Deployment,
        world: World,
        log: AuditLog,
        chance: random.Random,
        progress: Progress,
    ) -> None:
        presenter = Presenter(world.metro)
        self.book = Book(presenter)
        self._deployment = deployment
        self._taps = world.taps()
        self._log = log
        self._chance = chance
        self._progress = progress
        self._reader = Reader(deployment, self.book, log)
        self._controllers = [
            Controller(
                deployment,
                presenter,
                self.book,
                log,
                random.Random(chance.random()),
                backlog_share=BACKLOG_SHARE if number else 1.0,
            )
            for number in range(CONTROLLERS)
        ]

    async def go(self, plan: Sequence[bool], kills: int) -> None:
        """All lives of the server, which is up, and what must be true after the last."""
        await self._reach()
        for also_starting in plan:
            await self._load_until_killed()
            if also_starting:
                await self._kill_starting()
            await self._heal()
            self._progress("kills", self.book.counts["kills"], kills)
        await self._work()
        await self._finish()

    async def _load_until_killed(self) -> None:
        """More passengers come; after the answer that was drawn, and a moment, all goes dark."""
        for tap in islice(self._taps, TAPS_A_LIFE):
            self._find_controller(tap).due.append(tap)
        waiting = sum(controller.waiting for controller in self._controllers)
        enough = self.book.expect(self._chance.randrange(1, max(2, waiting)))
        work = asyncio.create_task(self._work())
        reached = asyncio.create_task(enough.wait())
        await asyncio.wait([work, reached], return_when=asyncio.FIRST_COMPLETED)
        await asyncio.sleep(self._chance.uniform(0, KILL_DELAY_MAX_S))
        self._kill()
        await work
        reached.cancel()
        if not enough.is_set():
            raise NotServed("the server was lost before it was killed")

    def _find_controller(self, tap: WorldTap) -> Controller:
        """That of a party, which keeps its taps in order. Half of all come through the first."""
        if tap.passenger % 2:
            return self._controllers[0]
        return self._controllers[1 + tap.passenger // 2 % (CONTROLLERS - 1)]

    async def _kill_starting(self) -> None:
        self._deployment.start()
        await asyncio.sleep(self._chance.uniform(0, STARTING_MAX_S))
        self._kill()
        self.book.counts["kills while starting"] += 1

    def _kill(self) -> None:
        self._deployment.kill()
        self.book.counts["kills"] += 1

    async def _heal(self) -> None:
        """The server comes back; all it acknowledged in its last life is asked again."""
        self._deployment.start()
        # The gates try to reach it meanwhile.
        await asyncio.gather(asyncio.to_thread(self._deployment.wait_until_ready), self._reach())
        await self._reader.ask_again(self.book.take_fresh())

    async def _reach(self) -> None:
        await asyncio.gather(*[controller.reach() for controller in self._controllers])

    async def _work(self) -> None:
        await asyncio.gather(*[controller.work() for controller in self._controllers])

    async def _finish(self) -> None:
        for number, controller in enumerate(self._controllers):
            self._log.outbox(f"controller {number}", controller.list_outbox())
            controller.hang_up()
        await self._reader.ask_all_again()
        tap_ids = [*self.book.answers]
        drawn = self._chance.sample(tap_ids, round(len(tap_ids) * READ_SHARE))

        def done(taps: int) -> None:
            self._progress("read back", taps, len(drawn))

        await self._reader.read(drawn, done)
        self.book.finish()
        status = await asyncio.to_thread(self._deployment.stop)
        if status:
            self.book.findings.add("stopped", f"exit status {status}")
