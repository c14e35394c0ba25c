"""Where and what was run: machine, version and commit, so that a figure can be measured again."""

import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

GIT_MAX_S: Final = 10.0


def describe() -> dict[str, Any]:
    """As reports have it."""
    return {
        "processors": os.cpu_count(),
        "architecture": platform.machine(),
        "system": platform.system(),
        "python": platform.python_version(),
        "version": version("fare-engine"),
        "commit": find_commit(),
    }


def format_line(described: dict[str, Any]) -> str:
    """The same in a line."""
    return (
        f"{described['processors']} processors ({described['architecture']}), Python "
        f"{described['python']}, fare-engine {described['version']}, commit {described['commit']}"
    )


def find_commit() -> str | None:
    """The commit of a working copy, with a plus where files were changed since; else None."""
    here = Path(__file__).resolve().parent
    commit = _ask_git(here, "rev-parse", "--short=12", "HEAD")
    if not commit:
        return None
    return commit + ("+" if _ask_git(here, "status", "--porcelain", "--", ":/") else "")


def _ask_git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", *arguments],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=GIT_MAX_S,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
