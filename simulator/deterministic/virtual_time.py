"""An event loop whose clock jumps: what sleeps for an hour is woken at once.

Nothing waits for the outside, so the next thing to happen is always known; what is due at one
instant happens in the order in which it was asked for.
"""

import asyncio
import concurrent.futures
import contextvars
from collections import deque
from collections.abc import Callable, Coroutine
from heapq import heappop, heappush
from typing import Any, TypeVar, TypeVarTuple

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class Stuck(Exception):
    """Everyone waits for something that will never come."""


class _Handle(asyncio.TimerHandle):
    """Something to be called, made without what only debugging of event loops asks for."""

    __slots__ = ()

    def __init__(
        self,
        callback: Callable[..., object],
        args: tuple[Any, ...],
        context: contextvars.Context | None,
    ) -> None:
        self._callback = callback
        self._args = args
        self._context = context
        self._cancelled = False

    def cancel(self) -> None:
        """It is left out when its time comes."""
        self._cancelled = True


class VirtualLoop(asyncio.BaseEventLoop):
    """Runs tasks over a clock of its own, seconds since the loop was made."""

    def __init__(self) -> None:
        super().__init__()
        self._ready: deque[_Handle]
        self._stopping: bool
        self._now_s = 0.0
        self._queue: list[tuple[float, int, _Handle]] = []
        """What is due later; its number keeps apart what is due at one instant."""
        self._asked = 0
        self.failures: list[Exception] = []
        """What was raised by something that was called: nobody else hears of it."""

    def time(self) -> float:
        """The virtual clock."""
        return self._now_s

    def call_soon(
        self,
        callback: Callable[[*Ts], object],
        *args: *Ts,
        context: contextvars.Context | None = None,
    ) -> asyncio.Handle:
        """Call it as soon as all that is ready was called."""
        handle = _Handle(callback, args, context)
        self._ready.append(handle)
        return handle

    def call_at(
        self,
        when: float,
        callback: Callable[[*Ts], object],
        *args: *Ts,
        context: contextvars.Context | None = None,
    ) -> asyncio.TimerHandle:
        """Call it when the clock shows this."""
        handle = _Handle(callback, args, context)
        self._asked += 1
        heappush(self._queue, (when, self._asked, handle))
        return handle

    def call_later(
        self,
        delay: float,
        callback: Callable[[*Ts], object],
        *args: *Ts,
        context: contextvars.Context | None = None,
    ) -> asyncio.TimerHandle:
        """Call it after a while."""
        handle = _Handle(callback, args, context)
        self._asked += 1
        heappush(self._queue, (self._now_s + delay, self._asked, handle))
        return handle

    def _run_once(self) -> None:
        """Call what is ready; when nothing is, it becomes as late as what is due next."""
        ready, queue = self._ready, self._queue
        if not ready and not self._stopping:
            while queue and queue[0][2]._cancelled:
                heappop(queue)
            if not queue:
                raise Stuck
            self._now_s = max(self._now_s, queue[0][0])
        now_s = self._now_s
        while queue and queue[0][0] <= now_s:
            ready.append(heappop(queue)[2])
        for _ in range(len(ready)):
            handle = ready.popleft()
            if handle._cancelled:
                continue
            try:
                if handle._context is None:
                    handle._callback(*handle._args)
                else:  # a task's
                    handle._context.run(handle._callback, *handle._args)
            except Exception as error:  # noqa: BLE001 - whatever it is, it is a finding
                self.failures.append(error)

    def run_in_executor(
        self,
        executor: concurrent.futures.Executor | None,  # noqa: ARG002 - there are none
        func: Callable[[*Ts], T],
        *args: *Ts,
    ) -> "asyncio.Future[T]":
        """There are no threads: what would run in one runs here and now."""
        done: asyncio.Future[T] = self.create_future()
        done.set_result(func(*args))
        return done

    def _write_to_self(self) -> None:
        """Nobody sleeps who could be woken."""


def run_virtually(work: Callable[[VirtualLoop], Coroutine[Any, Any, T]]) -> T:
    """Run until it is done, in no time; tasks that are left are cancelled."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        loop = runner.get_loop()
        assert isinstance(loop, VirtualLoop)
        # Not `runner.run`: it looks after interrupts, which takes longer than many a tap.
        return loop.run_until_complete(work(loop))
