"""Whether a tap would be answered now: what `/readyz` says.

Most of it is known anyway: whether the engine lives, how its latest batch ended, what waits. While
taps are stored nothing else is done; where none came for a while, or the latest failed, a small
transaction is tried in a thread of its own, which no work of operators can hold up.
"""

import asyncio
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Final

from api.runtime.service import EngineService
from fare_engine.checks import CLOCK_AHEAD_MAX_MS
from fare_engine.errors import LedgerLost, LedgerUnavailable
from fare_engine.ledger.place import OpenLedger

PROBE_S: Final = 2.0
"""A batch that was stored, or a probe that went well, counts for so long."""

FAILURE_S: Final = 3.0
"""A batch that failed counts for so long, or until one is stored; then a probe decides."""

PROBE_TIMEOUT_S: Final = 2.0
"""Who asks waits so long for a probe; all who ask meanwhile wait for the same one."""

STALLED_S: Final = 1.0
"""Work of the ledger's thread that takes longer is reported."""

Failure = tuple[str, str]
"""The part that fails, and what is wrong."""


class Readiness:
    """What keeps taps from being answered, apart from what operators have published."""

    def __init__(
        self,
        service: EngineService,
        ledger: OpenLedger,
        pending_taps_max: int,
    ) -> None:
        self._service = service
        self._ledger = ledger
        self._pending_taps_max = pending_taps_max
        self._probe = ledger.open_probe()
        self._probing: asyncio.Future[bool] | None = None
        self._probing_since = 0.0
        self._written_at = 0.0
        self._clock_offset_s = _measure_clock_offset()

    def close(self) -> None:
        """Probe no more; a probe that hangs is left alone."""
        if self._probing is None or self._probing.done():
            self._probe.close()

    @property
    def clock_jump_seconds(self) -> float:
        """How far the system's clock was set since the start: forward, or back (below 0)."""
        return _measure_clock_offset() - self._clock_offset_s

    async def list_failures(self) -> list[Failure]:
        """Everything that keeps a tap from being answered now."""
        failures = self._list_known()
        try:
            self._ledger.check_files()
        except LedgerLost as error:
            failures.append(("database", str(error)))
            return failures
        if not failures:
            failures += await self._try()
        return failures

    def _list_known(self) -> list[Failure]:
        service, failures = self._service, list[Failure]()
        if service.dead is not None:
            failures.append(("engine", "it has stopped; the process must be restarted"))
        stalled_s = service.stalled_seconds
        if service.is_refusing or stalled_s > STALLED_S:
            what = f"the ledger has been at work for {stalled_s:.1f} s and does not come back"
            failures.append(("engine", what))
        if service.pending_taps >= self._pending_taps_max:
            failures.append(("engine", f"{service.pending_taps} taps wait, and no more may"))
        if self._ledger.damage is not None:
            what = f"the file is damaged ({self._ledger.damage}); restore a backup"
            failures.append(("database", what))
        failed_s = time.perf_counter() - service.last_failed_at
        if service.last_failure is not None and failed_s < FAILURE_S:
            failures.append(("database", f"the latest taps failed: {service.last_failure}"))
        back_s = -self.clock_jump_seconds
        if back_s * 1_000 > CLOCK_AHEAD_MAX_MS:
            what = f"it was set back by {back_s:.0f} s since the start; taps are ahead of it"
            failures.append(("clock", what))
        return failures

    async def _try(self) -> list[Failure]:
        """Read, and write where nothing was written lately; once for all who ask meanwhile."""
        if self._probing is None or self._probing.done():
            self._probing = self._start_probe(asyncio.get_running_loop())
            self._probing_since = time.perf_counter()
        probing = self._probing
        await asyncio.wait([probing], timeout=PROBE_TIMEOUT_S)
        if not probing.done():
            waited_s = time.perf_counter() - self._probing_since
            return [("database", f"the ledger has not answered for {waited_s:.1f} s")]
        error = probing.exception()
        if isinstance(error, LedgerUnavailable):
            return [("database", str(error))]
        if error is not None:
            raise error
        if probing.result():
            self._ledger.probed()
        return []

    def _start_probe(self, loop: asyncio.AbstractEventLoop) -> asyncio.Future[bool]:
        """Probe in a thread that nobody waits for when the process ends."""
        probing: asyncio.Future[bool] = loop.create_future()
        write = self._is_write_due()

        def run() -> None:
            end: Callable[[], None]
            try:
                end = partial(probing.set_result, self._look(write))
            except Exception as error:  # noqa: BLE001 - raised to all who ask
                end = partial(probing.set_exception, error)
            with suppress(RuntimeError):  # the loop is closed by now
                loop.call_soon_threadsafe(end)

        threading.Thread(target=run, name="readiness", daemon=True).start()
        return probing

    def _is_write_due(self) -> bool:
        service = self._service
        latest = max(service.last_committed_at, self._written_at)
        return service.last_failure is not None or time.perf_counter() - latest > PROBE_S

    def _look(self, write: bool) -> bool:
        self._probe.read()
        if write:
            self._probe.write()
            self._written_at = time.perf_counter()
        return write


def _measure_clock_offset() -> float:
    """The system's clock minus one that nobody sets; both go on while a machine sleeps."""
    return time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
