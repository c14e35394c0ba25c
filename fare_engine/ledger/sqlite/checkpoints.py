"""Folds the write-ahead log into the database, beside the writer, so that no tap waits for it."""

import contextlib
import logging
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final

from fare_engine.ledger.sqlite.log_file import name_log

logger = logging.getLogger(__name__)

COMMITS_BETWEEN: Final = 256
"""Commits after which the size of the log is looked at: a `stat` now and then, not every time."""

LOG_BYTES: Final = 32 * 2**20
"""After about so much was written a checkpoint runs beside the writer. The log keeps its size on
disk and is written over: a file that grows makes every sync wait for its metadata too."""

COMMIT_BYTES: Final = 4 * 4_096
ROW_BYTES: Final = 600
"""What a commit, and each row in it, roughly add to the log."""

FOLDS: Final = 2
FOLDS_MAX: Final = 10
"""So often at most in a row while the writer adds to the log, and while the log is large: each fold
takes the disk and a core from the taps that come meanwhile."""

LOG_BYTES_LARGE: Final = 256 * 2**20

LOG_BYTES_MAX: Final = 512 * 2**20
"""Above this the writer waits for one: the disk is too slow, and the log must not fill it."""


class Checkpointer:
    """One thread that folds the log into the database when it has grown.

    A transaction that reads for long keeps the log from starting again at its beginning: it grows
    until that ends. The writer goes on meanwhile.
    """

    def __init__(
        self,
        connect: Callable[[], sqlite3.Connection],
        path: Path,
        *,
        commits_between: int = COMMITS_BETWEEN,
        log_bytes_max: int = LOG_BYTES_MAX,
    ) -> None:
        self._connection = connect()  # held, since later there may be no descriptor for one
        self._folding = threading.Lock()
        self._log = name_log(path)
        self._commits_between = commits_between
        self._log_bytes_max = log_bytes_max
        self._wait_above_bytes = log_bytes_max
        self._commits = 0
        self._written_bytes = 0
        self._wanted = threading.Event()
        self._stopping = False
        self._thread: threading.Thread | None = None
        self.is_overdue = False
        """Whether the log is so large that the next commit has to fold it first."""
        self.checkpoints = 0
        self.waits = 0

    def log_bytes(self) -> int:
        """The size of the write-ahead log now."""
        with contextlib.suppress(FileNotFoundError):
            return self._log.stat().st_size
        return 0

    def committed(self, rows: int) -> None:
        """Called after every commit of so many rows, by the writer."""
        self._commits += 1
        self._written_bytes += COMMIT_BYTES + rows * ROW_BYTES
        if self._commits % self._commits_between == 0 and self._has_grown():
            self.is_overdue = True
        elif self._written_bytes > LOG_BYTES:
            self._written_bytes = 0
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._run, name="ledger-checkpoints", daemon=True
                )
                self._thread.start()
            self._wanted.set()

    def halt(self) -> None:
        """Fold no more: what stands in the log must not go into the ledger."""
        self._stopping = True
        self.is_overdue = False

    def stop(self) -> None:
        """End the thread; SQLite folds the rest when the last connection closes."""
        self._stopping = True
        self._wanted.set()
        if self._thread is not None:
            self._thread.join()
        self._connection.close()

    def _has_grown(self) -> bool:
        log_bytes = self.log_bytes()
        if log_bytes <= self._log_bytes_max:
            self._wait_above_bytes = self._log_bytes_max
        return log_bytes > self._wait_above_bytes

    def fold_overdue(self) -> None:
        """Fold the log in the writer's thread, before its next commit.

        Where that is of no use, it is not tried again before the log is twice as large: each try
        holds up the writer.
        """
        self.is_overdue = False
        self.waits += 1
        self._fold("TRUNCATE")
        log_bytes = self.log_bytes()
        if log_bytes > self._log_bytes_max:
            self._wait_above_bytes = 2 * log_bytes
            logger.warning(
                "the write-ahead log has %d bytes, and a transaction that reads keeps it", log_bytes
            )

    def _run(self) -> None:
        while True:
            self._wanted.wait()
            self._wanted.clear()
            if self._stopping:
                return
            self._fold_whole()

    def _fold_whole(self) -> None:
        """Fold the log until nothing was added meanwhile: only then it starts at its beginning.

        The writer goes on; the little it adds is folded the quicker.
        """
        pages = -1
        for _ in range(FOLDS if self.log_bytes() < LOG_BYTES_LARGE else FOLDS_MAX):
            pages, before = self._fold("PASSIVE"), pages
            if pages == before:
                return

    def _fold(self, mode: str) -> int:
        """Fold what stands in the log now; how many pages that were."""
        if self._stopping:
            return 0
        try:
            with self._folding:
                query = f"PRAGMA wal_checkpoint({mode})"
                _, pages, _ = self._connection.execute(query).fetchone()
            self.checkpoints += 1
            return int(pages)
        except sqlite3.Error:
            logger.exception("the write-ahead log could not be folded; it goes on growing")
            return 0
