"""What another process publishes is read before taps are decided by it, over a real ledger."""

import asyncio
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from api.runtime import reloading
from api.runtime.reloading import PAUSE_SECONDS
from api.runtime.service import EngineService
from fare_engine.decision import Reason
from fare_engine.errors import LedgerUnavailable, Outdated
from fare_engine.published import Published
from fare_engine.verdict import Verdict
from tests.fare_engine.losing_ledger import LosingLedger
from tests.fare_engine.small_metro import MINUTE_MS, NOON_MS, PILOT, SmallMetro

NOW_MS = NOON_MS + 60 * MINUTE_MS
PATIENCE_SECONDS = 30


class Elsewhere:
    """What another process has published: a shorter window at the crossing lane."""

    def __init__(self, metro: SmallMetro, failures: int = 0) -> None:
        shorter = replace(PILOT, version=2, window_ms=MINUTE_MS)
        catalogue = replace(metro.catalogue, policies={"FHY": (PILOT, shorter)}, terms={})
        self.published = Published(2, catalogue)
        self.failures = failures
        self.asked_at: list[float] = []
        self.may_answer = threading.Event()
        self.may_answer.set()

    def read(self) -> Published:
        self.asked_at.append(time.monotonic())
        assert self.may_answer.wait(PATIENCE_SECONDS)
        if len(self.asked_at) <= self.failures:
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


async def cross(metro: SmallMetro, service: EngineService, token: str = "anna") -> list[object]:
    """An entry and an exit three minutes later, in one request."""
    taps = [
        metro.tap("FHY-A-01", "entry", token=token),
        metro.tap("FHY-C-02", "exit", 3, token=token),
    ]
    return [
        one.decision.reason if isinstance(one, Verdict) else type(one)
        for one in await service.decide(taps, NOW_MS)
    ]


CHARGED = [Reason.ENTRY_OPENED, Reason.WINDOW_EXCEEDED]
WAIVED = [Reason.ENTRY_OPENED, Reason.SAME_STATION_WITHIN_WINDOW]
FAILED = [LedgerUnavailable, LedgerUnavailable]


def test_taps_are_decided_by_what_another_process_published(metro: SmallMetro) -> None:
    elsewhere = Elsewhere(metro)

    async def run() -> None:
        service = EngineService(metro.engine, read_published=elsewhere.read)
        assert await cross(metro, service) == CHARGED
        assert service.published is elsewhere.published
        assert await cross(metro, service, "berta") == CHARGED
        assert service.failed_batches == 0
        await service.close()

    asyncio.run(run())
    assert len(elsewhere.asked_at) == 1
    assert metro.count("taps") == 4


def test_a_version_that_is_noted_is_read_before_the_next_tap_is_decided(tmp_path: Path) -> None:
    metro = SmallMetro(tmp_path)
    elsewhere = Elsewhere(metro)

    async def run() -> None:
        service = EngineService(metro.engine, read_published=elsewhere.read)
        service.note_version(metro.published.version)
        assert await cross(metro, service) == WAIVED
        service.note_version(elsewhere.published.version)
        assert await cross(metro, service, "berta") == CHARGED
        await service.close()

    asyncio.run(run())
    assert len(elsewhere.asked_at) == 1
    metro.ledger.close()


def test_taps_that_wait_for_a_reload_that_fails_are_answered_and_it_is_tried_again(
    metro: SmallMetro,
) -> None:
    elsewhere = Elsewhere(metro, failures=3)

    async def run() -> None:
        service = EngineService(metro.engine, read_published=elsewhere.read)
        assert await cross(metro, service) == FAILED
        async with asyncio.timeout(PATIENCE_SECONDS):
            while service.published is not elsewhere.published:  # noqa: ASYNC110 - no event
                await asyncio.sleep(0.01)
        assert await cross(metro, service, "berta") == CHARGED
        await service.close()

    asyncio.run(run())
    pauses = [later - earlier for earlier, later in pairwise(elsewhere.asked_at)]
    assert len(pauses) == 3
    assert all(pause >= PAUSE_SECONDS * 2**nth for nth, pause in enumerate(pauses))


def test_taps_that_wait_for_a_reload_that_hangs_are_answered(
    metro: SmallMetro, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reloading, "WAIT_SECONDS", 0.05)
    elsewhere = Elsewhere(metro)
    elsewhere.may_answer.clear()

    async def run() -> None:
        service = EngineService(metro.engine, read_published=elsewhere.read)
        async with asyncio.timeout(PATIENCE_SECONDS):
            assert await cross(metro, service) == FAILED
            assert await cross(metro, service, "berta") == FAILED
            elsewhere.may_answer.set()
            while service.published is not elsewhere.published:  # noqa: ASYNC110 - no event
                await asyncio.sleep(0.01)
            assert await cross(metro, service, "clara") == CHARGED
            await service.close()

    asyncio.run(run())
    assert metro.count("taps") == 2


def test_a_stop_does_not_wait_for_a_reload_that_fails(metro: SmallMetro) -> None:
    elsewhere = Elsewhere(metro, failures=1_000)

    async def run() -> None:
        service = EngineService(metro.engine, read_published=elsewhere.read)
        assert await cross(metro, service) == FAILED
        async with asyncio.timeout(PATIENCE_SECONDS):
            await service.close()

    asyncio.run(run())


def test_the_loop_rests_while_what_is_published_is_read(metro: SmallMetro) -> None:
    """Nothing turns in circles beside the thread that reads: the loop runs what else there is."""
    elsewhere = Elsewhere(metro)
    elsewhere.may_answer.clear()

    async def run() -> int:
        service = EngineService(metro.engine, read_published=elsewhere.read)
        looks = 0
        find_work = service._turn.find_work

        def count_looks() -> object:
            nonlocal looks
            looks += 1
            return find_work()

        service._turn.find_work = count_looks  # type: ignore[method-assign, assignment]
        crossing = asyncio.create_task(cross(metro, service))
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not elsewhere.asked_at:  # noqa: ASYNC110 - no event says so
                await asyncio.sleep(0)
        for _ in range(1_000):
            await asyncio.sleep(0)
        elsewhere.may_answer.set()
        await crossing
        await service.close()
        return looks

    assert asyncio.run(run()) < 30


def test_what_this_process_published_meanwhile_is_not_replaced_by_what_is_older(
    metro: SmallMetro,
) -> None:
    newer = Published(3, metro.catalogue)
    elsewhere = Elsewhere(metro)
    elsewhere.may_answer.clear()

    async def run() -> None:
        service = EngineService(metro.engine, read_published=elsewhere.read)
        crossing = asyncio.create_task(cross(metro, service))
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not elsewhere.asked_at:  # noqa: ASYNC110 - no event says so
                await asyncio.sleep(0)
        service.use(newer)
        elsewhere.may_answer.set()
        assert await crossing == WAIVED
        assert service.published is newer
        await service.close()

    asyncio.run(run())


def test_a_ledger_that_nobody_else_publishes_in_has_no_newer_version(metro: SmallMetro) -> None:
    """It never says so; if it did, the process would stop at once, and nobody would wait."""

    async def run() -> None:
        service = EngineService(metro.engine)
        assert await cross(metro, service) == FAILED
        assert service.dead is not None

    asyncio.run(run())


def test_a_ledger_that_is_not_local_is_used_in_its_thread_alone(metro: SmallMetro) -> None:
    names: set[str] = set()
    ledger = metro.ledger
    load, commit = ledger.load, ledger.commit

    def note(work: object) -> object:
        def run(argument: object) -> object:
            names.add(threading.current_thread().name)
            return work(argument)  # type: ignore[operator]

        return run

    ledger.load = note(load)  # type: ignore[method-assign, assignment]
    ledger.commit = note(commit)  # type: ignore[method-assign, assignment]

    async def run() -> None:
        service = EngineService(metro.engine, read_published=Elsewhere(metro).read)
        assert await cross(metro, service) == CHARGED
        await service.close()

    asyncio.run(run())
    assert names == {"ledger_0"}
