"""RESULTS.md: one section of figures after the other, each with the run that it comes from."""

import os
import platform
import re
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version

from benchmarks.figures import Figure, format_table
from benchmarks.workload import SEED

HEAD = """\
# Figures

Medians of rounds that alternate between the workloads, least and greatest beside them. Each section
says which run it comes from. [README.md](README.md) says what each figure is, and
[why](README.md#what-is-short-of-its-goal-and-why) some are short of their goals."""


def format_section(title: str, lines: Sequence[str], rounds: int) -> str:
    """A section: its title, the run it comes from, its lines."""
    return "\n".join([f"## {title}", "", _format_run(rounds), "", *lines])


def format_figures(figures: Sequence[Figure]) -> list[str]:
    """A table, and by name what is short of its goal."""
    lines = format_table(figures)
    short = [figure.name for figure in figures if figure.share is not None and figure.share < 1]
    if short:
        lines += ["", "Short of their goals: " + "; ".join(short) + "."]
    return lines


def merge(text: str, sections: Mapping[str, str], titles: Sequence[str]) -> str:
    """The document with these sections in place of former ones, in the order of the titles."""
    parts = re.split("^## ", text, flags=re.MULTILINE)[1:]
    former = {part.partition("\n")[0]: f"## {part.strip()}" for part in parts}
    sections = former | dict(sections)
    return "\n\n".join([HEAD, *(sections[title] for title in titles if title in sections)]) + "\n"


def _format_run(rounds: int) -> str:
    command = " ".join(["python -m benchmarks", *sys.argv[1:]])
    return (
        f"`{command}` of fare-engine {version('fare-engine')} on {datetime.now(UTC):%Y-%m-%d}: "
        f"{os.cpu_count()} processors ({platform.machine()}), Python {platform.python_version()}, "
        f"seed {SEED}, {rounds} rounds."
    )
