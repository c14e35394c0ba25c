"""The data directory: made once, whole or not at all, and held by one process at a time."""

import fcntl
import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from fare_engine.errors import (
    ConfigurationError,
    DataDirectoryInUse,
    DataDirectoryMissing,
    DataDirectoryUsed,
    FileInvalid,
)
from fare_engine.ledger.sqlite.data_directory import DataDirectory
from tests.fare_engine.ledger.sqlite.holding import held_by_another

ROOT = Path(__file__).parents[4]

CUT_OFF = """
import os
import sys
from pathlib import Path
from fare_engine.ledger.sqlite.data_directory import DataDirectory

with DataDirectory(Path(sys.argv[1])).create() as ledger_path:
    ledger_path.write_text("half a ledger")
    os._exit(9)
"""


@pytest.fixture
def directory(tmp_path: Path) -> DataDirectory:
    return DataDirectory(tmp_path / "data")


def _create(directory: DataDirectory) -> DataDirectory:
    with directory.create() as ledger_path:
        ledger_path.write_text("a ledger")
    return directory


def _fail_half_way(directory: DataDirectory, error: BaseException | None) -> None:
    """Leave a ledger that nobody closed, with or without an error."""
    with directory.create() as ledger_path:
        ledger_path.write_text("half a ledger")
        ledger_path.with_name(f"{ledger_path.name}-wal").write_text("frames")
        if error is not None:
            raise error


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_new_directory_is_for_its_owner_only(directory: DataDirectory) -> None:
    _create(directory)
    assert _mode(directory.path) == 0o700
    for path in (directory.ledger_path, directory.token_key_path, directory.lock_path):
        assert _mode(path) == 0o600
    assert {path.name for path in directory.path.iterdir()} == {
        "ledger.sqlite3",
        "token.key",
        "lock",
    }
    assert directory.open() is directory


def test_each_directory_has_a_key_of_its_own(tmp_path: Path) -> None:
    keys = {_create(DataDirectory(tmp_path / name)).read_token_key() for name in "ab"}
    assert len(keys) == 2
    assert {len(key) for key in keys} == {32}


def test_parents_are_made_too(tmp_path: Path) -> None:
    directory = _create(DataDirectory(tmp_path / "srv" / "metro" / "data"))
    assert directory.open() is directory


def test_an_empty_directory_may_be_used(directory: DataDirectory) -> None:
    directory.path.mkdir(mode=0o755)
    (directory.path / "lost+found").mkdir()
    _create(directory)
    assert _mode(directory.path) == 0o700


def test_a_used_directory_is_refused_and_stays_as_it_is(directory: DataDirectory) -> None:
    _create(directory)
    key = directory.read_token_key()
    with (
        pytest.raises(DataDirectoryUsed, match="already holds a ledger; nothing was changed"),
        directory.create(),
    ):
        pytest.fail("the block must not be entered")
    assert directory.open().read_token_key() == key
    assert directory.ledger_path.read_text() == "a ledger"


def test_a_directory_of_other_things_is_refused_and_stays_as_it_is(
    directory: DataDirectory,
) -> None:
    directory.path.mkdir(mode=0o755)
    (directory.path / "photo.jpg").touch()
    with (
        pytest.raises(DataDirectoryUsed, match=r"is not empty: it holds photo\.jpg; nothing"),
        directory.create(),
    ):
        pytest.fail("the block must not be entered")
    assert [path.name for path in directory.path.iterdir()] == ["photo.jpg"]
    assert _mode(directory.path) == 0o755


def test_a_key_without_its_ledger_is_not_overwritten(directory: DataDirectory) -> None:
    _create(directory)
    directory.ledger_path.unlink()
    with (
        pytest.raises(DataDirectoryUsed, match=r"it holds token\.key"),
        directory.create(),
    ):
        pytest.fail("the block must not be entered")
    assert directory.read_token_key()


def test_a_failure_leaves_no_new_directory_behind(tmp_path: Path) -> None:
    directory = DataDirectory(tmp_path / "srv" / "data")
    with pytest.raises(ZeroDivisionError):
        _fail_half_way(directory, ZeroDivisionError())
    assert list(tmp_path.iterdir()) == []


def test_a_failure_leaves_an_empty_directory_as_it_was(directory: DataDirectory) -> None:
    directory.path.mkdir(mode=0o755)
    with pytest.raises(KeyboardInterrupt):
        _fail_half_way(directory, KeyboardInterrupt())
    assert list(directory.path.iterdir()) == []
    assert _mode(directory.path) == 0o755


def test_nothing_is_created_without_a_closed_ledger(directory: DataDirectory) -> None:
    with pytest.raises(ConfigurationError, match="no ledger was built"), directory.create():
        pass
    with pytest.raises(ConfigurationError, match="was not closed"):
        _fail_half_way(directory, None)
    assert not directory.path.exists()


def test_a_creation_that_was_cut_off_is_no_directory_and_may_be_repeated(
    directory: DataDirectory,
) -> None:
    command = [sys.executable, "-c", CUT_OFF, str(directory.path)]
    assert subprocess.run(command, cwd=ROOT, check=False).returncode == 9
    with pytest.raises(DataDirectoryMissing, match=r"ledger\.sqlite3 is missing"):
        directory.open()
    _create(directory)
    assert directory.open().ledger_path.read_text() == "a ledger"
    assert not list(directory.path.glob("*.new*"))


def test_a_creation_cut_off_between_its_two_names_may_be_repeated(
    directory: DataDirectory,
) -> None:
    directory.path.mkdir()
    (directory.path / "ledger.sqlite3.new").touch()
    directory.token_key_path.write_text("00" * 32)
    _create(directory)
    assert directory.read_token_key() != bytes(32)


def test_a_directory_that_is_not_there_says_how_to_make_one(directory: DataDirectory) -> None:
    with pytest.raises(DataDirectoryMissing, match="`fare-engine init` makes one"):
        directory.open()
    with (
        pytest.raises(DataDirectoryMissing, match="there is no data directory"),
        directory.lock("serve"),
    ):
        pytest.fail("the block must not be entered")


def test_a_file_in_its_place_is_told(directory: DataDirectory) -> None:
    directory.path.touch()
    with pytest.raises(ConfigurationError, match="cannot be made"), directory.create():
        pytest.fail("the block must not be entered")


def test_a_lost_key_is_told(directory: DataDirectory) -> None:
    _create(directory)
    directory.token_key_path.unlink()
    with pytest.raises(DataDirectoryMissing, match=r"token\.key is missing"):
        directory.open()
    with pytest.raises(DataDirectoryMissing, match=r"token\.key is missing"):
        directory.read_token_key()


@pytest.mark.parametrize(
    ("content", "told"),
    [("00" * 31, "must be a key of 32 bytes, not 31"), ("key", "must be hexadecimal digits")],
)
def test_a_damaged_key_is_told(directory: DataDirectory, content: str, told: str) -> None:
    _create(directory)
    directory.token_key_path.write_text(content)
    with pytest.raises(FileInvalid, match=told):
        directory.read_token_key()


def test_a_second_process_is_told_who_holds_the_directory(directory: DataDirectory) -> None:
    _create(directory)
    url = "http://127.0.0.1:8080"
    with held_by_another(directory, url) as holder:
        with pytest.raises(DataDirectoryInUse) as refusal, directory.lock("keys"):
            pytest.fail("the block must not be entered")
        assert refusal.value.pid == holder.pid
        assert refusal.value.url == url
        assert f"is in use by process {holder.pid} (serve), which serves {url}" in str(
            refusal.value
        )


def test_a_holder_without_an_address_is_told_by_its_process(directory: DataDirectory) -> None:
    _create(directory)
    with held_by_another(directory) as holder:
        with pytest.raises(DataDirectoryInUse) as refusal, directory.lock("keys"):
            pytest.fail("the block must not be entered")
        assert (refusal.value.pid, refusal.value.url) == (holder.pid, None)
        assert str(refusal.value).endswith(f"is in use by process {holder.pid} (serve)")


def test_a_directory_in_use_is_not_created_again(directory: DataDirectory) -> None:
    _create(directory)
    with (
        held_by_another(directory),
        pytest.raises(DataDirectoryInUse),
        directory.create(),
    ):
        pytest.fail("the block must not be entered")
    assert directory.open() is directory


def test_the_lock_of_a_process_that_was_killed_is_free(directory: DataDirectory) -> None:
    _create(directory)
    with held_by_another(directory, "http://127.0.0.1:1") as holder:
        holder.kill()
        holder.wait()
        assert directory.lock_path.read_text(), "what it wrote is still there"
        with directory.lock("keys"):
            assert json.loads(directory.lock_path.read_text()) == {
                "pid": os.getpid(),
                "purpose": "keys",
                "url": None,
            }


def test_a_lock_is_given_back(directory: DataDirectory) -> None:
    _create(directory)
    with directory.lock("keys"), pytest.raises(DataDirectoryInUse), directory.lock("policies"):
        pytest.fail("the block must not be entered")
    assert directory.lock_path.read_text() == ""
    with pytest.raises(ZeroDivisionError), directory.lock("keys"):
        raise ZeroDivisionError
    with directory.lock("keys"):
        pass


def test_a_shorter_address_replaces_a_longer_one_whole(directory: DataDirectory) -> None:
    _create(directory)
    with directory.lock("serve") as lock:
        lock.announce("http://a.very.long.name.of.a.server.example:8080")
        lock.announce("http://a:1")
        assert json.loads(directory.lock_path.read_text())["url"] == "http://a:1"


def test_whatever_stands_in_the_lock_file_another_process_is_refused(
    directory: DataDirectory,
) -> None:
    _create(directory)
    with directory.lock_path.open("r+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        for content in ("", "[1]", "{}", '"pid"', "\x00\xff"):
            directory.lock_path.write_text(content)
            with (
                pytest.raises(DataDirectoryInUse, match="in use by another process"),
                directory.lock("keys"),
            ):
                pytest.fail("the block must not be entered")
