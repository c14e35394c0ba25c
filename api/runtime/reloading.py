"""How what is published is read anew, where another process may publish it."""

import asyncio
from collections.abc import Callable
from typing import Final

import structlog

from fare_engine.engine import Engine
from fare_engine.errors import LedgerError
from fare_engine.published import Published
from fare_engine.turn import Reload, Turn

logger = structlog.get_logger(__name__)

PAUSE_S: Final = 0.02
"""After so long a reload that failed is tried again, and after twice as long each time."""

PAUSE_S_MAX: Final = 1.0

ReadPublished = Callable[[], Published]
Ended = Callable[[BaseException | None], None]


class Reloading:
    """Reads what is published now in the ledger's thread, until that succeeds.

    Taps wait meanwhile: nothing that was decided by an older version may be stored.
    """

    def __init__(
        self,
        read_published: ReadPublished | None,
        engine: Engine,
        turn: Turn,
        run_in_thread: Callable[[Callable[[], None], Ended], None],
        work: Callable[[], None],
    ) -> None:
        self._read_published = read_published
        self._engine = engine
        self._turn = turn
        self._run_in_thread = run_in_thread
        self._work = work
        self._found = engine.published
        self._pause_s = PAUSE_S

    def begin(self) -> None:
        """Read it, as the turn has asked."""
        self._run_in_thread(self._read, self._ended)

    def _read(self) -> None:
        assert self._read_published is not None, "one process publishes all that this ledger holds"
        self._found = self._read_published()

    def _ended(self, error: BaseException | None) -> None:
        if error is None:
            self._pause_s = PAUSE_S
            # This process may have published something itself meanwhile.
            latest = max(self._found, self._engine.published, key=_get_version)
            self._turn.use(latest)
            self._work()
        elif isinstance(error, LedgerError):
            logger.error("reload_failed", error=str(error))
            asyncio.get_running_loop().call_later(self._pause_s, self._try_again, error)
            self._pause_s = min(2 * self._pause_s, PAUSE_S_MAX)
        else:
            raise error

    def _try_again(self, error: LedgerError) -> None:
        self._turn.failed(Reload(), error)
        self._work()


def _get_version(published: Published) -> int:
    return published.version
