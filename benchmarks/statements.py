"""`python -m benchmarks.statements [DIR] [--before DIR]`: how much code there is, in statements.

Counted from the syntax tree, so that neither comments nor the layout of lines changes the figure;
docstrings do not count. A directory is a checkout of the project: this one where none is named.
"""

import argparse
import ast
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Final

COUNTED: Final = ("fare_engine", "gates", "api")
APART: Final = "simulator"
"""It plays the others and is not part of what runs in a metro."""
ALL_COUNTED: Final = ", ".join(COUNTED)

_WITH_DOCSTRING = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def count_statements(source: str) -> int:
    """The statements of a module without its docstrings."""
    nodes = list(ast.walk(ast.parse(source)))
    docstrings = sum(
        isinstance(node, _WITH_DOCSTRING) and ast.get_docstring(node, clean=False) is not None
        for node in nodes
    )
    return sum(isinstance(node, ast.stmt) for node in nodes) - docstrings


def count_packages(checkout: Path) -> Counter[str]:
    """Statements by package and by the packages directly inside it, such as `api/cli`.

    Modules directly in a package count for it, those deeper than `api/cli` count for that.
    FileNotFoundError when a package is not there.
    """
    counts: Counter[str] = Counter()
    for package in (*COUNTED, APART):
        folder = checkout / package
        if not folder.is_dir():
            raise FileNotFoundError(f"{checkout} has no package {package}")
        for path in folder.rglob("*.py"):
            parents = path.relative_to(checkout).parts[:-1]
            counts["/".join(parents[:2])] += count_statements(path.read_text("utf-8"))
    return counts


def make_table(after: Mapping[str, int], before: Mapping[str, int] | None = None) -> list[str]:
    """The lines of a Markdown table, with the totals of each package and of the three together."""
    rows = [*_list_rows(after.keys() | (before or {}).keys())]
    if before is None:
        return [
            "| package | statements |",
            "|---|---:|",
            *(f"| {name} | {_sum(after, packages):,} |" for name, packages in rows),
        ]
    lines = ["| package | before | after | difference |", "|---|---:|---:|---:|"]
    for name, packages in rows:
        was, now = _sum(before, packages), _sum(after, packages)
        lines.append(f"| {name} | {was:,} | {now:,} | {now - was:+,} |")
    return lines


def _list_rows(packages: set[str]) -> list[tuple[str, list[str]]]:
    """Each line's name, with the packages that it sums up."""
    rows: list[tuple[str, list[str]]] = []
    for top in (*COUNTED, APART):
        inside = sorted(name for name in packages if name.partition("/")[0] == top)
        if top == APART:
            counted = [name for name in packages if name.partition("/")[0] != APART]
            rows.append((f"**{ALL_COUNTED}**", counted))
        rows += [(f"`{name}`", [name]) for name in inside]
        rows.append((f"**{top}, all of it**", inside))
    return rows


def _sum(counts: Mapping[str, int], packages: list[str]) -> int:
    return sum(counts.get(name, 0) for name in packages)


def main() -> int:
    """Count and print."""
    here = Path(__file__).resolve().parent.parent
    parser = argparse.ArgumentParser(prog="python -m benchmarks.statements", description=__doc__)
    parser.add_argument("checkout", type=Path, nargs="?", default=here, metavar="DIR")
    parser.add_argument("--before", type=Path, metavar="DIR", help="a checkout to compare with")
    options = parser.parse_args()
    before = None if options.before is None else count_packages(options.before)
    print("\n".join(make_table(count_packages(options.checkout), before)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
