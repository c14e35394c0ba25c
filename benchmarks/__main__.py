"""`python -m benchmarks`: the project's figures beside its goals and its rivals.

Every figure is the median of rounds that alternate between the workloads, since machines are
shared. `--only SECTION` runs sections alone; with `--keep` they take their places in RESULTS.md
beside the others. `--small` is the size that the tests run; it proves nothing but that it works.
README.md beside this file says what each figure is.
"""

import argparse
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from rich.console import Console

from benchmarks import growth, in_process, memory, over_http, results, simulation
from benchmarks.results import format_figures
from benchmarks.rivals import contest
from benchmarks.sizes import CANONICAL, SMALL, Size

RESULTS = Path(__file__).with_name("RESULTS.md")

Say = Callable[[str], None]


def _rivals(size: Size, say: Say) -> list[str]:
    return contest.format_scores(contest.run(size.rival_taps, size.rounds, say))


def _http(size: Size, say: Say) -> list[str]:
    before = f"{size.ledger_taps:,} taps stand in the ledger before."
    return [before, "", *format_figures(over_http.measure(size, say))]


SECTIONS: Final[Mapping[str, tuple[str, Callable[[Size, Say], list[str]]]]] = {
    "http": ("Over HTTP", _http),
    "process": ("In process", lambda size, say: format_figures(in_process.measure(size, say))),
    "growth": ("With the ledger", lambda size, say: format_figures(growth.measure(size, say))),
    "memory": ("Memory", lambda size, say: format_figures(memory.measure(size, say))),
    "simulation": ("Simulation", lambda size, say: format_figures(simulation.measure(size, say))),
    "rivals": ("Rivals", _rivals),
}


def main() -> int:
    """Run the sections and print their figures."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--small", action="store_true", help="a size for tests")
    parser.add_argument("--only", choices=SECTIONS, nargs="+", help="these sections alone")
    parser.add_argument(
        "--keep", action="store_true", help="with --only: put them into RESULTS.md, keep the others"
    )
    parser.add_argument("--rounds", type=int, help="rounds of each workload")
    parser.add_argument("--ledger-taps", type=int, help="taps in the ledger before `http`")
    parser.add_argument(
        "--ledger-sizes", type=int, nargs="+", help="rows at which `growth` is measured"
    )
    parser.add_argument("--rival-taps", type=int, help="taps that the rivals pair")
    options = parser.parse_args()
    size = SMALL if options.small else CANONICAL
    asked = {
        "rounds": options.rounds,
        "ledger_taps": options.ledger_taps,
        "ledger_sizes": None if options.ledger_sizes is None else tuple(options.ledger_sizes),
        "rival_taps": options.rival_taps,
    }
    size = size._replace(**{name: value for name, value in asked.items() if value is not None})
    say = Console(stderr=True).print
    print(results.HEAD, end="\n\n")
    sections: dict[str, str] = {}
    for name, (title, measure) in SECTIONS.items():
        if options.only is None or name in options.only:
            sections[title] = results.format_section(title, measure(size, say), size.rounds)
            print(sections[title], end="\n\n", flush=True)
    if not options.small and (options.only is None or options.keep):
        titles = [title for title, _ in SECTIONS.values()]
        RESULTS.write_text(results.merge(RESULTS.read_text("utf-8"), sections, titles), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
