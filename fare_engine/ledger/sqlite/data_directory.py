"""The data directory: the ledger, the token key and the lock of one embedded engine."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, Self

from fare_engine.errors import ConfigurationError, DataDirectoryMissing, DataDirectoryUsed
from fare_engine.ledger.files import (
    check_is_file,
    check_modes,
    list_loose_modes,
    sync_directory,
)
from fare_engine.ledger.sqlite.lock import Lock, hold
from fare_engine.ledger.sqlite.log_file import name_log
from fare_engine.ledger.token_key_file import TOKEN_KEY, read_token_key, write_token_key

_NEW: Final = ".new"
"""What a ledger and its key are called until the directory is complete."""


class DataDirectory:
    """One directory with all that an embedded engine keeps; one process uses it at a time.

    It holds `ledger.sqlite3`, `token.key` (readable by its owner only) and `lock`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.ledger_path = path / "ledger.sqlite3"
        self.token_key_path = path / TOKEN_KEY
        self.lock_path = path / "lock"
        self._is_creating = False
        self._new_ledger_path = path / f"ledger.sqlite3{_NEW}"
        self._new_token_key_path = path / f"{TOKEN_KEY}{_NEW}"

    @contextmanager
    def create(self) -> Iterator[Path]:
        """Make the directory: build the ledger at the path given, then leave the block.

        Nothing bears its final name before the block has ended well. When it fails the directory
        is left as it was; when power fails in it, `create` may simply be called again.
        """
        made = self._make_directories()
        mode = self.path.stat().st_mode & 0o777
        had_lock = self.lock_path.exists()
        done = False
        try:
            with self.lock("init"):
                try:
                    self._refuse_if_used()
                    with self._unfinished(mode):
                        yield self._new_ledger_path
                        self._finish()
                    done = True
                finally:
                    if not done and not had_lock:
                        self.lock_path.unlink()
        finally:
            if not done:
                for directory in made:
                    with suppress(OSError):  # Somebody else put something there: it stays.
                        directory.rmdir()
        for directory in (self.path, *(directory.parent for directory in made)):
            sync_directory(directory)

    def open(self) -> Self:
        """This directory, once it was found to be complete and closed to others.

        DataDirectoryMissing when a part is not there, FileInvalid when it is no file,
        ConfigurationError when others than its owner can write it or read the key.
        """
        try:
            self._check()
        except OSError as error:
            raise ConfigurationError(f"{self.path} cannot be read: {error.strerror}") from error
        return self

    def list_warnings(self) -> list[str]:
        """What keeps nothing from working, and should be mended: loose modes, another owner."""
        log_path = name_log(self.ledger_path)
        paths = (self.ledger_path, log_path, self.token_key_path, self.lock_path)
        return [*list_loose_modes(self.path, paths)]

    def read_token_key(self) -> bytes:
        """The key that turns media into tokens; FileInvalid when the file is not as written."""
        path = self._new_token_key_path if self._is_creating else self.token_key_path
        if not os.path.lexists(path):
            self.open()
        return read_token_key(path)

    def get_token_key_changed_ms(self) -> int:
        """When the file of the key was changed last, milliseconds since 1970."""
        return self.token_key_path.stat().st_mtime_ns // 1_000_000

    @contextmanager
    def lock(self, purpose: str) -> Iterator[Lock]:
        """Hold the directory alone; DataDirectoryInUse names the process that already does.

        The lock ends with the process, however that ends.
        """
        with hold(self.lock_path, self.ledger_path, purpose) as lock:
            yield lock

    def _check(self) -> None:
        if not self.path.is_dir():
            raise DataDirectoryMissing(
                f"there is no data directory {self.path}; `fare-engine init` makes one"
            )
        for path in (self.ledger_path, self.token_key_path):
            try:
                check_is_file(path)
            except FileNotFoundError:
                raise DataDirectoryMissing(
                    f"{self.path} is no complete data directory: {path.name} is missing; "
                    "`fare-engine init` makes one in a new directory, a backup restores one"
                ) from None
        check_modes(self.path, self.token_key_path, self.ledger_path)

    def _make_directories(self) -> list[Path]:
        """Make the directory and its parents; those that were made, innermost first."""
        missing = [path for path in (self.path, *self.path.parents) if not path.exists()]
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigurationError(f"{self.path} cannot be made: {error.strerror}") from error
        return missing

    def _refuse_if_used(self) -> None:
        ours = {self._new_ledger_path, self._new_token_key_path}
        if self.ledger_path.exists():
            raise DataDirectoryUsed(
                f"{self.path} already holds a ledger; nothing was changed. "
                "Name another directory, or start the engine on this one"
            )
        if self._new_ledger_path.exists():
            # An `init` was cut off. No tap was ever taken under its key.
            ours.add(self.token_key_path)
        allowed = {self.lock_path, self.path / "lost+found"}
        others = [
            path.name
            for path in sorted(self.path.iterdir())
            if path not in ours | allowed and not path.name.startswith(self._new_ledger_path.name)
        ]
        if others:
            raise DataDirectoryUsed(
                f"{self.path} is not empty: it holds {', '.join(others[:3])}"
                f"{' and more' if len(others) > 3 else ''}; nothing was changed. "
                "Name a new or an empty directory"
            )

    @contextmanager
    def _unfinished(self, mode: int) -> Iterator[None]:
        """What is made inside goes away again unless the block ends well."""
        self._clear_unfinished()
        try:
            self.path.chmod(0o700)
            write_token_key(self._new_token_key_path)
            self._is_creating = True
            yield
        except BaseException:
            self._clear_unfinished()
            self.path.chmod(mode)
            raise
        finally:
            self._is_creating = False

    def _clear_unfinished(self) -> None:
        if not self.ledger_path.exists():
            self.token_key_path.unlink(missing_ok=True)
        for path in self.path.glob(f"*{_NEW}*"):
            path.unlink()

    def _finish(self) -> None:
        """Give the files their names, the ledger last: with it the directory is complete."""
        if not self._new_ledger_path.is_file():
            raise ConfigurationError(f"no ledger was built in {self.path}")
        leftover = name_log(self._new_ledger_path)
        if leftover.exists() and leftover.stat().st_size:
            raise ConfigurationError(f"the ledger in {self.path} was not closed")
        self._new_ledger_path.chmod(0o600)
        self._new_token_key_path.rename(self.token_key_path)
        sync_directory(self.path)
        self._new_ledger_path.rename(self.ledger_path)
