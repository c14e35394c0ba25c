"""Two ways to load a server: as fast as it answers, and at the pace of a metro's morning peak."""

import asyncio
import random
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from benchmarks.http_client import Worker, WrongAnswer, connect


class Paced(NamedTuple):
    """An open-loop run, in milliseconds. `late` is the driver's own lateness, part of the rest."""

    p50_ms: float
    p99_ms: float
    p999_ms: float
    max_ms: float
    late_p99_ms: float
    answers: int


async def closed_loop(
    port: int, connections: int, requests: Sequence[bytes], taps_each: int = 1
) -> float:
    """Taps a second, when every connection sends its next request once it has an answer."""
    loop = asyncio.get_running_loop()
    remaining = iter(requests)
    workers = [
        (await loop.create_connection(lambda: Worker(remaining, _check), "127.0.0.1", port))[1]
        for _ in range(connections)
    ]
    begun = time.perf_counter()
    for worker in workers:
        worker.send_next()
    await asyncio.gather(*[worker.done for worker in workers])
    return len(requests) * taps_each / (time.perf_counter() - begun)


async def open_loop(
    port: int, connections: int, requests: Sequence[bytes], per_second: float, seed: int
) -> Paced:
    """Latencies from the scheduled arrival, with arrivals at random that wait for no answer."""
    lines = await connect(port, connections)
    chance = random.Random(seed)
    latencies: list[float] = []
    lateness: list[float] = []
    waiting: set[asyncio.Future[tuple[int, bytes]]] = set()
    at = time.perf_counter() + 0.1
    warm_up = len(requests) // 10
    for number, request in enumerate(requests):
        at += chance.expovariate(per_second)
        await _until(at)
        if number >= warm_up:
            lateness.append(time.perf_counter() - at)
        answer = lines[number % connections].ask(request)
        waiting.add(answer)
        answer.add_done_callback(_measure(at, number >= warm_up, latencies, waiting))
    while waiting:
        await asyncio.wait(waiting)
    for line in lines:
        line.close()
    latencies.sort()
    lateness.sort()
    p50, p99, p999, highest = [_quantile(latencies, share) * 1e3 for share in (0.5, 0.99, 0.999, 1)]
    return Paced(p50, p99, p999, highest, _quantile(lateness, 0.99) * 1e3, len(latencies))


async def _until(at: float) -> None:
    """Wait for an instant; the loop's timers are too coarse for the last millisecond."""
    early = at - time.perf_counter()
    if early > 0.002:
        await asyncio.sleep(early - 0.001)
    while time.perf_counter() < at:  # noqa: ASYNC110 - no event but the time itself
        await asyncio.sleep(0)


def _measure(
    scheduled: float,
    counts: bool,
    latencies: list[float],
    waiting: "set[asyncio.Future[tuple[int, bytes]]]",
) -> "Callable[[asyncio.Future[tuple[int, bytes]]], None]":
    def done(answer: "asyncio.Future[tuple[int, bytes]]") -> None:
        waiting.discard(answer)
        _check(*answer.result())
        if counts:
            latencies.append(time.perf_counter() - scheduled)

    return done


def _check(status: int, body: bytes) -> None:
    if status != 200 or b'"problem"' in body:
        raise WrongAnswer(f"{status}: {body[:500].decode()}")


def _quantile(ordered: Sequence[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
