"""A lock that a process shares with one that writes for it."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from fare_engine.errors import DataDirectoryInUse
from fare_engine.ledger.directory_lock import hold

# Holds the lock, shares it with a process that ends with its standard input, and is cut off.
SHARING = """
import os, signal, subprocess, sys
from pathlib import Path
from fare_engine.ledger.directory_lock import hold

with hold(Path(sys.argv[1]), "serve") as lock:
    subprocess.Popen(["cat"], pass_fds=[lock.descriptor])
    os.kill(os.getpid(), signal.SIGKILL)
"""


@contextmanager
def left_behind(path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """What a dead process left at its lock: it ends when its standard input is closed."""
    process = subprocess.Popen([sys.executable, "-c", SHARING, path], stdin=subprocess.PIPE)
    process.wait()
    try:
        yield process
    finally:
        assert process.stdin is not None
        process.stdin.close()


def test_who_comes_after_a_dead_process_waits_for_what_writes_for_it(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    got = threading.Event()

    def come() -> None:
        with hold(path, "serve", leaving_s=60):
            got.set()

    with left_behind(path) as process:
        comer = threading.Thread(target=come)
        comer.start()
        assert not got.wait(0.2)
        assert process.stdin is not None
        process.stdin.close()
        comer.join()
    assert got.is_set()


def test_it_does_not_wait_for_ever(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with left_behind(path) as process:
        with pytest.raises(DataDirectoryInUse) as refusal, hold(path, "serve", leaving_s=0.05):
            pytest.fail("the block must not be entered")
        assert refusal.value.pid == process.pid
