"""How what is published is read again, where another process has published something."""

import asyncio
from collections.abc import Callable
from typing import Final

import structlog

from api.runtime.beside_taps import run_beside_taps
from fare_engine.errors import LedgerError, LedgerUnavailable
from fare_engine.published import Published
from fare_engine.turn import Reload, Turn

logger = structlog.get_logger(__name__)

WAIT_SECONDS: Final = 5.0
"""Taps that wait for it longer are answered 503."""

PAUSE_SECONDS: Final = 0.02
"""After so long a reload that failed is tried again, and after twice as long each time."""

PAUSE_SECONDS_MAX: Final = 1.0


class Reloading:
    """Reads what is published now in a thread, until that succeeds.

    Taps wait meanwhile: nothing that is decided by an older version can be stored. Where it fails,
    or takes long, those that wait are answered 503.
    """

    def __init__(
        self,
        read_published: Callable[[], Published],
        turn: Turn,
        use: Callable[[Published], None],
        work: Callable[[], None],
        die: Callable[[BaseException], None],
    ) -> None:
        self._read_published = read_published
        self._turn = turn
        self._use = use
        self._work = work
        self._die = die
        self._pause_seconds = PAUSE_SECONDS
        self._task: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Read it, as the turn has asked."""
        self._task = asyncio.get_running_loop().create_task(self._reload())
        self._task.add_done_callback(self._ended)

    def close(self) -> None:
        """Try it no more."""
        if self._task is not None:
            self._task.cancel()

    async def _reload(self) -> None:
        reading = asyncio.ensure_future(run_beside_taps(self._read_published))
        while not (await asyncio.wait([reading], timeout=WAIT_SECONDS))[0]:
            self._give_up("what is published could not be read yet")
        try:
            published = reading.result()
        except LedgerError as error:
            self._give_up(f"what is published could not be read: {error}")
            await asyncio.sleep(self._pause_seconds)
            self._pause_seconds = min(2 * self._pause_seconds, PAUSE_SECONDS_MAX)
            self._turn.failed(Reload(), error)
        else:
            self._pause_seconds = PAUSE_SECONDS
            self._use(published)
        self._work()

    def _give_up(self, why: str) -> None:
        logger.error("reload_failed", why=why)
        self._turn.give_up(LedgerUnavailable(why))
        self._work()

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._die(error)
