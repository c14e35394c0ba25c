"""An event loop whose clock jumps: whoever sleeps for an hour is woken at once.

Nothing waits for the outside, so the next thing to happen is always known; what is due at one
instant happens in the order in which it was asked for.
"""

import asyncio
import concurrent.futures
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar, TypeVarTuple

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class Stuck(Exception):
    """Everyone waits for something that will never come."""


class _Selector:
    """Where an event loop waits for the outside: here time passes instead."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def select(self, timeout_s: float | None) -> list[Any]:
        if timeout_s is None:
            raise Stuck
        self.now_s += timeout_s
        return []

    def close(self) -> None:
        """Nothing is open."""


class VirtualLoop(asyncio.BaseEventLoop):
    """Runs tasks over a clock of its own, seconds since the loop was made."""

    def __init__(self) -> None:
        super().__init__()
        self._selector = _Selector()

    def time(self) -> float:
        """The virtual clock."""
        return self._selector.now_s

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

    def _process_events(self, event_list: list[Any]) -> None:
        """There are none."""

    def _write_to_self(self) -> None:
        """Nobody sleeps who could be woken."""


def run_virtually(work: Callable[[VirtualLoop], Coroutine[Any, Any, T]]) -> T:
    """Run until it is done, in no time; tasks that are left are cancelled."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        loop = runner.get_loop()
        assert isinstance(loop, VirtualLoop)
        return runner.run(work(loop))
