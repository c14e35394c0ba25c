"""Files that the process may not use are reported in one line, before a tap needs them."""

import os
import tempfile
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest

from fare_engine.errors import ConfigurationError
from fare_engine.ledger.sqlite.data_directory import DataDirectory

NOBODY: Final = 65_534


@pytest.fixture
def directory() -> Iterator[DataDirectory]:
    """A directory of a user who is not root: root may do everything."""
    with tempfile.TemporaryDirectory(prefix="fare-permissions-") as folder:
        Path(folder).chmod(0o755)
        directory = DataDirectory(Path(folder) / "data")
        with directory.create() as ledger_path:
            ledger_path.write_text("a ledger")
        if os.geteuid() == 0:
            for path in (directory.path, *directory.path.iterdir()):
                os.chown(path, NOBODY, NOBODY)
        yield directory
        directory.path.chmod(0o700)


def find_error(ask: Callable[[], object]) -> str:
    """What the error says with which it ends for that user; empty where it ends well."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        message = ""
        try:
            if os.geteuid() == 0:
                os.setgroups([])
                os.setgid(NOBODY)
                os.setuid(NOBODY)
            ask()
        except ConfigurationError as error:
            message = str(error)
        except BaseException:  # noqa: BLE001  Nothing may leave the child but by its pipe.
            message = traceback.format_exc()
        os.write(writer, message.encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, encoding="utf-8") as file:
        message = file.read()
    os.waitpid(child, 0)
    return message


def hold(directory: DataDirectory) -> Callable[[], object]:
    def ask() -> None:
        with directory.open().lock("test"):
            directory.read_token_key()

    return ask


@pytest.mark.parametrize(
    ("name", "mode"),
    [
        ("token.key", 0o000),
        ("token.key", 0o200),
        ("lock", 0o000),
        ("lock", 0o400),
        ("ledger.sqlite3", 0o000),
        ("ledger.sqlite3", 0o400),
    ],
)
def test_a_file_that_cannot_be_used_is_reported(
    directory: DataDirectory, name: str, mode: int
) -> None:
    assert find_error(hold(directory)) == ""
    (directory.path / name).chmod(mode)
    assert find_error(hold(directory)) == (
        f"{directory.path / name} cannot be opened: Permission denied"
    )


def test_a_directory_that_cannot_be_entered_is_reported(directory: DataDirectory) -> None:
    directory.path.chmod(0o000)
    assert find_error(hold(directory)) == f"{directory.path} cannot be read: Permission denied"


def test_a_directory_without_a_lock_that_cannot_be_written_is_reported(
    directory: DataDirectory,
) -> None:
    directory.lock_path.unlink()
    directory.path.chmod(0o500)
    message = find_error(hold(directory))
    assert message == f"{directory.lock_path} cannot be opened: Permission denied"


def test_a_lock_that_root_made_belongs_to_the_directorys_owner(directory: DataDirectory) -> None:
    directory.lock_path.unlink()
    with directory.lock("test"):
        pass
    assert directory.lock_path.stat().st_uid == directory.path.stat().st_uid
    assert find_error(hold(directory)) == ""
