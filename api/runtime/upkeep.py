"""When the ledger does work of its own: in its thread, while no tap comes."""

import asyncio
from collections.abc import Callable
from typing import Final

import structlog

from fare_engine.ports import Maintenance
from fare_engine.turn import Turn

logger = structlog.get_logger(__name__)

QUIET_S: Final = 0.05
"""After so long without a tap the ledger may catch up with what a burst left."""

PAUSE_S_MAX: Final = 30.0
"""It is tried again after twice as long whenever it fails, and after this at the latest."""

Ended = Callable[[BaseException | None], None]


class Upkeep:
    """Has the ledger's maintenance done in small steps, none of them beside a commit."""

    def __init__(
        self,
        maintenance: Maintenance | None,
        turn: Turn,
        run_in_thread: Callable[[Callable[[], None], Ended], None],
        work: Callable[[], None],
    ) -> None:
        self._maintenance = maintenance
        self._turn = turn
        self._run_in_thread = run_in_thread
        self._work = work
        self._planned: asyncio.TimerHandle | None = None
        self._closed = False
        self._pause_s = QUIET_S

    def plan(self) -> None:
        """Nothing waits any more: begin once no tap has come for a while."""
        maintenance = self._maintenance
        if maintenance is None or self._closed or not maintenance.is_due:
            return
        if self._planned is not None:
            self._planned.cancel()
        self._planned = asyncio.get_running_loop().call_later(self._pause_s, self._begin)

    def close(self) -> None:
        """Begin no more steps; one that runs comes to its end."""
        self._closed = True
        if self._planned is not None:
            self._planned.cancel()

    def _begin(self) -> None:
        self._planned = None
        maintenance = self._maintenance
        if maintenance is None or self._closed or not self._turn.is_idle:
            return  # the end of the work that came meanwhile plans it again
        if not (maintenance.is_due and maintenance.can_step):
            self.plan()
            return
        self._turn.is_maintaining = True
        self._run_in_thread(maintenance.step, self._ended)

    def _ended(self, error: BaseException | None) -> None:
        self._turn.is_maintaining = False
        if error is None:
            assert self._maintenance is not None
            self._maintenance.stepped()
            self._pause_s = QUIET_S
            self._begin()  # still quiet: go on at once, unless something came
        else:
            self._pause_s = min(2 * self._pause_s, PAUSE_S_MAX)
            logger.error("maintenance_failed", error=str(error))
        self._work()
