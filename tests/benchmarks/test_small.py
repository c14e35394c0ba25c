"""Every benchmark runs at its small size, and its workload is the same for the same seed."""

import hashlib
import re
import subprocess
import sys

import pytest

from benchmarks import world
from benchmarks.workload import Workload

pytestmark = pytest.mark.slow


def test_the_same_seed_makes_the_same_workload() -> None:
    def fingerprint(seed: int) -> str:
        workload = Workload(seed)
        taps = [*workload.mixed(2_000), *workload.one_station(100)]
        return hashlib.sha256(repr(taps).encode()).hexdigest()

    assert fingerprint(42) == fingerprint(42)
    assert fingerprint(42) != fingerprint(43)


def test_the_same_seed_makes_the_same_world_of_a_given_size() -> None:
    made = world.make(5_000)
    assert made.taps == 5_000
    assert made.seconds > 0
    assert made.fingerprint == world.make(5_000).fingerprint


def test_the_small_size_of_every_figure_is_measured_and_printed() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--small"],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    sections = [part.partition("\n")[::2] for part in done.stdout.split("\n## ")[1:]]
    rows = {title: len(re.findall("^[|] ", text, re.MULTILINE)) - 1 for title, text in sections}
    assert rows == {
        "Over HTTP": 6,
        "In process": 5,
        "With the ledger": 8,
        "Memory": 3,
        "Simulation": 1,
        "Rivals": 8,
    }


def test_the_small_size_of_the_time_to_a_gates_action_is_measured_and_printed() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.gate_action", "--small"],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    rows = [line for line in done.stdout.splitlines() if line.startswith("| ")]
    assert len(rows) == 4, done.stdout


def test_the_small_size_of_attacks_is_measured_and_printed() -> None:
    attacks = ["none", "answers never read: /livez", "silent connections, few descriptors"]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.attacks", "--small", "--only", *attacks],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    head, _, *rows = [line.split(" | ") for line in done.stdout.splitlines()]
    assert [row[0].removeprefix("| ") for row in rows] == attacks
    assert {len(row) for row in rows} == {len(head)}
