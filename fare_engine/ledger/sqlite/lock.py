"""The lock of a data directory: one process at a time, and who that is.

The kernel keeps the lock and gives it back when the process ends, however it ends. What stands in
the file only says whom to ask; what a dead process left there is of no importance.
"""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from fare_engine.errors import ConfigurationError, DataDirectoryInUse, DataDirectoryMissing


class Holder(NamedTuple):
    """Who holds a data directory, as far as it says: its process and the address it serves."""

    pid: int | None
    purpose: str | None
    url: str | None


class Lock:
    """The held lock of a data directory; others read what its holder wrote into it."""

    def __init__(self, descriptor: int, purpose: str) -> None:
        self._descriptor = descriptor
        self._purpose = purpose
        self.announce(None)

    def announce(self, url: str | None) -> None:
        """Let others know the address at which this process serves the API."""
        holder = {"pid": os.getpid(), "purpose": self._purpose, "url": url}
        content = json.dumps(holder).encode() + b"\n"
        os.pwrite(self._descriptor, content, 0)
        os.ftruncate(self._descriptor, len(content))


@contextmanager
def hold(path: Path, purpose: str) -> Iterator[Lock]:
    """Hold the lock at this path; DataDirectoryInUse names the process that already does."""
    descriptor = _take(path)
    try:
        yield Lock(descriptor, purpose)
    finally:
        os.ftruncate(descriptor, 0)
        os.close(descriptor)


def _take(path: Path) -> int:
    while True:
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except FileNotFoundError:
            raise DataDirectoryMissing(f"there is no data directory {path.parent}") from None
        except OSError as error:
            raise ConfigurationError(f"{path} cannot be opened: {error.strerror}") from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = _read_holder(descriptor)
            os.close(descriptor)
            raise _in_use(path, holder) from None
        if _is_still_at(path, descriptor):
            return descriptor
        # An `init` that failed took the file away between opening and locking it.
        os.close(descriptor)


def _is_still_at(path: Path, descriptor: int) -> bool:
    with suppress(FileNotFoundError):
        return os.path.samestat(os.fstat(descriptor), path.stat())
    return False


def _in_use(path: Path, holder: Holder) -> DataDirectoryInUse:
    name = "another process" if holder.pid is None else f"process {holder.pid}"
    if holder.purpose:
        name += f" ({holder.purpose})"
    if holder.url:
        name += f", which serves {holder.url}"
    return DataDirectoryInUse(
        f"the data directory {path.parent} is in use by {name}", holder.pid, holder.url
    )


def _read_holder(descriptor: int) -> Holder:
    """What the holder of a lock wrote; it may be writing just now, so nothing is sure."""
    content, _, _ = os.pread(descriptor, 4_096, 0).partition(b"\n")
    try:
        fields = json.loads(content)
        return Holder(fields["pid"], fields["purpose"], fields["url"])
    except (ValueError, KeyError, TypeError):
        return Holder(None, None, None)
