"""A server cut off under load, again and again: nothing it acknowledged is lost or changed.

`simulate kills` says so. That it would say otherwise is shown on ledgers that somebody meddled with
while the server was down.
"""

import json
import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

from simulator.blackbox.deployments import Embedded, running
from simulator.blackbox.kills import TAPS_A_FAULT, run_kills
from tests.commands import Command
from tests.server_process import run_command

pytestmark = pytest.mark.slow


def test_every_acknowledged_decision_survives_every_kill_unchanged() -> None:
    done = run_command("simulate", "kills", "--kills", 4, "--seed", 2, "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads(done.stdout)
    taps, faults = report["taps"], sum(fault["count"] for fault in report["faults"])
    assert report["kills"] == 4
    assert taps["acknowledged"] == taps["sent"] == faults * TAPS_A_FAULT
    assert report["resent"] > 0
    assert taps["decided_alone"] > 0
    assert taps["largest_batch"] > 128, "none was committed outside of the event loop"
    # Everyone is asked again at the end, and most of them once before.
    assert report["answers_compared"] > 1.2 * taps["sent"]
    assert report["audit"]["checked"]["decisions checked"] == taps["sent"]
    assert report["audit"]["checked"]["taps read back"] == taps["sent"] // 10
    assert report["findings"] == {"count": 0, "by_check": {}, "examples": []}


def test_no_kill_or_too_many_are_wrong_usage(command: Command) -> None:
    for kills in (0, 2_001):
        assert command("simulate", "kills", "--kills", kills).status == 2


class MeddledWith(Embedded):
    """Somebody changes the ledger while the server is down for the first time.

    With what says how far the ledger reaches removed too, the server cannot find it out itself.
    """

    def __init__(self, scratch: Path, change: str, *, unseen: bool) -> None:
        super().__init__(scratch)
        self._change = change
        self._unseen = unseen
        self._starts = 0

    def start(self) -> None:
        self._starts += 1
        if self._starts == 2:
            with closing(sqlite3.connect(self.data_dir / "ledger.sqlite3")) as ledger, ledger:
                assert ledger.execute(self._change).rowcount > 0
            if self._unseen:
                (self.data_dir / "ledger.reach").unlink()
        super().start()


def _find(scratch: Path, change: str, *, unseen: bool = True) -> Counter[str]:
    """What one kill finds, by check."""
    with running(MeddledWith(scratch, change, unseen=unseen)) as deployment:
        report = run_kills(1, 7, deployment, scratch, "a command", lambda *_: None)
    assert not report["passed"]
    assert report["kills"] == 1
    found: dict[str, int] = report["findings"]["by_check"]
    return Counter(found)


LOSE_HALF = "DELETE FROM taps WHERE row > (SELECT max(row) / 2 FROM taps)"


def test_a_server_does_not_start_on_a_ledger_that_lost_rows(tmp_path: Path) -> None:
    assert _find(tmp_path, LOSE_HALF, unseen=False) == {"died": 1}


def test_rows_that_a_ledger_lost_are_found(tmp_path: Path) -> None:
    found = _find(tmp_path, LOSE_HALF)
    assert found["lost"] > TAPS_A_FAULT / 4
    # Asked for after the kill, and once more at the end.
    assert found["changed"] == found["audit: decision-changed"] == 2 * found["lost"]


def test_a_fare_that_a_ledger_changed_is_found(tmp_path: Path) -> None:
    early = "SELECT max(row) FROM taps WHERE fare > 0 AND row < (SELECT max(row) / 2 FROM taps)"
    found = _find(tmp_path, f"UPDATE taps SET fare = fare + 1 WHERE row = ({early})")
    assert found["changed"] == found["audit: decision-changed"] == 2
    assert found["money"] == 1
    assert found["lost"] == 0


def test_a_server_that_does_not_come_back_is_found(tmp_path: Path) -> None:
    found = _find(tmp_path, "UPDATE alembic_version SET version_num = 'another'")
    assert found == {"died": 1}
