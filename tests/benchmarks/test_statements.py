"""Statements are counted from the syntax tree, by package, before and after."""

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.statements import APART, COUNTED, count_packages, count_statements, make_table


def test_statements_count_wherever_they_stand_and_docstrings_do_not() -> None:
    source = '''
"""A docstring."""
import sys

class Made:
    """Another."""

    kept: int = 1  # an annotated assignment

    def run(self) -> None:
        """A third."""
        if self.kept: print("one line"); sys.exit()
        """A string that documents nothing is a statement."""
'''
    # import, class, assignment, def, if, print, exit, string
    assert count_statements(source) == 8


def test_a_module_without_statements_counts_nothing() -> None:
    assert count_statements('"""Only said what it is for."""\n# a comment\n') == 0


def test_packages_are_counted_down_to_the_packages_inside_them(tmp_path: Path) -> None:
    for package in (*COUNTED, APART):
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").write_text("a = 1\n")
    deep = tmp_path / "fare_engine" / "ledger" / "sqlite"
    deep.mkdir(parents=True)
    (deep.parent / "rows.py").write_text("a = 1\nb = 2\n")
    (deep / "run.py").write_text("c = 3\n")
    after = count_packages(tmp_path)
    assert after == {"fare_engine": 1, "fare_engine/ledger": 3, "gates": 1, "api": 1, APART: 1}

    before = {"fare_engine": 10, "api/scribe": 5, APART: 2}
    assert make_table(after, before) == [
        "| package | before | after | difference |",
        "|---|---:|---:|---:|",
        "| `fare_engine` | 10 | 1 | -9 |",
        "| `fare_engine/ledger` | 0 | 3 | +3 |",
        "| **fare_engine, all of it** | 10 | 4 | -6 |",
        "| `gates` | 0 | 1 | +1 |",
        "| **gates, all of it** | 0 | 1 | +1 |",
        "| `api` | 0 | 1 | +1 |",
        "| `api/scribe` | 5 | 0 | -5 |",
        "| **api, all of it** | 5 | 1 | -4 |",
        "| **fare_engine, gates, api** | 15 | 6 | -9 |",
        "| `simulator` | 2 | 1 | -1 |",
        "| **simulator, all of it** | 2 | 1 | -1 |",
    ]


def test_a_directory_that_is_no_checkout_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="has no package fare_engine"):
        count_packages(tmp_path)


def test_the_command_counts_this_checkout_beside_another() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.statements", "--before", "."],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    rows = [line.split("|")[2:5] for line in done.stdout.splitlines()[2:]]
    assert len(rows) > len(COUNTED)
    assert all(before == after and change.strip() == "+0" for before, after, change in rows)
