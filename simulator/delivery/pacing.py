"""Sending on time: an open loop, in which arrivals wait for no answer."""

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Final, Generic, NamedTuple, TypeVar

from simulator.delivery.http_client import Connection

ANSWER_MAX_S: Final = 30.0
"""What was not answered so long after the last arrival is not answered at all."""
HEAD_START_S: Final = 0.1

Answer = asyncio.Future[tuple[int, bytes]]
What = TypeVar("What")


class Due(NamedTuple, Generic[What]):
    """A request: when it arrives, counted from the first, on which connection, and what it is."""

    at_s: float
    lane: int
    content: bytes
    what: What


async def send_on_time(
    lines: Sequence[Connection],
    timetable: Iterable[Due[What]],
    sent: Callable[[Due[What], float], None],
    answered: Callable[[Due[What], float, Answer], None],
) -> None:
    """Send each request when it is due, and wait for the last answers.

    `sent` gets how late the driver itself was, `answered` the time since the scheduled arrival,
    of answers and of errors.
    """
    waiting: set[Answer] = set()
    begun = time.perf_counter() + HEAD_START_S
    for due in timetable:
        at = begun + due.at_s
        await _until(at)
        sent(due, time.perf_counter() - at)
        answer = lines[due.lane].ask(due.content)
        waiting.add(answer)
        answer.add_done_callback(_when_answered(due, at, answered, waiting))
    deadline = time.perf_counter() + ANSWER_MAX_S
    while waiting and (left := deadline - time.perf_counter()) > 0:
        await asyncio.wait(waiting, timeout=left)
    for answer in list(waiting):
        answer.set_exception(TimeoutError(f"no answer within {ANSWER_MAX_S:g} s"))
    await asyncio.sleep(0)
    for line in lines:
        line.close()


async def send_in_turn(
    lines: Sequence[Connection],
    requests: Iterable[Due[What]],
    answered: Callable[[Due[What], float, Answer], None],
) -> None:
    """Send as fast as answers come: each connection its next request once it has an answer."""
    queues: list[list[Due[What]]] = [[] for _ in lines]
    for due in requests:
        queues[due.lane].append(due)

    async def send_all(line: Connection, queue: list[Due[What]]) -> None:
        for due in queue:
            begun = time.perf_counter()
            answer = line.ask(due.content)
            await asyncio.wait([answer], timeout=ANSWER_MAX_S)
            if not answer.done():
                answer.set_exception(TimeoutError(f"no answer within {ANSWER_MAX_S:g} s"))
            answered(due, time.perf_counter() - begun, answer)

    await asyncio.gather(*map(send_all, lines, queues))
    for line in lines:
        line.close()


async def _until(at: float) -> None:
    """Wait for an instant; the loop's timers are too coarse for the last millisecond."""
    early = at - time.perf_counter()
    if early > 0.002:
        await asyncio.sleep(early - 0.001)
    while time.perf_counter() < at:  # noqa: ASYNC110 - no event but the time itself
        await asyncio.sleep(0)


def _when_answered(
    due: Due[What],
    at: float,
    answered: Callable[[Due[What], float, Answer], None],
    waiting: set[Answer],
) -> Callable[[Answer], None]:
    def done(answer: Answer) -> None:
        waiting.discard(answer)
        answered(due, time.perf_counter() - at, answer)

    return done
