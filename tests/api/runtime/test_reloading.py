"""What another process publishes is read before taps are decided by it, over a real ledger."""

import asyncio
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from api.runtime.reloading import PAUSE_S
from api.runtime.service import EngineService
from fare_engine.decision import Reason
from fare_engine.errors import LedgerUnavailable, Outdated
from fare_engine.published import Published
from fare_engine.verdict import Verdict
from tests.fare_engine.losing_ledger import LosingLedger
from tests.fare_engine.small_metro import MINUTE_MS, NOON_MS, PILOT, SmallMetro

NOW_MS = NOON_MS + 60 * MINUTE_MS


class Elsewhere:
    """What another process has published: a shorter window at the crossing lane."""

    def __init__(self, metro: SmallMetro, failures: int = 0) -> None:
        shorter = replace(PILOT, version=2, window_ms=MINUTE_MS)
        catalogue = replace(metro.catalogue, policies={"FHY": (PILOT, shorter)}, terms={})
        self.published = Published(2, catalogue)
        self.failures = failures
        self.asked_s: list[float] = []

    def read(self) -> Published:
        self.asked_s.append(time.monotonic())
        if len(self.asked_s) <= self.failures:
            raise LedgerUnavailable("the connection broke")
        return self.published


@pytest.fixture
def metro(tmp_path: Path) -> Iterator[SmallMetro]:
    """A metro whose ledger says once that what is published is newer."""
    small_metro = SmallMetro(tmp_path)
    ledger = LosingLedger.reopen(small_metro.ledger)
    ledger.lost_commits.append(Outdated("there is a newer version"))
    small_metro.open_over(ledger)
    yield small_metro
    ledger.close()


async def cross(metro: SmallMetro, service: EngineService, token: str = "anna") -> list[Reason]:
    """An entry and an exit three minutes later, in one request."""
    taps = [
        metro.tap("FHY-A-01", "entry", token=token),
        metro.tap("FHY-C-02", "exit", 3, token=token),
    ]
    verdicts = [one for one in await service.decide(taps, NOW_MS) if isinstance(one, Verdict)]
    assert not any(verdict.replayed for verdict in verdicts)
    return [verdict.decision.reason for verdict in verdicts]


@pytest.mark.parametrize("inline_taps_max", [128, 0], ids=["in the loop", "in the thread"])
def test_taps_are_decided_by_what_another_process_published(
    metro: SmallMetro, inline_taps_max: int
) -> None:
    elsewhere = Elsewhere(metro)

    async def run() -> None:
        service = EngineService(
            metro.engine, inline_taps_max=inline_taps_max, reload=elsewhere.read
        )
        assert await cross(metro, service) == [Reason.ENTRY_OPENED, Reason.WINDOW_EXCEEDED]
        assert service.published is elsewhere.published
        again = await cross(metro, service, "berta")
        assert again == [Reason.ENTRY_OPENED, Reason.WINDOW_EXCEEDED]
        assert service.failed_batches == 0
        await service.close()

    asyncio.run(run())
    assert len(elsewhere.asked_s) == 1
    assert metro.count("taps") == 4


def test_a_reload_that_fails_is_tried_again_while_the_taps_wait(metro: SmallMetro) -> None:
    elsewhere = Elsewhere(metro, failures=3)

    async def run() -> None:
        service = EngineService(metro.engine, reload=elsewhere.read)
        assert await cross(metro, service) == [Reason.ENTRY_OPENED, Reason.WINDOW_EXCEEDED]
        await service.close()

    asyncio.run(run())
    pauses_s = [later_s - earlier_s for earlier_s, later_s in pairwise(elsewhere.asked_s)]
    assert len(pauses_s) == 3
    assert all(pause_s >= PAUSE_S * 2**nth for nth, pause_s in enumerate(pauses_s))


def test_the_loop_rests_while_what_is_published_is_read(metro: SmallMetro) -> None:
    """Nothing turns in circles beside the thread that reads: the loop runs what else there is."""
    elsewhere = Elsewhere(metro, failures=2)

    async def run() -> int:
        service = EngineService(metro.engine, reload=elsewhere.read)
        looks = 0
        find_work = service._turn.find_work

        def count_looks() -> object:
            nonlocal looks
            looks += 1
            return find_work()

        service._turn.find_work = count_looks  # type: ignore[method-assign, assignment]
        await cross(metro, service)
        await service.close()
        return looks

    assert asyncio.run(run()) < 30


def test_what_this_process_published_meanwhile_is_not_replaced_by_what_is_older(
    metro: SmallMetro,
) -> None:
    newer = Published(3, metro.catalogue)

    async def run() -> None:
        service: EngineService

        def read_too_early() -> Published:
            asyncio.run_coroutine_threadsafe(publish(), loop).result()
            return Elsewhere(metro).published

        async def publish() -> None:
            service.use(newer)

        loop = asyncio.get_running_loop()
        service = EngineService(metro.engine, reload=read_too_early)
        assert await cross(metro, service) == [
            Reason.ENTRY_OPENED,
            Reason.SAME_STATION_WITHIN_WINDOW,
        ]
        assert service.published is newer
        await service.close()

    asyncio.run(run())


def test_a_ledger_that_nobody_else_publishes_in_has_no_newer_version(metro: SmallMetro) -> None:
    """It never says so; if it did, the process would stop at once, and nobody would wait."""

    async def run() -> None:
        service = EngineService(metro.engine)
        results = await service.decide([metro.tap("FHY-A-01", "entry")], NOW_MS)
        assert [type(result) for result in results] == [LedgerUnavailable]
        assert service.dead is not None

    asyncio.run(run())
