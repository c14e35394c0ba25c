"""Whatever goes wrong between gates and engine, no passenger is charged wrongly."""

import json
import random

import pytest
from typer.testing import CliRunner

from api.cli.simulate import app
from simulator.deterministic.check import Check
from simulator.deterministic.planted import BUGS
from simulator.deterministic.planting import planted

FIXED = 20
FRESH = 10


def check(first: int, seeds: int, taps: int = 80) -> Check:
    checked = Check(first, taps)
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


def test_a_fresh_handful_of_seeds_shows_no_finding() -> None:
    first = random.SystemRandom().randrange(1_000_000_000)
    print(f"fare-engine simulate check --first {first} --seeds {FRESH}")
    checked = check(first, FRESH)
    assert checked.failed == [], "\n".join(checked.lines())


def test_the_same_seeds_come_to_the_same_hash_and_others_to_another() -> None:
    assert check(3, 4).digest == check(3, 4).digest
    assert check(3, 4).digest != check(4, 4).digest


def test_a_failing_seed_is_told_by_one_command_and_a_history_that_can_be_read() -> None:
    with planted(BUGS["window-exclusive"]) as make_engine:
        checked = Check(0, 80)
        checked.run(3, lambda *_: None, make_engine)
    told = checked.told[0]
    assert told["command"] == (
        f"fare-engine simulate check --seeds 1 --first {told['seed']} --taps 80"
    )
    assert told["passengers"] == 1
    assert told["faults"] == 0
    assert len(told["history"]) < 15
    assert "FINDING" in told["history"][-1]
    document = checked.document()
    assert document["passed"] is False
    assert document["failed_seeds"] == checked.failed


def test_the_command_tells_the_result_as_json_and_for_people() -> None:
    runner = CliRunner()
    told = runner.invoke(app, ["check", "--seeds", "2", "--first", "3", "--json"])
    assert told.exit_code == 0, told.output
    document = json.loads(told.stdout)
    assert (document["first_seed"], document["seeds"], document["findings"]) == (3, 2, {})
    plain = runner.invoke(app, ["check", "--seeds", "2", "--first", "3"])
    assert f"hash      {document['hash']}" in plain.stdout
    assert "findings  none" in plain.stdout


def test_the_command_fails_when_a_seed_fails() -> None:
    with planted(BUGS["consumed-twice"]):
        told = CliRunner().invoke(app, ["check", "--seeds", "1", "--taps", "20"])
    assert told.exit_code == 1
    assert "FINDING" in told.stdout


@pytest.mark.parametrize("taps", [4, 200])
def test_seeds_may_be_small_or_large(taps: int) -> None:
    checked = check(0, 2, taps)
    assert checked.failed == []
