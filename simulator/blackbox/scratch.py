"""A scratch directory that outlives a run which found something."""

import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass
class Scratch:
    """The directory, and whether anybody has to look at it."""

    path: Path
    is_kept: bool = True


@contextmanager
def open_scratch() -> Iterator[Scratch]:
    """A new directory. It is removed afterwards if the block says so, else its path is printed."""
    scratch = Scratch(Path(tempfile.mkdtemp(prefix="fare-kills-")))
    try:
        yield scratch
    finally:
        if scratch.is_kept:
            print(f"kept: {scratch.path}", file=sys.stderr)
        else:
            shutil.rmtree(scratch.path)
