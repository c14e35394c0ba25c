"""Two ways to load a server: as fast as it answers, and at the pace of a metro's morning peak."""

import asyncio
import random
import time
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from simulator.delivery.http_client import Worker, WrongAnswer, connect
from simulator.delivery.pacing import Answer, Due, send_on_time


class Latencies(NamedTuple):
    """Of one open-loop run, in seconds, unordered. `late` is the driver's own lateness."""

    taken_s: Sequence[float]
    late_s: Sequence[float]


class Paced(NamedTuple):
    """Open-loop runs, in milliseconds. `late` is the driver's own lateness, part of the rest."""

    p50_ms: float
    p99_ms: float
    p999_ms: float
    max_ms: float
    late_p99_ms: float
    answers: int


class ClosedLoop:
    """Connections of which each sends its next request once it has an answer."""

    def __init__(self, workers: Sequence[Worker]) -> None:
        self._workers = workers

    @classmethod
    async def open(cls, port: int, connections: int) -> "ClosedLoop":
        """Connect to a server."""
        loop = asyncio.get_running_loop()
        return cls(
            [
                (await loop.create_connection(lambda: Worker(_check), "127.0.0.1", port))[1]
                for _ in range(connections)
            ]
        )

    async def send(self, requests: Sequence[bytes]) -> float:
        """The seconds until all of them are answered."""
        remaining = iter(requests)
        begun = time.perf_counter()
        for worker in self._workers:
            worker.begin(remaining)
        await asyncio.gather(*[worker.done for worker in self._workers])
        return time.perf_counter() - begun

    def close(self) -> None:
        """Hang up."""
        for worker in self._workers:
            worker.close()


async def closed_loop(
    port: int, connections: int, requests: Sequence[bytes], taps_each: int = 1
) -> float:
    """Taps a second, when every connection sends its next request once it has an answer."""
    loop = await ClosedLoop.open(port, connections)
    seconds = await loop.send(requests)
    loop.close()
    return len(requests) * taps_each / seconds


async def open_loop(
    port: int, connections: int, requests: Sequence[bytes], per_second: float, seed: int
) -> Latencies:
    """Latencies from the scheduled arrival, with arrivals at random that wait for no answer."""
    latencies: list[float] = []
    lateness: list[float] = []

    def sent(due: Due[bool], late_s: float) -> None:
        if due.what:
            lateness.append(late_s)

    def answered(due: Due[bool], taken_s: float, answer: Answer) -> None:
        _check(*answer.result())
        if due.what:
            latencies.append(taken_s)

    timetable = _at_random(requests, connections, per_second, seed)
    await send_on_time(await connect(port, connections), timetable, sent, answered)
    return Latencies(latencies, lateness)


def summarise(runs: Sequence[Latencies]) -> Paced:
    """The quantiles of all these runs together."""
    latencies = sorted(taken_s for run in runs for taken_s in run.taken_s)
    lateness = sorted(late_s for run in runs for late_s in run.late_s)
    p50, p99, p999, highest = [_quantile(latencies, share) * 1e3 for share in (0.5, 0.99, 0.999, 1)]
    return Paced(p50, p99, p999, highest, _quantile(lateness, 0.99) * 1e3, len(latencies))


def _at_random(
    requests: Sequence[bytes], connections: int, per_second: float, seed: int
) -> Iterator[Due[bool]]:
    """When each request arrives, and whether it counts: the first tenth is the warm-up."""
    chance = random.Random(seed)
    at_s = 0.0
    warm_up = len(requests) // 10
    for number, request in enumerate(requests):
        at_s += chance.expovariate(per_second)
        yield Due(at_s, number % connections, request, number >= warm_up)


def _check(status: int, body: bytes) -> None:
    if status != 200 or b'"problem"' in body:
        raise WrongAnswer(f"{status}: {body[:500].decode()}")


def _quantile(ordered: Sequence[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
