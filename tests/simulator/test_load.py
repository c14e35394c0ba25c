"""A load on a real server: figures that add up, and answers or errors that are reported."""

import json
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest

from simulator.delivery.exchanges import Audited, Exchanges
from simulator.delivery.requests import Controllers
from simulator.load import Load, run_load
from simulator.serving import NotServed
from simulator.target import open_target
from tests.commands import Command
from tests.server_process import ServerProcess, run_command

pytestmark = pytest.mark.slow


def _audit(exchanges: Exchanges) -> Audited:
    """An auditor who believes everything it sees, and counts it."""
    return Audited(True, f"{len(list(exchanges))} exchanges seen", [])


def _nobody_looks(_what: str, _done: int, _total: int) -> None:
    """Progress."""


def test_a_load_at_a_fixed_rate_is_held_and_answered_as_intended() -> None:
    load = Load(42, 400, 2.0, False, 0.2, Controllers(8, 10, 4))
    with open_target(None, None) as target:
        report = run_load(load, target, "a command", _nobody_looks, _audit)
    assert report["passed"], (report["wrong"], report["errors"])
    assert report["taps"] == {"sent": 400, "decided": 400, "undecided": 0}
    assert report["rate"]["asked"] == 200
    assert report["rate"]["held"] > 0
    latency, lateness = report["latency_ms"], report["lateness_ms"]
    assert 0 < latency["p50"] <= latency["p99"] <= latency["max"]
    assert 0 < latency["count"] < 400
    assert lateness["count"] >= latency["count"]
    assert sum(row["taps"] for row in report["outcomes"]) == 400
    exchanges = 400 + report["sent_again"]
    assert report["exchanges"] == {"count": exchanges, "kept": exchanges}
    assert report["audit"]["verdict"] == f"{exchanges} exchanges seen"


def test_a_load_on_a_server_of_somebodys_by_the_days_curve(
    make_server: Callable[..., ServerProcess], tmp_path: Path
) -> None:
    server, page = make_server(), tmp_path / "report.html"
    key_file = tmp_path / "admin.key"
    key_file.write_text(server.admin_key, "ascii")
    arguments = ("--url", server.url, "--admin-key-file", key_file, "--html", page, "--json")
    runs = []
    for _ in range(2):  # the same seed again: other passengers for the server, the same taps
        done = run_command("simulate", "load", "--taps", 200, "--seconds", 1, *arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        assert server.admin_key not in done.stdout + done.stderr + page.read_text("utf-8")
        runs.append(json.loads(done.stdout))
    assert runs[0]["world"] == runs[1]["world"]
    assert runs[0]["outcomes"] == runs[1]["outcomes"]
    assert all(run["rate"]["held"] > 0 and run["passed"] for run in runs)
    assert all(run["audit"]["checked"]["decisions checked"] == 200 for run in runs)
    assert f"--admin-key-file {key_file}" in runs[0]["command"]
    assert ElementTree.fromstring(page.read_text("utf-8").partition("\n")[2]).tag == "html"


def test_answers_that_are_not_as_intended_are_reported(
    make_server: Callable[..., ServerProcess],
) -> None:
    server = make_server()
    load = Load(42, 400, 1.0, False, 0.0, Controllers(8))
    with (
        open_target(server.url, server.admin_key) as target,
        server.client(server.admin_key) as admin,
    ):
        path = f"/v1/stations/{server.pilot['station_id']}/policies"
        policy = admin.get(path).json()["items"][0]
        later = {"window_seconds": 1, "effective_from": "2022-01-01T00:00:00+08:00"}
        kept = {name: policy[name] for name in ("media", "designated_gates")}
        assert admin.post(path, json=kept | later).status_code == 201
        report = run_load(load, target, "a command", _nobody_looks)
    assert not report["passed"]
    assert report["errors"]["count"] == 0
    assert report["wrong"]["count"] > 5
    assert (
        "answered window_exceeded, intended same_station_within_window"
        in (report["wrong"]["examples"][0])
    )


def test_a_server_that_dies_in_the_middle_is_reported_as_errors(
    make_server: Callable[..., ServerProcess],
) -> None:
    server = make_server()

    def kill_it(what: str, done: int, _total: int) -> None:
        if what == "answers" and done and server.process.poll() is None:
            server.kill()

    load = Load(42, 300, 3.0, False, 0.0, Controllers(8))
    with open_target(server.url, server.admin_key) as target:
        report = run_load(load, target, "a command", kill_it)
    taps = report["taps"]
    assert not report["passed"]
    assert 0 < taps["decided"] < 300
    assert taps["undecided"] == 300 - taps["decided"]
    assert report["errors"]["count"] >= taps["undecided"]
    assert "the server " in report["errors"]["examples"][0]


def test_a_server_that_is_not_there_or_has_other_keys_is_reported(
    make_server: Callable[..., ServerProcess],
) -> None:
    server = make_server()
    with pytest.raises(NotServed, match="401"), open_target(server.url, "fe_admin_x"):
        pytest.fail("it was opened")
    server.stop()
    with pytest.raises(NotServed, match="cannot be reached"), open_target(server.url, "a key"):
        pytest.fail("it was opened")


def test_a_load_of_nothing_or_of_too_much_is_wrong_usage(command: Command) -> None:
    for arguments in (
        ("--rate", 1e6, "--seconds", 1_000),
        ("--warm-up", 5, "--seconds", 5),
        ("--batch", 1_001),
    ):
        assert command("simulate", "load", *arguments).status == 2
    done = command("simulate", "load", "--url", "http://127.0.0.1:1")
    assert "set FARE_ADMIN_KEY" in done.failure
