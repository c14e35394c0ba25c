"""The command line, as scripts and operators use it."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.server_process import ServerProcess, run_command


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A data directory on which no server runs, with what `init` printed."""
    data_dir = tmp_path_factory.mktemp("cli") / "data"
    run = run_command("init", "--data-dir", data_dir, "--json")
    assert run.returncode == 0, run.stderr
    return data_dir, json.loads(run.stdout)


def run_json(*arguments: object, given: str = "", **environment: str) -> Any:
    """The JSON that a command prints, with this on its standard input."""
    run = run_command(*arguments, "--json", given=given, **environment)
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


def fail(*arguments: object, **environment: str) -> str:
    """The one clear error that a command ends with."""
    run = run_command(*arguments, **environment)
    assert run.returncode == 1, run.stdout + run.stderr
    assert "Traceback" not in run.stderr
    assert run.stderr.startswith("fare-engine: ")
    return run.stderr


def test_init_prints_what_scripts_need(made: tuple[Path, dict[str, Any]]) -> None:
    _, setup = made
    assert setup["gate_key"]
    assert setup["admin_key"]
    for station in (setup["pilot"], setup["other_station"]):
        assert station["station_id"]
        directions = {direction for gate in station["gates"] for direction in gate["directions"]}
        assert directions == {"entry", "exit"}
    designated = [gate for gate in setup["pilot"]["gates"] if gate["designated"]]
    for direction in ("entry", "exit"):
        assert sum(direction in gate["directions"] for gate in designated) >= 2
    assert any(not gate["designated"] for gate in setup["pilot"]["gates"])
    assert not any(gate["designated"] for gate in setup["other_station"]["gates"])


def test_init_on_a_used_directory_is_refused(made: tuple[Path, dict[str, Any]]) -> None:
    data_dir, _ = made
    before = (data_dir / "ledger.sqlite3").read_bytes()
    assert str(data_dir) in fail("init", "--data-dir", data_dir)
    assert (data_dir / "ledger.sqlite3").read_bytes() == before


def test_init_prints_the_keys_and_the_next_step(tmp_path: Path) -> None:
    run = run_command("init", FARE_DATA_DIR=str(tmp_path / "data"))
    assert run.returncode == 0, run.stderr
    assert "fe_gate_" in run.stdout
    assert "fe_admin_" in run.stdout
    assert "fare-engine serve" in run.stdout


def test_init_names_what_is_wrong_with_a_network(tmp_path: Path) -> None:
    network = tmp_path / "mine.toml"
    network.write_text("stations = 1", "utf-8")
    error = fail("init", "--data-dir", tmp_path / "data", "--network", network)
    assert "mine.toml" in error
    assert not (tmp_path / "data").exists()
    fail("init", "--data-dir", tmp_path / "data", "--network", "atlantis")


def test_wrong_usage_ends_with_2(made: tuple[Path, dict[str, Any]]) -> None:
    data_dir, _ = made
    for arguments in (
        ("nonsense",),
        ("serve", "--port", "x"),
        ("serve", "--port", "70000"),
        ("keys", "create", "--data-dir", data_dir, "--name", "x", "--kind", "king"),
        ("keys", "create", "--data-dir", data_dir, "--name", "x"),
        ("policies", "suspend", "FHY"),
    ):
        assert run_command(*arguments).returncode == 2, arguments


def test_help_names_every_command() -> None:
    output = run_command("--help").stdout
    for command in (
        *("init", "serve", "migrate", "replay", "settle"),
        *("keys", "stations", "gates", "media-types", "policies", "modes", "tariffs"),
        *("media", "issuers", "ride-code", "config"),
    ):
        assert command in output
        assert run_command(command, "--help").returncode == 0


def test_modes_without_a_server(made: tuple[Path, dict[str, Any]]) -> None:
    data_dir, _ = made
    at = ("--data-dir", data_dir)
    reason = ("--reason", "smoke")
    started = run_json("modes", "start", "FHY", "emergency", *reason, *at)
    assert started["in_force"] is True
    (listed,) = run_json("modes", "list", "FHY", *at)
    assert listed == started
    (ended,) = run_json("modes", "end", "FHY", "emergency", *reason, *at)["items"]
    assert ended["effective_to"]
    output = run_command("modes", "end", "FHY", "emergency", *reason, *at).stdout
    assert output == "FHY: emergency was not in force\n"
    assert "mode" in fail("modes", "start", "FHY", "free", *reason, *at)


def test_media_without_a_server(made: tuple[Path, dict[str, Any]]) -> None:
    data_dir, _ = made
    at, reason = ("--data-dir", data_dir), ("--reason", "lost")
    blocked = run_json("media", "block", "tianfutong", *reason, *at, given="3104870512345678\n")
    assert (blocked["blocked"], blocked["masked"]) == (True, "****5678")
    (listed,) = run_json("media", "blocked", *at)
    assert listed == blocked
    by_token = ("tianfutong", "--token", blocked["token"], *reason, *at)
    assert run_json("media", "unblock", *by_token)["blocked"] is False
    assert run_json("media", "blocked", *at) == []
    assert run_command("media", "block", "tianfutong", *reason, *at).returncode == 2


def test_keys_without_a_server(made: tuple[Path, dict[str, Any]]) -> None:
    data_dir, _ = made
    at = ("--data-dir", data_dir)
    key = run_json("keys", "create", "--name", "controller", "--station", "FHY", *at)
    assert key["key"].startswith("fe_gate_")
    assert key["stations"] == ["FHY"]
    assert run_json("keys", "revoke", key["key_id"], *at)["revoked_at"]
    listed = {entry["key_id"]: entry for entry in run_json("keys", "list", *at)}
    assert listed[key["key_id"]]["revoked_at"]
    assert "command line" not in listed
    assert "NOPE" in fail("keys", "create", "--name", "x", "--station", "NOPE", *at)
    assert "none" not in run_command("keys", "list", *at).stdout


def test_operator_commands_speak_to_a_running_server(
    make_server: Callable[..., ServerProcess],
) -> None:
    server = make_server()
    at = ("--data-dir", server.data_dir)
    admin = {"FARE_ADMIN_KEY": server.admin_key}
    assert "FARE_ADMIN_KEY" in fail("stations", "list", *at)
    assert "key" in fail("stations", "list", *at, FARE_ADMIN_KEY="wrong")
    assert len(run_json("stations", "list", *at, **admin)) > 200
    assert run_json("stations", "show", "FHY", *at, **admin)["policy"]["version"] == 1
    assert "孵化园" in run_command("stations", "show", "FHY", *at, **admin).stdout

    suspended = run_json("policies", "suspend", "FHY", "--reason", "测试", *at, **admin)
    assert suspended["suspended"] is True
    with server.client() as client:
        assert client.get("/v1/stations/FHY").json()["suspended"] is True
    server.stop()

    # No server any more: the same command, on the same directory.
    assert run_json("policies", "resume", "FHY", "--reason", "好了", *at)["suspended"] is False
    policy = run_json(
        *("policies", "publish", "FHY", *at, "--window-seconds", "600", "--medium", "qr"),
        *("--gate", "FHY-A-01", "--gate", "FHY-C-02", "--from", "2027-01-01T00:00:00+08:00"),
    )
    assert policy["version"] == 2
    assert [entry["version"] for entry in run_json("policies", "list", "FHY", *at)] == [1, 2]
    error = fail(
        *("policies", "publish", "FHY", *at, "--window-seconds", "600", "--medium", "paper"),
        *("--gate", "CXL-A-01", "--from", "2027-01-01T00:00:00+08:00"),
    )
    assert "media" in error
    assert "designated_gates" in error
    with_server = server
    with_server.restart()
    with with_server.client(server.admin_key) as client:
        station = client.get("/v1/stations/FHY").json()
        assert (station["suspended"], station["next_policy"]["version"]) == (False, 2)
        actors = {entry["actor"] for entry in client.get("/v1/audit").json()["items"]}
        assert "command line" in actors


def test_a_tariff_shown_can_be_published(made: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    data_dir, _ = made
    at = ("--data-dir", data_dir)
    shown = run_command("tariffs", "show", "1", *at)
    draft = json.loads(shown.stdout) | {"effective_from": "2998-01-01T00:00:00+08:00"}
    file = tmp_path / "tariff.json"
    file.write_text(json.dumps(draft), "utf-8")
    assert run_json("tariffs", "publish", file, *at)["version"] == 2
    assert [entry["version"] for entry in run_json("tariffs", "list", *at)] == [1, 2]
    file.write_text("{", "utf-8")
    assert "tariff.json" in fail("tariffs", "publish", file, *at)
    assert "nowhere.json" in fail("tariffs", "publish", tmp_path / "nowhere.json", *at)
    assert "no tariff 9" in fail("tariffs", "show", "9", *at)


def test_a_good_configuration(made: tuple[Path, dict[str, Any]]) -> None:
    data_dir, _ = made
    run = run_command("config", "check", "--data-dir", data_dir)
    assert (run.returncode, run.stdout) == (0, "the configuration is good\n")
    report = run_json("config", "check", "--data-dir", data_dir, FARE_PROT="80")
    assert report == {
        "ok": True,
        "faults": [],
        "warnings": ["FARE_PROT: no option reads this variable"],
    }


def test_a_bad_configuration_reports_every_fault(
    made: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    data_dir, _ = made
    run = run_command("config", "check", FARE_PORT="x", FARE_BODY_BYTES_MAX="1")
    assert run.returncode == 1
    assert "FARE_PORT" in run.stdout
    assert "FARE_BODY_BYTES_MAX" in run.stdout

    missing = run_command("config", "check", "--data-dir", tmp_path / "nowhere")
    assert missing.returncode == 1
    assert "nowhere" in missing.stdout

    broken = tmp_path / "broken"
    shutil.copytree(data_dir, broken)
    (broken / "token.key").write_text("not hexadecimal", "ascii")
    run = run_command("config", "check", "--data-dir", broken)
    assert run.returncode == 1
    assert "token.key" in run.stdout


def test_serve_names_what_is_missing(tmp_path: Path) -> None:
    assert "fare-engine init" in fail("serve", "--data-dir", tmp_path / "nowhere")
    assert "FARE_PORT" in fail("serve", "--data-dir", tmp_path / "nowhere", FARE_PORT="x")


def test_migrate_finds_nothing_to_do(made: tuple[Path, dict[str, Any]]) -> None:
    data_dir, _ = made
    run = run_command("migrate", "--data-dir", data_dir)
    assert run.returncode == 0, run.stderr
    assert "nothing to do" in run.stdout
