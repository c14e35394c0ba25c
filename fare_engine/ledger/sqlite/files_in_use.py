"""Whether the files on disk are still those that the ledger writes.

An open file goes on being written after it was deleted, replaced or cut: everything would look
well until the next start. So they are looked at with every commit, before anybody is answered. The
log's size says whether it was cut, and the directory's time of change whether a name in it was
made, deleted or given to another file. All of it costs some five microseconds a commit.
"""

import os
import time
from pathlib import Path
from typing import Final

from fare_engine.errors import LedgerLost
from fare_engine.ledger.sqlite.log_file import (
    SALTS_AT,
    SALTS_BYTES,
    IndexHeader,
    find_salts,
    name_log,
    name_log_index,
)

_YOUNG_NS: Final = 100_000_000
"""Two changes of a directory may carry the same time: many kernels count it in ticks of some ms."""

_UNKNOWN: Final = -1
_UNSETTLED: Final = -2
_TRIES: Final = 3
"""The header of the index may be read while somebody writes it."""


class LedgerFiles:
    """The ledger, its write-ahead log and the index of that, as they were when they were opened."""

    def __init__(self, path: Path) -> None:
        self._directory = str(path.parent)
        paths = path, name_log(path), name_log_index(path)
        self._ledger, self._log, self._index = paths
        self._files = {path: path.stat() for path in paths}
        # Never closed before SQLite has closed its own: that would give up SQLite's locks. Held
        # open, since a process without a free descriptor has lost nothing.
        self._descriptors = [os.open(path, os.O_RDONLY | os.O_CLOEXEC) for path in paths]
        self._ledger_descriptor, self._log_descriptor, self._index_descriptor = self._descriptors
        self._ledger_bytes = self._log_bytes = self._index_bytes = 0
        self._settled_ns = _UNSETTLED
        self.check()

    def close(self) -> None:
        """Once the last connection is closed."""
        for descriptor in self._descriptors:
            os.close(descriptor)

    def check_before(self) -> None:
        """Before a commit: raise LedgerLost where the log lacks what was written to it.

        Afterwards it would be too late: what is written behind the end of a file that was cut makes
        it as long as before.
        """
        if os.fstat(self._log_descriptor).st_size < self._log_bytes:
            self.check()  # cut, or just begun anew

    def check_after(self) -> None:
        """After a commit: LedgerLost where a file was deleted, replaced or written over, or cut."""
        header = IndexHeader.read(self._index_descriptor)
        salts = os.pread(self._log_descriptor, SALTS_BYTES, SALTS_AT)
        if header is None or (header.frames and salts != header.salts):
            self.check()
        else:
            self._log_bytes = header.measure_log()
        try:
            # A path object costs another microsecond with every tap.
            changed_ns = os.stat(self._directory).st_mtime_ns  # noqa: PTH116
        except OSError:
            changed_ns = _UNKNOWN
        ledger_bytes = os.fstat(self._ledger_descriptor).st_size
        if changed_ns != self._settled_ns or ledger_bytes < self._ledger_bytes:
            self.check()

    def check(self) -> None:
        """Raise LedgerLost where the files are others, or lack what was written.

        Where that cannot be found out, as without the right to look, nothing is said.
        """
        try:
            changed_ns = Path(self._directory).stat().st_mtime_ns
        except OSError:
            changed_ns = _UNKNOWN
        is_settled = changed_ns < time.time_ns() - _YOUNG_NS
        self._settled_ns = changed_ns if is_settled else _UNSETTLED
        for _ in range(_TRIES):
            try:
                cut = self._find_cut(*(self._check_file(path) for path in self._files))
            except OSError:
                return
            if cut is None:
                return
        raise LedgerLost(f"{cut} was cut or written over while it was in use", may_close=False)

    def _find_cut(
        self, ledger: os.stat_result, log: os.stat_result, index: os.stat_result
    ) -> Path | None:
        """The file that lacks what was written, or may do so: the index may change meanwhile."""
        header = IndexHeader.read(self._index_descriptor)
        if index.st_size < self._index_bytes or header is None:
            return self._index
        if ledger.st_size < min(self._ledger_bytes, header.pages * header.page_bytes):
            return self._ledger
        if log.st_size < header.measure_log():
            return self._log
        if header.frames and find_salts(self._log_descriptor) != header.salts:
            return self._log
        self._ledger_bytes, self._index_bytes = ledger.st_size, index.st_size
        self._log_bytes = header.measure_log()
        return None

    def _check_file(self, path: Path) -> os.stat_result:
        try:
            found = path.stat()
        except (FileNotFoundError, NotADirectoryError) as error:
            what = f"{path} is not there any more: {error.strerror}"
            raise LedgerLost(what, may_close=True) from None
        if not os.path.samestat(found, self._files[path]):
            raise LedgerLost(f"{path} is another file than the one in use", may_close=True)
        return found
