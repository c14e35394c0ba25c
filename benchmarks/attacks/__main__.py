"""`python -m benchmarks.attacks`: memory and other clients' taps under each attack, as a table.

Each attack meets a server of its own. `--server-binary` names another `fare-engine`, `--only` some
attacks, `--small` is the size that tests run.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from benchmarks import served
from benchmarks.attacks.catalogue import Attack, make_attacks
from benchmarks.attacks.measuring import Cost, Honest, measure

SECONDS: Final = 6.0
SMALL_SECONDS: Final = 0.5
MEMORY_GOAL_MB: Final = 64
P99_GOAL_MS: Final = 50
_BINARY: Final = Path(sys.executable).with_name("fare-engine")
_HEADS: Final = (
    "attack",
    "sent MB",
    "connections",
    "before MB",
    "most MB",
    "after MB",
    "tap p50 ms",
    "tap p99 ms",
    "taps unanswered",
    "`/readyz` worst ms",
    "within the goal",
)


def main() -> int:
    """Measure, and print the table."""
    names = [attack.name for attack in make_attacks("")]
    parser = argparse.ArgumentParser(prog="python -m benchmarks.attacks", description=__doc__)
    parser.add_argument("--server-binary", type=Path, default=_BINARY)
    parser.add_argument("--only", nargs="+", choices=names, metavar="ATTACK", help=", ".join(names))
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of each attack")
    parser.add_argument("--small", action="store_true", help="a size for tests")
    options = parser.parse_args()
    seconds = SMALL_SECONDS if options.small else options.seconds
    _print_row(_HEADS)
    _print_row(["---", *["---:"] * (len(_HEADS) - 2), "---"])
    for name in options.only or names:
        _print_row(list(_format(name, _measure_one(options.server_binary, name, seconds))))
    return 0


def _measure_one(binary: Path, name: str, seconds: float) -> Cost:
    with tempfile.TemporaryDirectory(prefix="attacks-") as scratch:
        data_dir = Path(scratch, "data")
        made = subprocess.run(
            [binary, "init", "--data-dir", data_dir, "--json"],
            env=served.make_environment({}),
            capture_output=True,
            check=True,
        )
        setup = json.loads(made.stdout)
        attack = next(one for one in make_attacks(setup["gate_key"]) if one.name == name)
        gates = setup["pilot"]["gates"]
        gate_id = next(gate["gate_id"] for gate in gates if "entry" in gate["directions"])
        with served.running(data_dir, binary=_limit(binary, attack, scratch)) as server:
            honest = Honest(server.port, setup["gate_key"], gate_id)
            return measure(server, honest, attack, seconds)


def _limit(binary: Path, attack: Attack, scratch: str) -> Path:
    """The binary with the descriptors that an attack leaves it, as a program of its own."""
    if attack.descriptors is None:
        return binary
    program = Path(scratch, "fare-engine")
    limit = f"ulimit -n {attack.descriptors}"
    program.write_text(f'#!/bin/sh\n{limit}\nexec "{binary}" "$@"\n', "utf-8")
    program.chmod(0o700)
    return program


def _format(name: str, cost: Cost) -> Iterator[str]:
    grown_bytes = max(cost.most_bytes, cost.after_bytes) - cost.before_bytes
    good = (
        grown_bytes < MEMORY_GOAL_MB * 2**20
        and cost.p99_ms < P99_GOAL_MS
        and not cost.unanswered
        and not cost.not_ready
    )
    yield name
    yield f"{cost.traffic.sent_bytes / 1e6:,.1f}"
    yield f"{cost.traffic.connections:,}"
    for size in (cost.before_bytes, cost.most_bytes, cost.after_bytes):
        yield f"{size / 2**20:,.0f}"
    yield f"{cost.p50_ms:,.1f}"
    yield f"{cost.p99_ms:,.1f}"
    yield f"{cost.unanswered:,}"
    yield f"{cost.ready_ms:,.0f}" + (f" ({cost.not_ready} failed)" if cost.not_ready else "")
    yield "yes" if good else "**no**"


def _print_row(cells: list[str] | tuple[str, ...]) -> None:
    print("| " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    sys.exit(main())
