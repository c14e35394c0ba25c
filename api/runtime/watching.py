"""Finds out what other processes publish, and which heartbeats they took, in a thread beside."""

import asyncio
import threading
from collections.abc import Callable, Sequence
from typing import Final

import structlog

from fare_engine.errors import LedgerUnavailable
from fare_engine.ledger.database import Database, reading
from fare_engine.ledger.place import Watch
from fare_engine.ledger.stores.heartbeats import StoredHeartbeat, list_heartbeats

logger = structlog.get_logger(__name__)

PAUSE_SECONDS: Final = 0.5
"""After a look that failed."""

CLOSE_SECONDS: Final = 5.0
"""A look that hangs is left alone at a stop."""

Found = Callable[[int, Sequence[StoredHeartbeat]], None]
"""Gets the version of what is published, and the latest heartbeat of each controller."""


class Watching:
    """Looks at the ledger as soon as something is published, and at the latest after a moment."""

    def __init__(self, watch: Watch, database: Database, found: Found) -> None:
        self._watch = watch
        self._database = database
        self._found = found
        self._loop = asyncio.get_running_loop()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Look no more."""
        self._stopping.set()
        self._thread.join(CLOSE_SECONDS)

    def _run(self) -> None:
        has_failed = False
        while not self._stopping.is_set():
            try:
                version = self._watch.wait()
                with reading(self._database) as connection:
                    heartbeats = list_heartbeats(connection)
            except LedgerUnavailable as error:
                if not has_failed:
                    logger.error("watch_failed", error=str(error))
                has_failed = True
                self._stopping.wait(PAUSE_SECONDS)
                continue
            has_failed = False
            if not self._stopping.is_set():
                self._loop.call_soon_threadsafe(self._found, version, heartbeats)
        self._watch.close()
