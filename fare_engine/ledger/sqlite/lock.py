"""The lock of a data directory: one process at a time, and who that is.

The kernel keeps the lock and gives it back when the process ends, however it ends. It is taken on
the directory itself and on the ledger, by whatever path they are reached, so that removing or
replacing the file `lock` frees nothing. That file says whom to ask, and is locked too for the sake
of versions that lock nothing else.
"""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Final, NamedTuple

from fare_engine.errors import ConfigurationError, DataDirectoryInUse, DataDirectoryMissing
from fare_engine.ledger.files import give_to_owner, open_file

HOLDER_BYTES_MAX: Final = 4_096
"""As much of the file is read at most: whatever stands in it, it is no holder if it is longer."""


class Holder(NamedTuple):
    """Who holds a data directory, as far as it says: its process and the address it serves."""

    pid: int | None
    purpose: str | None
    url: str | None


class Lock:
    """The held lock of a data directory; others read what its holder wrote into it."""

    def __init__(self, path: Path, descriptor: int, purpose: str) -> None:
        self._path = path
        self._descriptor = descriptor
        self._purpose = purpose
        self.announce(None)

    def announce(self, url: str | None) -> None:
        """Let others know the address at which this process serves the API.

        ConfigurationError where that cannot be written.
        """
        holder = {"pid": os.getpid(), "purpose": self._purpose, "url": url}
        content = json.dumps(holder).encode() + b"\n"
        try:
            os.pwrite(self._descriptor, content, 0)
            os.ftruncate(self._descriptor, len(content))
        except OSError as error:  # A full disk, a quota
            raise ConfigurationError(f"{self._path} cannot be written: {error.strerror}") from error


@contextmanager
def hold(path: Path, ledger_path: Path, purpose: str) -> Iterator[Lock]:
    """Hold the directory of this lock; DataDirectoryInUse names the process that already does.

    The ledger's descriptor is closed with the lock, hence after all connections to it: closing any
    descriptor of a file gives back the locks that SQLite has on it in this process.
    """
    with ExitStack() as stack:
        descriptor = _take(path, ledger_path, stack)
        try:
            yield Lock(path, descriptor, purpose)
        finally:
            os.ftruncate(descriptor, 0)


def _take(path: Path, ledger_path: Path, stack: ExitStack) -> int:
    while True:
        with ExitStack() as held:
            directory = _open_directory(path.parent)
            held.callback(os.close, directory)
            _lock(directory, path)
            ledger = _find_ledger(ledger_path)
            if ledger is not None:
                held.callback(os.close, ledger)
                _lock(ledger, path)
            descriptor = open_file(path, os.O_RDWR | os.O_CREAT)
            held.callback(os.close, descriptor)
            _lock(descriptor, path)
            give_to_owner(descriptor, path.parent)
            # An `init` that failed took file or directory away between opening and locking.
            if _is_still_at(path, descriptor) and _is_still_at(path.parent, directory):
                _refuse_copy(path, descriptor)
                stack.push(held.pop_all())
                return descriptor


def _open_directory(path: Path) -> int:
    try:
        return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        raise DataDirectoryMissing(f"there is no data directory {path}") from None
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be opened: {error.strerror}") from error


def _find_ledger(path: Path) -> int | None:
    """A descriptor of the ledger, where there is one: it may be linked into two directories.

    To write, so that a ledger that cannot be written is reported here and not by every tap.
    """
    if not path.exists() and not path.is_symlink():
        return None
    return open_file(path, os.O_RDWR)


def _lock(descriptor: int, path: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise _in_use(path) from None
    except OSError as error:
        raise ConfigurationError(f"{path.parent} cannot be locked: {error.strerror}") from error


def _is_still_at(path: Path, descriptor: int) -> bool:
    with suppress(FileNotFoundError):
        return os.path.samestat(os.fstat(descriptor), path.stat())
    return False


def _refuse_copy(path: Path, descriptor: int) -> None:
    """Refuse a directory that was copied from one which is in use: taps would go on in both.

    What a process that has ended left in the file is of no importance.
    """
    holder = _read_holder(descriptor)
    if holder.pid not in (None, os.getpid()) and holder.pid in _list_lockers():
        raise ConfigurationError(
            f"{path.parent} is a copy of a data directory that {_name(holder)} is using: stop that "
            f"process and copy again, or remove {path} to use the copy by itself"
        )


def _list_lockers() -> set[int]:
    """The processes that hold a lock of this kind on any file; none where Linux does not say."""
    with suppress(OSError):
        lines = Path("/proc/locks").read_text("ascii").splitlines()
        return {int(words[4]) for line in lines if (words := line.split())[1] == "FLOCK"}
    return set()


def _in_use(path: Path) -> DataDirectoryInUse:
    holder = _find_holder(path)
    return DataDirectoryInUse(
        f"the data directory {path.parent} is in use by {_name(holder)}", holder.pid, holder.url
    )


def _name(holder: Holder) -> str:
    if holder.pid is None:
        return "another process, which its file `lock` does not name"
    name = f"process {holder.pid}"
    if holder.purpose:
        name += f" ({holder.purpose})"
    if holder.url:
        name += f", which serves {holder.url}"
    return name


def _find_holder(path: Path) -> Holder:
    """What the holder of a lock wrote; it may be writing just now, so nothing is sure."""
    try:
        descriptor = open_file(path, os.O_RDONLY)
    except ConfigurationError:
        return Holder(None, None, None)
    try:
        return _read_holder(descriptor)
    finally:
        os.close(descriptor)


def _read_holder(descriptor: int) -> Holder:
    content, _, _ = os.pread(descriptor, HOLDER_BYTES_MAX, 0).partition(b"\n")
    try:
        fields = json.loads(content)
        pid, purpose, url = fields["pid"], fields["purpose"], fields["url"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return Holder(None, None, None)
    is_holder = type(pid) is int and isinstance(purpose, str) and isinstance(url, str | None)
    return Holder(pid, purpose, url) if is_holder else Holder(None, None, None)
