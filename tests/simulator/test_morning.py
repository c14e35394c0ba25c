"""The two commands as somebody runs them: a demo that ends, and a run that is interrupted."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from simulator import morning
from simulator.demo import MIX
from simulator.world import world
from simulator.world.intentions import INTENTIONS
from simulator.world.plan import Plan

pytestmark = pytest.mark.slow

COMMAND = (sys.executable, "-m", "simulator.morning")
END_MAX_S = 60


def test_the_demo_ends_with_a_report_whose_counts_add_up() -> None:
    done = subprocess.run(
        [*COMMAND, "demo", "--passengers", "150", "--port", "0", "--json"],
        capture_output=True,
        text=True,
        check=False,
        timeout=END_MAX_S,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads(done.stdout)
    assert report["passed"]
    assert report["audit"]["checked"]["decisions checked"] == report["taps"]["decided"]
    assert report["decided_before"] == 0
    taps: Counter[str] = Counter()
    for row in report["outcomes"]:
        taps[row["outcome"]] += row["taps"]
    assert taps.total() == report["taps"]["decided"] == report["taps"]["sent"] > 250
    assert set(taps) == {"entered", "waived", "charged", "unmatched", "late"}
    counts = {row["reason"]: row["taps"] for row in report["outcomes"]}
    same_station = taps["waived"] + taps["charged"] - counts["different_station"]
    crossings = sum(stretch["crossings"] for stretch in report["crossings"])
    assert same_station - counts["overstay"] <= crossings <= same_station
    assert {row["intention"] for row in report["intentions"]} == set(MIX)
    money = report["money"]
    assert money["fare"] > 0
    assert 180 * taps["waived"] <= money["fare_waived"] <= 200 * taps["waived"]
    explanation = report["explanation"]
    assert explanation["reason"] == "window_exceeded"
    exceeded = explanation["conditions"][3]
    assert exceeded["values"] == {"elapsed_ms": 900_001, "window_ms": 900_000}


def _demo(monkeypatch: pytest.MonkeyPatch, kept: Path, seed: int) -> int:
    """The exit status of a demo in this process."""
    options = ["--passengers", "30", "--port", "0", "--data-dir", str(kept), "--seed", str(seed)]
    monkeypatch.setattr(sys, "argv", ["morning", "demo", *options])
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    return morning.main()


def test_the_same_morning_on_a_kept_directory_is_answered_by_the_same_decisions(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    kept = tmp_path / "kept"
    assert _demo(monkeypatch, kept, 1) == 0
    printed = capsys.readouterr().out
    assert re.search(rf"keys of {kept}, shown once:\n  gate key   fe_gate_", printed)
    assert "by a demo before" not in printed
    assert _demo(monkeypatch, kept, 1) == 0
    printed = capsys.readouterr().out
    decided = re.search(r"\n(\d+) taps had been decided by a demo before this one\n", printed)
    assert decided is not None
    assert re.search(rf"\n +all +{decided[1]}\n", printed)
    assert "fe_gate_" not in printed


def test_a_demo_with_an_answer_that_was_not_intended_fails_and_names_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def expect_a_waiver(plan: Plan) -> None:
        at = plan.choose(plan.metro.lanes)
        plan.enter(at, plan.begin_ms)
        plan.leave(at, plan.begin_ms + 2 * plan.metro.window_ms[at])

    place = [intention.name for intention in INTENTIONS].index("lingers")
    changed = [*INTENTIONS]
    changed[place] = INTENTIONS[place]._replace(plan=expect_a_waiver)
    monkeypatch.setattr(world, "INTENTIONS", tuple(changed))
    assert _demo(monkeypatch, tmp_path / "kept", 42) == 1
    assert re.search(
        r"\nanswers that were NOT as intended: [1-9]\n  FHY-\S+ \(lingers\): answered window_exc",
        capsys.readouterr().out,
    )


def test_a_run_that_is_interrupted_ends_cleanly_and_its_server_too() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        subprocess.Popen(
            [*COMMAND, "run", "--rate", "5", "--port", str(listener.getsockname()[1])],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONUNBUFFERED": "1"},
        ) as process,
    ):
        assert process.stdout is not None
        assert process.stdout.readline().endswith("is taken: another one is used\n")
        serves = process.stdout.readline()
        url = re.search(r"http://127\.0\.0\.1:(\d+)/docs", serves)
        assert url is not None, serves
        while "answered in" not in (line := process.stdout.readline()):
            assert line, "it ended by itself"
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=END_MAX_S)
    assert (process.returncode, errors) == (0, "")
    assert "not as intended" not in output
    assert not _listens(int(url[1]))


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
