"""The shell around the engine, over a real ledger in a file."""

import asyncio
from pathlib import Path

from api.runtime.service import EngineService
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
