"""The lock of a data directory holds by whatever path the ledger is reached, file or no file."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from fare_engine.errors import ConfigurationError, DataDirectoryInUse
from fare_engine.ledger.sqlite.data_directory import DataDirectory
from tests.fare_engine.ledger.sqlite.holding import ROOT, held_by_another


@pytest.fixture
def directory(tmp_path: Path) -> DataDirectory:
    directory = DataDirectory(tmp_path / "data")
    with directory.create() as ledger_path:
        ledger_path.write_text("a ledger")
    return directory


def refuse(path: Path, match: str = "is in use by") -> DataDirectoryInUse:
    with (
        pytest.raises(DataDirectoryInUse, match=match) as refusal,
        DataDirectory(path).lock("keys"),
    ):
        pytest.fail("the block must not be entered")
    return refusal.value


def test_the_lock_survives_the_removal_of_its_file(directory: DataDirectory) -> None:
    with held_by_another(directory):
        directory.lock_path.unlink()
        refusal = refuse(directory.path, "another process, which its file `lock` does not name")
        assert (refusal.pid, refusal.url) == (None, None)
        assert not directory.lock_path.exists(), "a refused process leaves no file behind"


@pytest.mark.parametrize("content", [b"", b"{}", b"\x00\xff" * 5_000, b"[" * 100_000])
def test_the_lock_survives_another_file_in_its_place(
    directory: DataDirectory, content: bytes
) -> None:
    with held_by_another(directory):
        other = directory.path / "other"
        other.write_bytes(content)
        other.rename(directory.lock_path)
        refuse(directory.path)


def test_the_lock_survives_a_new_name_of_its_directory(directory: DataDirectory) -> None:
    with held_by_another(directory) as holder:
        renamed = directory.path.rename(directory.path.with_name("renamed"))
        assert refuse(renamed).pid == holder.pid


def test_the_lock_holds_by_every_path_to_the_directory(directory: DataDirectory) -> None:
    link = directory.path.with_name("link")
    link.symlink_to(directory.path)
    with held_by_another(directory):
        directory.lock_path.unlink()
        # The second is how the directory is reached through another mount.
        for path in (link, Path(f"/proc/self/root{directory.path}"), directory.path / "."):
            refuse(path)


def test_a_ledger_linked_into_another_directory_is_in_use_there_too(
    directory: DataDirectory,
) -> None:
    other = directory.path.with_name("other")
    other.mkdir()
    os.link(directory.ledger_path, other / "ledger.sqlite3")
    with held_by_another(directory):
        refuse(other)


def test_a_copy_of_a_directory_in_use_is_refused_until_its_lock_is_removed(
    directory: DataDirectory,
) -> None:
    copy = directory.path.with_name("copy")
    with held_by_another(directory, "http://127.0.0.1:8080") as holder:
        shutil.copytree(directory.path, copy)
        message = f"is a copy of a data directory that process {holder.pid}"
        # No DataDirectoryInUse: a command must not go on with the server of the other directory.
        with (
            pytest.raises(ConfigurationError, match=message) as refusal,
            DataDirectory(copy).lock("x"),
        ):
            pytest.fail("the block must not be entered")
        assert not isinstance(refusal.value, DataDirectoryInUse)
        (copy / "lock").unlink()
        with DataDirectory(copy).lock("keys"):
            pass


def test_a_copy_made_before_its_process_ended_is_a_directory_of_its_own(
    directory: DataDirectory,
) -> None:
    copy = directory.path.with_name("copy")
    with held_by_another(directory) as holder:
        shutil.copytree(directory.path, copy)
        holder.kill()
        holder.wait()
        with DataDirectory(copy).lock("serve"):
            pass


@pytest.mark.parametrize("content", [b"\xff" * 9_999, b'{"pid": 1, "purpose": "serve", "url": 5}'])
def test_what_stands_in_the_file_of_a_free_lock_does_not_matter(
    directory: DataDirectory, content: bytes
) -> None:
    directory.lock_path.write_bytes(content)
    with directory.lock("keys"):
        assert directory.lock_path.read_bytes().count(b"\n") == 1


def make_directory(path: Path) -> None:
    path.mkdir()


def make_link(path: Path) -> None:
    path.symlink_to("/dev/null")


def make_dangling_link(path: Path) -> None:
    path.symlink_to("nowhere")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (make_directory, "must be a file, and is a directory"),
        (make_link, "is a symbolic link"),
        (make_dangling_link, "is a symbolic link"),
        (os.mkfifo, "must be a file, and is none"),
    ],
)
def test_a_lock_that_is_no_file_is_reported(
    directory: DataDirectory, make: object, message: str
) -> None:
    assert callable(make)
    directory.lock_path.unlink()
    make(directory.lock_path)
    with pytest.raises(ConfigurationError, match=f"lock {message}"), directory.lock("keys"):
        pytest.fail("the block must not be entered")
    assert not directory.path.with_name("nowhere").exists()


def test_a_disk_without_room_is_reported(directory: DataDirectory) -> None:
    """A limit of the process stands for it: the kernel refuses the write in the same way."""
    program = (
        "import resource, signal, sys\n"
        "from pathlib import Path\n"
        "from fare_engine.errors import ConfigurationError\n"
        "from fare_engine.ledger.sqlite.data_directory import DataDirectory\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))\n"
        "try:\n"
        "    with DataDirectory(Path(sys.argv[1])).lock('test'): pass\n"
        "except ConfigurationError as error: print(error)\n"
    )
    command = [sys.executable, "-c", program, str(directory.path)]
    output = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert output == f"{directory.lock_path} cannot be written: File too large\n"
