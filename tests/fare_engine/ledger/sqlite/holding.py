"""Another process that holds a data directory."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fare_engine.ledger.sqlite.data_directory import DataDirectory

ROOT = Path(__file__).parents[4]

HOLDER = """
import sys
from pathlib import Path
from fare_engine.ledger.sqlite.data_directory import DataDirectory

with DataDirectory(Path(sys.argv[1])).lock("serve") as lock:
    if len(sys.argv) > 2:
        lock.announce(sys.argv[2])
    print("held", flush=True)
    sys.stdin.read()
"""


@contextmanager
def held_by_another(directory: DataDirectory, *url: str) -> Iterator["subprocess.Popen[str]"]:
    """The process, which serves at this address if one is named; killed at the end."""
    command = [sys.executable, "-c", HOLDER, str(directory.path), *url]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == "held\n"
            yield process
        finally:
            process.kill()
