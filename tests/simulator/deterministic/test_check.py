"""Whatever goes wrong between gates and engine, no passenger is charged wrongly."""

import json
import random
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from api.cli.simulate import app
from simulator.deterministic.check import Check
from simulator.deterministic.planted.bugs import BUGS
from simulator.deterministic.planted.planting import planted

pytestmark = pytest.mark.slow

FIXED = 20
FRESH = 10
PRINT_DIGEST = """
from simulator.deterministic.check import Check
checked = Check(0, 80, 3)
checked.run(4, lambda *_: None)
print(checked.digest)
"""


def check(first: int, seeds: int, taps: int = 80, engines: int = 1) -> Check:
    checked = Check(first, taps, engines)
    checked.run(seeds, lambda _what, _done, _total: None)
    return checked


def test_a_fixed_handful_of_seeds_shows_every_fault_and_no_finding() -> None:
    checked = check(0, FIXED)
    assert checked.failed == [], "\n".join(checked.lines())
    assert checked.taps > 20 * FIXED
    for what in ("codes that a gate took", "taps decided alone", "tokens settled again"):
        assert checked.checked[what] > 5 * FIXED, what
    assert set(checked.faults) >= {
        "lost",
        "doubled",
        "delayed",
        "partition",
        "clock",
        "skew",
        "kill",
        "disk",
        "reboot",
        "power_cut",
        "publish",
        "suspend",
        "clash",
    }


def test_several_engines_meet_in_every_way_and_no_finding_comes_of_it() -> None:
    checked = check(0, FIXED, engines=3)
    assert checked.failed == [], "\n".join(checked.lines())
    assert checked.faults["overtaken"] > 5 * FIXED
    assert set(checked.faults) >= {"outdated", "cut", "sleep", "kill", "lie", "failover", "wipe"}
    assert 0 < checked.checked["seeds that lose commits"] < FIXED / 2


@pytest.mark.parametrize("engines", [1, 2, 3])
def test_a_fresh_handful_of_seeds_shows_no_finding(engines: int) -> None:
    first = random.SystemRandom().randrange(1_000_000_000)
    print(f"fare-engine simulate check --first {first} --seeds {FRESH} --engines {engines}")
    checked = check(first, FRESH, engines=engines)
    assert checked.failed == [], "\n".join(checked.lines())


@pytest.mark.parametrize("engines", [1, 3])
def test_the_same_seeds_come_to_the_same_hash_and_others_to_another(engines: int) -> None:
    first, again, other = (check(seed, 4, engines=engines).digest for seed in (3, 3, 4))
    assert first == again != other


def test_the_hash_of_several_engines_does_not_depend_on_the_process(tmp_path: Path) -> None:
    """Sets of tokens have another order in each process."""
    digests = {
        subprocess.run(
            [sys.executable, "-c", PRINT_DIGEST],
            env={"PYTHONHASHSEED": seed, "PATH": str(tmp_path)},
            check=True,
            capture_output=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(digests) == 1


def test_a_failing_seed_is_told_by_one_command_and_a_history_that_can_be_read() -> None:
    with planted(BUGS["window-exclusive"]) as make_engine:
        checked = Check(0, 80)
        checked.run(3, lambda *_: None, make_engine)
    example = checked.examples[0]
    assert example["command"] == (
        f"fare-engine simulate check --seeds 1 --first {example['seed']} --taps 80"
    )
    assert example["passengers"] == 1
    assert example["faults"] == 0
    assert len(example["history"]) < 15
    assert "FINDING" in example["history"][-1]
    document = checked.document()
    assert document["passed"] is False
    assert document["failed_seeds"] == checked.failed


def test_the_command_tells_the_result_as_json_and_for_people() -> None:
    runner = CliRunner()
    run = runner.invoke(app, ["check", "--seeds", "2", "--first", "3", "--json"])
    assert run.exit_code == 0, run.output
    document = json.loads(run.stdout)
    assert (document["first_seed"], document["seeds"], document["findings"]) == (3, 2, {})
    plain = runner.invoke(app, ["check", "--seeds", "2", "--first", "3"])
    assert f"hash      {document['hash']}" in plain.stdout
    assert "findings  none" in plain.stdout


def test_a_seed_of_several_engines_is_played_again_with_as_many() -> None:
    with planted(BUGS["settled-twice-at-once"]) as make_engine:
        checked = Check(0, 80, 2)
        checked.run(3, lambda *_: None, make_engine)
    assert checked.examples[0]["command"].endswith("--taps 80 --engines 2")
    run = CliRunner().invoke(app, ["check", "--seeds", "1", "--engines", "2", "--json"])
    assert json.loads(run.stdout)["engines"] == 2


def test_the_command_fails_when_a_seed_fails() -> None:
    with planted(BUGS["consumed-twice"]):
        run = CliRunner().invoke(app, ["check", "--seeds", "1", "--taps", "20"])
    assert run.exit_code == 1
    assert "FINDING" in run.stdout


@pytest.mark.parametrize("taps", [4, 200])
def test_seeds_may_be_small_or_large(taps: int) -> None:
    checked = check(0, 2, taps)
    assert checked.failed == []
