"""Time passes at once, and in order."""

import asyncio

import pytest

from simulator.deterministic.virtual_time import Stuck, VirtualLoop, run_virtually


def test_hours_pass_at_once_and_in_their_order() -> None:
    woken: list[tuple[str, float]] = []

    async def sleep(name: str, seconds: float) -> None:
        await asyncio.sleep(seconds)
        woken.append((name, asyncio.get_running_loop().time()))

    async def work(_loop: VirtualLoop) -> None:
        await asyncio.gather(sleep("late", 7_200), sleep("early", 0.001), sleep("noon", 3_600))

    run_virtually(work)
    assert woken == [("early", 0.001), ("noon", 3_600), ("late", 7_200)]


def test_a_deadline_passes_without_waiting() -> None:
    async def work(loop: VirtualLoop) -> float:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(86_400):
                await loop.create_future()
        return loop.time()

    assert run_virtually(work) == 86_400


def test_what_would_run_in_a_thread_runs_at_once() -> None:
    async def work(_loop: VirtualLoop) -> int:
        return await asyncio.to_thread(sum, (1, 2))

    assert run_virtually(work) == 3


def test_waiting_for_nothing_is_told() -> None:
    async def work(loop: VirtualLoop) -> None:
        await loop.create_future()

    with pytest.raises(Stuck):
        run_virtually(work)


def test_what_was_called_off_does_not_happen() -> None:
    happened: list[str] = []

    async def work(loop: VirtualLoop) -> None:
        called_off = [
            loop.call_soon(happened.append, "soon"),
            loop.call_later(1, happened.append, "later"),
        ]
        loop.call_later(1, happened.append, "kept")
        for handle in called_off:
            handle.cancel()
            assert handle.cancelled()
        await asyncio.sleep(2)

    run_virtually(work)
    assert happened == ["kept"]
