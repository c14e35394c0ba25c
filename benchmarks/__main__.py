"""`python -m benchmarks`: the project's figures beside its goals and its rivals.

Every figure is the median of rounds that alternate between the workloads, since machines are
shared. `--only SECTION` runs one section alone. `--small` is the size that the tests run; it proves
nothing but that it works. README.md beside this file says what each figure is.
"""

import argparse
import os
import platform
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Final

from rich.console import Console

from benchmarks import figures, growth, in_process, memory, over_http
from benchmarks.rivals import contest
from benchmarks.sizes import CANONICAL, SMALL, Size
from benchmarks.workload import SEED

RESULTS = Path(__file__).with_name("RESULTS.md")

Say = Callable[[str], None]


def _rivals(size: Size, say: Say) -> list[str]:
    return contest.tell(contest.run(size.rival_taps, size.rounds, say))


SECTIONS: Final[Mapping[str, tuple[str, Callable[[Size, Say], list[str]]]]] = {
    "http": ("Over HTTP", lambda size, say: figures.tell(over_http.measure(size, say))),
    "process": ("In process", lambda size, say: figures.tell(in_process.measure(size, say))),
    "growth": ("With the ledger", lambda size, say: figures.tell(growth.measure(size, say))),
    "memory": ("Memory", lambda size, say: figures.tell(memory.measure(size, say))),
    "rivals": ("Rivals", _rivals),
}


def main() -> int:
    """Run the sections and tell their figures."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--small", action="store_true", help="a size for tests")
    parser.add_argument("--only", choices=SECTIONS, help="one section alone")
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
    lines = _head(size)
    for name, (title, measure) in SECTIONS.items():
        if options.only in (None, name):
            lines += ["", f"## {title}", "", *measure(size, say)]
    text = "\n".join(lines)
    print(text)
    if not options.small and options.only is None:
        RESULTS.write_text(text + "\n", encoding="utf-8")
    return 0


def _head(size: Size) -> list[str]:
    return [
        "# Figures",
        "",
        f"`{' '.join(['python -m benchmarks', *sys.argv[1:]])}` of fare-engine "
        f"{version('fare-engine')} on {datetime.now(UTC):%Y-%m-%d}: "
        f"{os.cpu_count()} processors ({platform.machine()}), Python {platform.python_version()}, "
        f"{size.ledger_taps:,} taps in the ledger before those over HTTP, 2,000 gates, "
        f"seed {SEED}; medians of {size.rounds} alternating rounds, least and greatest beside "
        "them. [README.md](README.md) says what each figure is.",
    ]


if __name__ == "__main__":
    sys.exit(main())
