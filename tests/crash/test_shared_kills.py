"""Two workers over PostgreSQL, struck by every kind of fault: nothing acknowledged is lost.

`simulate kills --postgresql` says so. That it would say otherwise is shown on a deployment whose
standby is not synchronous. How long a fault may last is measured
by the command, not here: this machine may be busy.
"""

import json
import random
from pathlib import Path

import pytest

from simulator.blackbox.deployments import Fault
from simulator.blackbox.kills import TAPS_A_FAULT, run_kills
from simulator.blackbox.shared import Shared, running_shared
from tests.commands import Command

pytestmark = pytest.mark.slow

KINDS = 7


def test_every_acknowledged_decision_survives_every_kind_of_fault_unchanged(
    command: Command,
) -> None:
    ended = command("simulate", "kills", "--postgresql", "--kills", KINDS, "--json")
    assert ended.out, ended.err
    report = json.loads(ended.out)
    found = report["findings"]["by_check"]
    found.pop("silent", None)
    assert found == {}, report["findings"]["examples"]
    assert [fault["count"] for fault in report["faults"]] == [1] * KINDS
    assert {fault["kind"]: fault["silence_seconds_max"] for fault in report["faults"]} == {
        "PostgreSQL killed": 5,
        "connections cut as soon as the commit is passed on": 5,
        "connections cut before its answer is passed back": 5,
        "connections cut before the commit is passed on": 5,
        "primary lost": 30,
        "worker killed": 5,
        "worker paused": 5,
    }
    taps = report["taps"]
    assert report["kills"] == KINDS
    assert taps["acknowledged"] == taps["sent"] == KINDS * TAPS_A_FAULT
    assert report["answered_5xx"] > 0
    assert report["resent"] > 0
    assert report["audit"]["checked"]["decisions checked"] == taps["sent"]
    wrong = ("acknowledged_lost", "entries_consumed_twice", "answers_changed")
    assert [report[name] for name in wrong] == [0, 0, 0]


@pytest.mark.parametrize("workers", [0, 9])
def test_no_worker_or_too_many_are_wrong_usage(command: Command, workers: int) -> None:
    assert command("simulate", "kills", "--postgresql", "--workers", workers).status == 2


class Asynchronous(Shared):
    """The primary waits for no standby, which is behind when it takes over."""

    def start(self) -> None:
        super().start()
        assert self.standby is not None
        self.primary.execute("ALTER SYSTEM SET synchronous_standby_names = ''")
        self.primary.execute("SELECT pg_reload_conf()")
        self.standby.stop()

    def plan(self, kills: int, chance: random.Random) -> list[Fault]:
        return [Fault("acknowledged taps lost", self._lose)] * kills

    def _lose(self) -> None:
        assert self.standby is not None
        self.primary.kill()
        self.standby.start()
        self.standby.promote()
        self.primary, self.standby = self.standby, None


def test_what_a_promotion_lost_is_found(tmp_path: Path) -> None:
    with running_shared(tmp_path, 2, Asynchronous) as deployment:
        report = run_kills(1, 7, deployment, tmp_path, "a command", lambda *_: None)
    assert not report["passed"]
    assert report["acknowledged_lost"] > 0
    assert report["answers_changed"] >= report["acknowledged_lost"]
    assert report["findings"]["by_check"]["audit: decision-changed"] > 0
