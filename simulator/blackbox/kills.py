"""`simulate kills`: passengers tap, something fails and is put right, all are asked; and again."""

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
from simulator.blackbox.deployments import Deployment, Fault
from simulator.blackbox.fault_log import FaultLog
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
TAPS_A_FAULT: Final = 300
"""Taps that come due before each fault."""
CONTROLLERS: Final = 16
"""The first of them sends batches, the others single taps and now and then a batch."""
BACKLOG_SHARE: Final = 0.04
DELAY_MAX_S: Final = 0.01
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
    """Strike a deployment so many times; the report. The seed decides everything but the clock."""
    begun = time.perf_counter()
    started_at = datetime.now(UTC).isoformat(timespec="seconds")
    chance = random.Random(seed)
    plan = deployment.plan(kills, chance)
    progress("making taps", 0, 1)
    world = make_taps(make_metro(), seed, len(plan) * TAPS_A_FAULT)
    log_path = scratch / AUDIT_LOG
    deployment.start()
    with log_path.open("w", encoding="utf-8") as lines:
        log = AuditLog(
            lines, describe_builtin_network(), fetch_published(deployment.urls[0], deployment.key)
        )
        run = _Run(deployment, world, log, chance, progress)
        try:
            uvloop.run(run.go(plan, kills))
        except* (OSError, NotServed) as errors:
            run.book.findings.add("died", "; ".join(map(str, errors.exceptions)))
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
    return make_document(about, world, run.book, run.faults, verdict)


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
        self.faults = FaultLog(self.book.findings)
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

    async def go(self, plan: Sequence[Fault], kills: int) -> None:
        """All faults, and what must be true after the last."""
        for fault in plan:
            await self._go_through(fault)
            self._progress("kills", self.faults.kills, kills)
        await self._finish()

    async def _go_through(self, fault: Fault) -> None:
        """More passengers come; after the answer that was drawn, and a moment, the fault strikes.

        Once all are answered, everything acknowledged since the last fault is asked again.
        """
        for tap in islice(self._taps, TAPS_A_FAULT):
            self._find_controller(tap).due.append(tap)
        waiting = sum(controller.waiting for controller in self._controllers)
        enough = self.book.expect(self._chance.randrange(1, max(2, waiting)))
        async with asyncio.TaskGroup() as tasks:
            for controller in self._controllers:
                tasks.create_task(controller.work())
            await enough.wait()
            await asyncio.sleep(self._chance.uniform(0, DELAY_MAX_S))
            self.book.listen()
            self.faults.begin(fault)
            await asyncio.to_thread(fault.strike)
        self.faults.end(fault, self.book.silence_seconds)
        await self._reader.ask_again(self.book.take_fresh())

    def _find_controller(self, tap: WorldTap) -> Controller:
        """That of a party, which keeps its taps in order. Half of all come through the first."""
        if tap.passenger % 2:
            return self._controllers[0]
        return self._controllers[1 + tap.passenger // 2 % (CONTROLLERS - 1)]

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
