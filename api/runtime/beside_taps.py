"""Long work in a thread that holds up no tap."""

import asyncio
import sys
from collections.abc import Callable
from typing import Final, TypeVar

T = TypeVar("T")

SWITCH_SECONDS: Final = 0.000_2
"""How long another thread of this process waits for the interpreter while such work is done.

A tap waits for it at every call that reads, writes or syncs: six times or so."""

_running = 0
_usual_seconds = sys.getswitchinterval()


async def run_beside_taps(work: Callable[[], T]) -> T:
    """Do work in a thread, which gives way to the event loop far sooner than is usual.

    Only between two steps of Python code: a single call of C code that takes long must be cut up.
    """
    global _running, _usual_seconds  # noqa: PLW0603 - the interpreter has one interval
    if _running == 0:
        _usual_seconds = sys.getswitchinterval()
        sys.setswitchinterval(SWITCH_SECONDS)
    _running += 1
    try:
        return await asyncio.to_thread(work)
    finally:
        _running -= 1
        if _running == 0:
            sys.setswitchinterval(_usual_seconds)
