"""`python -m benchmarks.compare --before DIR`: this checkout beside another, in one run.

DIR is a checkout with its own `.venv`. Each side is served by its own `fare-engine`, on ledgers
that it built itself, and gets the same taps from this checkout's driver, in alternating pairs
(before after, after before, ...), in short turns. README.md of the benchmarks says what the figures
are.
"""

import argparse
import json
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from rich.console import Console

from benchmarks.compare.checkout import Checkout
from benchmarks.compare.ledgers import build_missing, copy_ledger
from benchmarks.compare.measuring import WORKLOADS, Amount, make_amount, measure
from benchmarks.compare.ratios import KINDS, Comparison, make_document, make_table

GROWTH_WORKLOADS = ("single", "batch-1000")
NAMES = (*WORKLOADS, "restart", "growth")


class Plan(NamedTuple):
    """What to measure: all workloads on the smallest ledger, those of growth on the others too."""

    pairs: int
    amount: Amount
    sizes: Sequence[int]
    names: Sequence[str]

    def list_workloads(self, rows: int) -> Sequence[str]:
        """What is sent to a ledger of a size."""
        wanted = {*(GROWTH_WORKLOADS if "growth" in self.names else ())}
        if rows == min(self.sizes):
            wanted |= set(self.names)
        return [name for name in WORKLOADS if name in wanted]


def compare(
    before: Checkout, after: Checkout, plan: Plan, cache: Path, say: Callable[[str], None]
) -> list[Comparison]:
    """All figures, in the order of their table."""
    sides = (before, after)
    build_missing(sides, plan.sizes, cache, say)
    values: dict[tuple[int, str], dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    with tempfile.TemporaryDirectory(prefix="run-", dir=cache) as scratch:
        ledgers = {
            (side.name, rows): copy_ledger(side, rows, cache, Path(scratch))
            for side in sides
            for rows in plan.sizes
        }
        for pair in range(plan.pairs):
            say(f"pair {pair + 1} of {plan.pairs}")
            for rows in plan.sizes:
                workloads = plan.list_workloads(rows)
                of_size = {side.name: ledgers[side.name, rows] for side in sides}
                order = sides if pair % 2 == 0 else sides[::-1]
                for side_name, figures in measure(
                    order, of_size, pair, plan.amount, workloads
                ).items():
                    for name, value in figures.items():
                        values[rows, name][side_name].append(value)
    return [
        Comparison(name, rows, found["before"], found["after"])
        for rows in plan.sizes
        for name in KINDS
        if (found := values.get((rows, name))) and (name != "restart" or "restart" in plan.names)
    ]


def main() -> int:
    """Measure, print the table, write the file."""
    parser = _make_parser()
    options = parser.parse_args()
    names = options.only or NAMES
    sizes = sorted(set(options.sizes))
    if options.small:
        sizes, options.pairs, options.seconds = [1_000, 2_000], 1, 0.01
    if "growth" not in names:
        sizes = sizes[:1]
    plan = Plan(options.pairs, make_amount(options.seconds), sizes, names)
    try:
        environment = dict(entry.split("=", 1) for entry in options.before_env)
    except ValueError:
        parser.error("--before-env takes NAME=VALUE")
    before = Checkout("before", options.before.resolve(), environment)
    after = Checkout("after", Path(__file__).resolve().parents[2], {})
    for side in (before, after):
        if not side.binary.is_file():
            parser.error(f"there is no {side.binary}; run `make setup` there")
    say = Console(stderr=True).print
    with tempfile.TemporaryDirectory(prefix="fare-compare-") as scratch:
        cache = options.cache or Path(scratch)
        cache.mkdir(parents=True, exist_ok=True)
        comparisons = compare(before, after, plan, cache, say)
    print(f"before: {before.commit}, after: {after.commit}, {plan.pairs} pairs\n")
    print("\n".join(make_table(comparisons)))
    if options.json is not None:
        about = {"before": before.commit, "after": after.commit, "amount": plan.amount._asdict()}
        document = about | {"figures": make_document(comparisons)}
        options.json.write_text(json.dumps(document, indent=1) + "\n", "utf-8")
    return 0


def _make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.compare", description=__doc__)
    add = parser.add_argument
    add("--before", type=Path, required=True, metavar="DIR", help="the other checkout")
    add("--before-env", action="append", default=[], metavar="NAME=VALUE", help="for its servers")
    add("--pairs", type=int, default=20)
    add("--only", choices=NAMES, nargs="+", help="these alone")
    add("--seconds", type=float, default=2.5, help="about how long each workload is sent")
    add("--sizes", type=int, nargs="+", default=[1_000_000, 10_000_000], metavar="ROWS")
    add("--cache", type=Path, metavar="DIR", help="keeps built ledgers for later runs, by commit")
    add("--json", type=Path, metavar="FILE", help="write the figures of every pair")
    add("--small", action="store_true", help="a size for tests")
    return parser


if __name__ == "__main__":
    sys.exit(main())
