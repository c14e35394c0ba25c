"""The ledger's own work: while no tap comes, never beside a commit, and again where it failed."""

import asyncio
import threading
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from api.runtime.service import EngineService
from api.runtime.upkeep import PAUSE_S_MAX, QUIET_S
from fare_engine.decision import Reason
from fare_engine.errors import LedgerUnavailable
from fare_engine.ledger.sqlite.ledger import SqliteLedger
from fare_engine.ports import Changes
from fare_engine.published import Published
from fare_engine.verdict import Verdict
from tests.fare_engine.small_metro import MINUTE_MS, NOON_MS, SmallMetro

NOW_MS = NOON_MS + 60 * MINUTE_MS
PATIENCE_S = 30


class Upkept:
    """Work of a ledger in so many steps; it writes down when it ran, and fails at first."""

    def __init__(self, failures: int = 0, steps: int = 1) -> None:
        self.is_due = self.can_step = True
        self.failures = failures
        self.begun_s: list[float] = []
        self.done = 0
        self._steps = steps
        self.running = threading.Lock()
        self.may_end = threading.Event()
        self.may_end.set()
        self.has_begun = threading.Event()

    def step(self) -> None:
        self.begun_s.append(time.monotonic())
        with self.running:
            self.has_begun.set()
            assert self.may_end.wait(PATIENCE_S)
            if len(self.begun_s) <= self.failures:
                raise LedgerUnavailable("the disk is full")

    def stepped(self) -> None:
        self.done += 1
        self.is_due = self.done < self._steps


class UpkeptLedger(SqliteLedger):
    """A real ledger with other work of its own, which no commit may run beside."""

    def __init__(self, path: Path, published: Published, work: Upkept) -> None:
        super().__init__(path, published)
        self.work = work
        self.maintenance = work  # type: ignore[assignment]

    def commit(self, changes: Changes) -> None:
        assert self.work.running.acquire(blocking=False), "a commit beside a step"
        try:
            super().commit(changes)
        finally:
            self.work.running.release()


@pytest.fixture
def metro(tmp_path: Path) -> Iterator[SmallMetro]:
    small_metro = SmallMetro(tmp_path)
    yield small_metro
    small_metro.ledger.close()


def open_over(metro: SmallMetro, work: Upkept) -> None:
    metro.ledger.close()
    metro.open_over(UpkeptLedger(metro.path, metro.published, work))


async def enter(metro: SmallMetro, service: EngineService, minutes: float = 0) -> Reason:
    tap = metro.tap("FHY-A-01", "entry", minutes, token=f"at {minutes}")
    (result,) = await service.decide([tap], NOW_MS)
    assert isinstance(result, Verdict), result
    return result.decision.reason


async def wait_until_done(work: Upkept) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while work.is_due:  # noqa: ASYNC110 - no event says so
            await asyncio.sleep(0.005)


def test_what_fails_is_tried_again_after_growing_pauses(metro: SmallMetro) -> None:
    work = Upkept(failures=3)
    open_over(metro, work)

    async def run() -> None:
        service = EngineService(metro.engine)
        await enter(metro, service)
        await wait_until_done(work)
        assert await enter(metro, service, 1) is Reason.ENTRY_OPENED
        await service.close()

    asyncio.run(run())
    pauses_s = [later_s - earlier_s for earlier_s, later_s in pairwise(work.begun_s)]
    assert len(pauses_s) == 3
    assert all(pause_s >= QUIET_S * 2 ** (nth + 1) for nth, pause_s in enumerate(pauses_s))
    assert PAUSE_S_MAX > QUIET_S * 2**4


def test_steps_that_succeed_follow_each_other_while_it_is_quiet(metro: SmallMetro) -> None:
    work = Upkept(steps=20)
    open_over(metro, work)

    async def run() -> None:
        service = EngineService(metro.engine)
        await enter(metro, service)
        await wait_until_done(work)
        await service.close()

    asyncio.run(run())
    assert work.done == len(work.begun_s) == 20


def test_a_service_stops_however_much_the_ledger_has_to_do(metro: SmallMetro) -> None:
    work = Upkept(steps=10**9)
    open_over(metro, work)

    async def run() -> None:
        service = EngineService(metro.engine)
        await enter(metro, service)
        async with asyncio.timeout(PATIENCE_S):
            while not work.done:  # noqa: ASYNC110 - no event says so
                await asyncio.sleep(0.005)
            waiting = asyncio.ensure_future(enter(metro, service, 1))
            await asyncio.sleep(0)  # it is offered, perhaps while a step runs
            await service.close()
            assert await waiting is Reason.ENTRY_OPENED
        assert not service.is_maintaining
        assert len(work.begun_s) == work.done, "what began was ended"

    asyncio.run(run())


@pytest.mark.parametrize("failures", [0, 1], ids=["it succeeds", "it fails"])
@pytest.mark.parametrize("inline_taps_max", [128, 0], ids=["in the loop", "in the thread"])
def test_taps_that_come_while_a_step_runs_are_answered_after_it(
    metro: SmallMetro, inline_taps_max: int, failures: int
) -> None:
    work = Upkept(failures)
    work.may_end.clear()
    open_over(metro, work)

    async def run() -> None:
        service = EngineService(metro.engine, inline_taps_max=inline_taps_max)
        await enter(metro, service)
        assert await asyncio.to_thread(work.has_begun.wait, PATIENCE_S)
        assert service.is_maintaining
        later = [asyncio.create_task(enter(metro, service, minutes)) for minutes in (1, 2)]
        for _ in range(10):
            await asyncio.sleep(0)
        assert not any(task.done() for task in later)
        work.may_end.set()
        assert await asyncio.gather(*later) == [Reason.ENTRY_OPENED] * 2
        await wait_until_done(work)
        await service.close()

    asyncio.run(run())
    assert metro.count("taps") == 3


def test_it_waits_until_no_tap_has_come_for_a_while(metro: SmallMetro) -> None:
    work = Upkept()
    open_over(metro, work)

    async def run() -> float:
        service = EngineService(metro.engine)
        for minutes in range(8):
            await enter(metro, service, minutes)
        last_s = time.monotonic()
        await wait_until_done(work)
        await service.close()
        return last_s

    last_s = asyncio.run(run())
    assert work.begun_s[0] - last_s >= 0.9 * QUIET_S
