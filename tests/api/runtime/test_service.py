"""The shell around the engine, over a real ledger in a file."""

import asyncio
import sqlite3
import threading
from pathlib import Path

from api.runtime.service import EngineService
from fare_engine.ledger.sqlite.checkpoints import Checkpointer
from fare_engine.ledger.sqlite.connections import connect
from fare_engine.verdict import Verdict
from tests.fare_engine.small_metro import NOON_MS, SmallMetro

PATIENCE_S = 30
BURST_TAPS = 300
"""In one commit: the ledger leaves index entries of so many for later."""


def test_the_ledger_catches_up_after_a_burst_while_no_tap_comes(tmp_path: Path) -> None:
    metro = SmallMetro(tmp_path, run_rows=64)
    burst = [metro.tap("FHY-B-03", "entry", token=f"{n}") for n in range(BURST_TAPS)]

    async def run() -> None:
        service = EngineService(metro.engine)
        await service.decide(burst, NOON_MS)
        assert metro.ledger.maintenance.is_due
        async with asyncio.timeout(PATIENCE_S):
            while metro.ledger.index.unmerged_rows:  # noqa: ASYNC110 - no event says so
                await asyncio.sleep(0.01)
        again = await service.decide(burst, NOON_MS)
        assert all(isinstance(result, Verdict) and result.replayed for result in again)
        await service.close()

    asyncio.run(run())
    metro.ledger.close()


def test_a_service_that_is_closed_while_it_catches_up_ends_in_good_order(tmp_path: Path) -> None:
    metro = SmallMetro(tmp_path, run_rows=64)
    burst = [metro.tap("FHY-B-03", "entry", token=f"{n}") for n in range(2_000)]

    async def run() -> None:
        service = EngineService(metro.engine)
        await service.decide(burst, NOON_MS)
        async with asyncio.timeout(PATIENCE_S):
            while not service.is_maintaining:  # noqa: ASYNC110 - no event says so
                await asyncio.sleep(0)
        await service.close()
        metro.ledger.close()
        await asyncio.sleep(0)  # what the ledger's thread left to the loop runs now

    asyncio.run(run())
    assert metro.count("taps") == len(burst)


def test_a_commit_that_would_have_to_wait_for_others_does_not_hold_up_the_loop(
    tmp_path: Path,
) -> None:
    metro = SmallMetro(tmp_path)
    operator = sqlite3.connect(metro.path, isolation_level=None)

    async def run() -> None:
        service = EngineService(metro.engine)
        operator.execute("BEGIN IMMEDIATE")
        waiting = asyncio.create_task(service.decide([metro.tap("FHY-B-03", "entry")], NOON_MS))
        async with asyncio.timeout(PATIENCE_S):
            while not service.stalled_seconds:  # noqa: ASYNC110 - no event says so
                await asyncio.sleep(0)
        assert not waiting.done()
        operator.execute("COMMIT")
        assert isinstance((await waiting)[0], Verdict)
        (result,) = await service.decide([metro.tap("FHY-B-03", "entry", 1)], NOON_MS)
        assert isinstance(result, Verdict)
        assert service.stalled_seconds == 0
        await service.close()

    asyncio.run(run())
    operator.close()
    metro.ledger.close()


def test_a_log_that_is_too_large_is_folded_in_the_thread(tmp_path: Path) -> None:
    metro = SmallMetro(tmp_path)
    folding: list[str] = []

    def connect_and_watch() -> sqlite3.Connection:
        connection = connect(metro.path, busy_timeout_s=0)
        connection.set_trace_callback(lambda _: folding.append(threading.current_thread().name))
        return connection

    metro.ledger.checkpointer.stop()
    metro.ledger.checkpointer = Checkpointer(
        connect_and_watch, metro.path, commits_between=1, log_bytes_max=1
    )

    async def run() -> None:
        service = EngineService(metro.engine)
        for minute in range(3):
            await service.decide([metro.tap("FHY-B-03", "entry", minute)], NOON_MS)
        await service.close()

    asyncio.run(run())
    assert len(folding) == 2
    assert all(name.startswith("ledger") for name in folding)
    metro.ledger.close()
