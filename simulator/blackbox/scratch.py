"""A scratch directory that outlives a run which found something."""

import shutil
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
    """A new directory; it is gone afterwards when the block says so."""
    scratch = Scratch(Path(tempfile.mkdtemp(prefix="fare-kills-")))
    try:
        yield scratch
    finally:
        if not scratch.is_kept:
            shutil.rmtree(scratch.path)
