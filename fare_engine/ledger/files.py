"""The files of a data directory: opened only where they are files, kept for their owner."""

import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from fare_engine.errors import ConfigurationError, DataDirectoryMissing, FileInvalid

PRIVATE: Final = 0o600
_OTHERS: Final = 0o077
_OTHERS_WRITE: Final = 0o022


def open_file(path: Path, flags: int) -> int:
    """A descriptor of a regular file; FileInvalid for anything else that bears its name.

    A symbolic link is refused: what it leads to is not locked, copied or backed up with the
    directory.
    """
    try:
        # Without O_NONBLOCK a pipe that bears the name would be waited for.
        descriptor = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, PRIVATE)
    except FileNotFoundError:
        raise DataDirectoryMissing(f"{path} is missing") from None
    except OSError as error:
        raise FileInvalid(_describe(path, error)) from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise FileInvalid(_describe(path, None))
    return descriptor


def check_is_file(path: Path) -> None:
    """Refuse what is no regular file, by its name alone: FileInvalid."""
    if not stat.S_ISREG(path.lstat().st_mode):
        raise FileInvalid(_describe(path, None))


def read_file(path: Path, bytes_max: int) -> bytes:
    """What stands in a regular file, up to so many bytes and one more."""
    descriptor = open_file(path, os.O_RDONLY)
    try:
        return os.read(descriptor, bytes_max + 1)
    except OSError as error:
        raise FileInvalid(_describe(path, error)) from error
    finally:
        os.close(descriptor)


def give_to_owner(descriptor: int, directory: Path) -> None:
    """Let a file that root made belong to whom the directory belongs to, who has to open it."""
    if os.geteuid() == 0:
        owner = directory.stat()
        os.fchown(descriptor, owner.st_uid, owner.st_gid)


def sync_directory(path: Path) -> None:
    """Make the names in a directory as durable as the files behind them."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def check_modes(directory: Path, key_path: Path, *ledger_paths: Path) -> None:
    """Refuse a key that others can read, and a directory or a ledger that others can write."""
    for path, forbidden, what in (
        (key_path, _OTHERS, "read or written"),
        (directory, _OTHERS_WRITE, "written"),
        *((path, _OTHERS_WRITE, "written") for path in ledger_paths),
    ):
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & forbidden:
            wanted = 0o700 if path == directory else PRIVATE
            raise ConfigurationError(
                f"{path} can be {what} by others than its owner (mode {mode:04o}): "
                f"`chmod {wanted:o} {path}`"
            )


def list_loose_modes(directory: Path, paths: Iterable[Path]) -> Iterator[str]:
    """What should be as only its owner can read it, and what belongs to somebody else."""
    user = os.geteuid()
    for path in (directory, *paths):
        try:
            found = path.stat()
        except OSError:
            continue
        mode = stat.S_IMODE(found.st_mode)
        if mode & _OTHERS:
            wanted = 0o700 if path == directory else PRIVATE
            yield (
                f"{path} can be read by others than its owner (mode {mode:04o}): "
                f"`chmod {wanted:o} {path}`"
            )
        if user not in (0, found.st_uid):
            yield f"{path} belongs to user {found.st_uid}, and this process runs as {user}"


def _describe(path: Path, error: OSError | None) -> str:
    if path.is_symlink():
        return f"{path} is a symbolic link: put the file itself in its place"
    if error is None or path.is_dir():
        return f"{path} must be a file, and is {'a directory' if path.is_dir() else 'none'}"
    return f"{path} cannot be opened: {error.strerror}"
