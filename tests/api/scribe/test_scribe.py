"""A real scribe in its own process, over a real ledger in a file."""

import asyncio
import json
import os
import resource
import signal
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import pytest

from api.answers import AnswerWriter, write_batch
from api.scribe.scribe import BURST_BODY_BYTES, Scribe
from api.service import EngineService
from api.times import format_ms
from fare_engine.batch import Results, Submission
from fare_engine.errors import LedgerUnavailable
from fare_engine.tap import Report, Tap
from fare_engine.verdict import Verdict
from tests.fare_engine.small_metro import MINUTE_MS, NOON_MS, SmallMetro

TAPS = 400
PATIENCE_S = 60
Run = Callable[[EngineService, Scribe], Awaitable[None]]


@pytest.fixture
def metro(tmp_path: Path) -> SmallMetro:
    return SmallMetro(tmp_path)


@asynccontextmanager
async def serving(metro: SmallMetro) -> AsyncIterator[tuple[EngineService, Scribe]]:
    """The shell around the metro's engine, with a scribe that takes orders."""
    scribe = Scribe(metro.ledger, "Asia/Shanghai", "CNY", busy_timeout_s=0.0)
    service = EngineService(metro.engine, scribe=scribe)
    try:
        await until_ready(scribe)
        yield service, scribe
        await service.close()
    finally:
        scribe.close()


async def until_ready(scribe: Scribe) -> None:
    read = asyncio.Event()
    async with asyncio.timeout(PATIENCE_S):
        body = b" " * BURST_BODY_BYTES
        while not scribe.read(body, lambda _: read.set()):  # noqa: ASYNC110 - nobody is told of it
            await asyncio.sleep(0.01)
        await read.wait()


def run(metro: SmallMetro, scenario: Run) -> None:
    async def run_it() -> None:
        async with serving(metro) as (service, scribe):
            await scenario(service, scribe)

    asyncio.run(run_it())


def make_burst(metro: SmallMetro, name: str = "p") -> list[Tap]:
    """Crossings and journeys, entry and exit by turns."""
    taps = []
    for number in range(TAPS // 2):
        token = f"{name}{number}"
        taps.append(metro.tap("FHY-A-01", "entry", 0, token=token))
        gate = "FHY-C-02" if number % 2 else "CXL-A-01"
        taps.append(metro.tap(gate, "exit", number % 30, token=token))
    return taps


async def ask(service: EngineService, taps: list[Tap], *, text: bool = True) -> Results:
    """Ask for a batch as the API does."""
    answered: asyncio.Future[Results] = asyncio.get_running_loop().create_future()
    service.offer(Submission(taps, NOON_MS + 60 * MINUTE_MS, answered.set_result, takes_text=text))
    return await answered


def write_here(results: Results) -> bytes:
    writer = AnswerWriter("Asia/Shanghai", "CNY")
    return write_batch(writer.write(result) for result in results if isinstance(result, Verdict))


def count_rows(metro: SmallMetro) -> int:
    with closing(sqlite3.connect(metro.path)) as ledger:
        count: int = ledger.execute("SELECT count(*) FROM taps").fetchone()[0]
        return count


def test_a_burst_is_durable_and_its_answer_the_same_that_is_written_here(
    metro: SmallMetro,
) -> None:
    async def scenario(service: EngineService, _scribe: Scribe) -> None:
        results = await ask(service, make_burst(metro))
        assert results.text == write_here(results)
        reasons = {answer["reason"] for answer in json.loads(results.text)["results"]}
        assert {"same_station_within_window", "window_exceeded", "different_station"} <= reasons
        assert count_rows(metro) == TAPS

    run(metro, scenario)


def test_batches_asked_together_are_answered_apart(metro: SmallMetro) -> None:
    async def scenario(service: EngineService, _scribe: Scribe) -> None:
        bursts = [make_burst(metro, name) for name in "abc"]
        asked = [ask(service, burst, text=burst is not bursts[1]) for burst in bursts]
        first, second, third = await asyncio.gather(*asked)
        assert second.text is None
        assert (first.text, third.text) == (write_here(first), write_here(third))
        assert count_rows(metro) == 3 * TAPS

    run(metro, scenario)


def test_what_a_burst_repeats_is_answered_from_the_ledger(metro: SmallMetro) -> None:
    async def scenario(service: EngineService, _scribe: Scribe) -> None:
        burst = make_burst(metro)
        before = await ask(service, burst)
        again = await ask(service, [*burst, *make_burst(metro, "q")])
        assert again.text is None
        assert again[:TAPS] == [
            verdict.replace(replayed=True) for verdict in before if isinstance(verdict, Verdict)
        ]
        assert count_rows(metro) == 2 * TAPS

    run(metro, scenario)


def test_what_stands_beside_the_taps_goes_the_usual_way(metro: SmallMetro) -> None:
    async def scenario(service: EngineService, _scribe: Scribe) -> None:
        burst = make_burst(metro)
        burst[7] = burst[7].replace(report=Report(True, 0))
        results = await ask(service, burst)
        assert results.text is None
        assert count_rows(metro) == TAPS
        with closing(sqlite3.connect(metro.path)) as ledger:
            assert ledger.execute("SELECT row FROM reports").fetchall() == [(8,)]

    run(metro, scenario)


def test_a_commit_that_fails_stores_nothing_and_the_next_one_all(metro: SmallMetro) -> None:
    async def scenario(service: EngineService, _scribe: Scribe) -> None:
        burst = make_burst(metro)
        with closing(sqlite3.connect(metro.path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            failed = await asyncio.gather(ask(service, burst), ask(service, make_burst(metro)))
            assert all(isinstance(error, LedgerUnavailable) for error in (*failed[0], *failed[1]))
            assert failed[0].text is failed[1].text is None
            other.execute("ROLLBACK")
        again = await ask(service, burst)
        assert again.text == write_here(again)
        assert count_rows(metro) == TAPS

    run(metro, scenario)


def test_a_scribe_cut_off_in_its_commit_loses_nothing_that_was_answered(metro: SmallMetro) -> None:
    async def scenario(service: EngineService, scribe: Scribe) -> None:
        burst, next_burst = make_burst(metro), make_burst(metro, "q")
        await ask(service, burst)
        pid = scribe.pid
        assert pid is not None
        os.kill(pid, signal.SIGSTOP)
        waiting = asyncio.create_task(ask(service, next_burst))
        await asyncio.sleep(0)
        os.kill(pid, signal.SIGKILL)
        assert all(isinstance(error, LedgerUnavailable) for error in await waiting)
        assert not scribe.is_ready

        again = await ask(service, [*burst, *next_burst])  # without one
        replayed = [verdict.replayed for verdict in again if isinstance(verdict, Verdict)]
        assert replayed == [True] * TAPS + [False] * TAPS
        assert count_rows(metro) == 2 * TAPS

    run(metro, scenario)


def test_a_body_is_read_and_left_alone_when_it_is_more_than_plain(metro: SmallMetro) -> None:
    plain = [
        {
            "tap_id": f"FHY-A-01.20211124.{number:06}",
            "gate_id": "FHY-A-01",
            "direction": "entry",
            "medium": {"type": "tianfutong", "token": f"{number:032x}"},
            "occurred_at": format_ms(NOON_MS + number, "Asia/Shanghai"),
        }
        for number in range(TAPS)
    ]
    card = {**plain[0], "medium": {"type": "tianfutong", "id": "3104870000012345"}}

    async def read(scribe: Scribe, taps: list[Any]) -> list[Tap] | None:
        taken: asyncio.Future[list[Tap] | None] = asyncio.get_running_loop().create_future()
        assert scribe.read(json.dumps({"taps": taps}).encode(), taken.set_result)
        return await taken

    async def scenario(_service: EngineService, scribe: Scribe) -> None:
        taps = await read(scribe, plain)
        assert taps is not None
        assert len(taps) == TAPS
        token = (7).to_bytes(16)
        at_ms = NOON_MS + 7
        assert taps[7] == Tap("FHY-A-01.20211124.000007", "FHY-A-01", 1, "tianfutong", token, at_ms)
        assert await read(scribe, [*plain, card]) is None
        assert await read(scribe, [*plain, {**plain[0], "direction": "through"}]) is None
        assert not scribe.read(b"{}", lambda _taps: pytest.fail("so small a body is read here"))

    run(metro, scenario)


def test_where_none_can_be_started_all_goes_on_without_it(metro: SmallMetro) -> None:
    async def run_it() -> None:
        scribe = Scribe(metro.ledger, "Asia/Shanghai", "CNY")
        service = EngineService(metro.engine, scribe=scribe)
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        free = os.dup(0)
        os.close(free)
        resource.setrlimit(resource.RLIMIT_NOFILE, (free + 1, hard))  # one more file, and no pair
        try:
            assert not scribe.read(b" " * BURST_BODY_BYTES, lambda _taps: pytest.fail("by whom?"))
            assert scribe.pid is None
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        results = await ask(service, make_burst(metro))
        assert results.text is None
        assert count_rows(metro) == TAPS
        await service.close()
        scribe.close()

    asyncio.run(run_it())


def test_it_ends_with_the_service(metro: SmallMetro) -> None:
    pids = []

    async def scenario(_service: EngineService, scribe: Scribe) -> None:
        pids.append(scribe.pid)

    run(metro, scenario)
    with pytest.raises(ProcessLookupError):
        os.kill(pids[0] or 0, 0)
