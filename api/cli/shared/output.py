"""What commands print: tables as text, JSON for programs."""

import json
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any

PLAIN_COLUMNS = 160
"""The width where the output is no terminal: wide enough to cut nothing."""


def print_json(value: Any) -> None:
    """One JSON value on standard output."""
    print(json.dumps(value, ensure_ascii=False, indent=2 if sys.stdout.isatty() else None))


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A table on standard output, or `none` where it has no rows."""
    from rich.console import Console
    from rich.table import Table

    table = Table(*columns, box=None, pad_edge=False, header_style="bold")
    for row in rows:
        table.add_row(*map(_format_cell, row))
    if not table.row_count:
        print("none")
        return
    width = None if sys.stdout.isatty() else PLAIN_COLUMNS
    Console(width=width, highlight=False, markup=False).print(table)


def as_table(
    columns: Sequence[str], make_row: Callable[[Any], Sequence[object]]
) -> Callable[[Iterable[Any]], None]:
    """Returns what prints a list of items as a table."""
    return lambda items: print_table(columns, map(make_row, items))


def _format_cell(value: object) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def format_problem(problem: Any) -> str:
    """A problem of the API as lines for a terminal."""
    if not isinstance(problem, dict):
        return "the server's error answer is not a problem document of this API"
    faults = problem.get("errors") or []
    if len(faults) < 2:
        return f"{problem.get('title')}: {problem.get('detail')}"
    lines = [f"  {fault['field']}: {fault['message']}" for fault in faults]
    return "\n".join([f"{problem.get('title')}:", *lines])
