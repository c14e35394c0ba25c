"""The command line, as scripts and operators use it."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.commands import Command
from tests.server_process import ServerProcess, make_data_directory, run_command

Made = tuple[Path, dict[str, Any]]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """A data directory on which no server runs, with what `init` printed."""
    data_dir = tmp_path_factory.mktemp("cli") / "data"
    return data_dir, make_data_directory(data_dir)


def test_init_prints_what_scripts_need(made: Made) -> None:
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


def test_init_on_a_used_directory_is_refused(made: Made, command: Command) -> None:
    data_dir, _ = made
    before = (data_dir / "ledger.sqlite3").read_bytes()
    assert str(data_dir) in command("init", "--data-dir", data_dir).failure
    assert (data_dir / "ledger.sqlite3").read_bytes() == before


def test_init_prints_the_keys_and_the_next_step(tmp_path: Path, command: Command) -> None:
    run = command("init", FARE_DATA_DIR=str(tmp_path / "data"))
    assert run.status == 0, run.err
    assert "fe_gate_" in run.out
    assert "fe_admin_" in run.out
    assert "fare-engine serve" in run.out


def test_init_names_what_is_wrong_with_a_network(tmp_path: Path, command: Command) -> None:
    network = tmp_path / "mine.toml"
    network.write_text("stations = 1", "utf-8")
    error = command("init", "--data-dir", tmp_path / "data", "--network", network).failure
    assert "mine.toml" in error
    assert not (tmp_path / "data").exists()
    unknown = command("init", "--data-dir", tmp_path / "data", "--network", "atlantis")
    assert "atlantis" in unknown.failure


def test_wrong_usage_ends_with_2(made: Made, command: Command) -> None:
    data_dir, _ = made
    for arguments in (
        ("nonsense",),
        ("serve", "--port", "x"),
        ("serve", "--port", "70000"),
        ("keys", "create", "--data-dir", data_dir, "--name", "x", "--kind", "king"),
        ("keys", "create", "--data-dir", data_dir, "--name", "x"),
        ("policies", "suspend", "FHY"),
    ):
        assert command(*arguments).status == 2, arguments


def test_help_names_every_command(command: Command) -> None:
    output = command("--help").out
    for name in (
        *("init", "serve", "migrate", "replay", "settle"),
        *("keys", "stations", "gates", "media-types", "policies", "modes", "tariffs"),
        *("media", "issuers", "ride-code", "config"),
    ):
        assert name in output
        assert command(name, "--help").status == 0


def test_modes_without_a_server(made: Made, command: Command) -> None:
    data_dir, _ = made
    at = ("--data-dir", data_dir)
    reason = ("--reason", "smoke")
    started = command("modes", "start", "FHY", "emergency", *reason, *at, "--json").json
    assert started["in_force"] is True
    (listed,) = command("modes", "list", "FHY", *at, "--json").json
    assert listed == started
    (ended,) = command("modes", "end", "FHY", "emergency", *reason, *at, "--json").json["items"]
    assert ended["effective_to"]
    output = command("modes", "end", "FHY", "emergency", *reason, *at).out
    assert output == "FHY: emergency was not in force\n"
    assert "mode" in command("modes", "start", "FHY", "free", *reason, *at).failure


def test_media_without_a_server(made: Made, command: Command) -> None:
    data_dir, _ = made
    at, reason = ("--data-dir", data_dir), ("--reason", "lost")
    blocked = command(
        "media", "block", "tianfutong", *reason, *at, "--json", given="3104870512345678\n"
    ).json
    assert (blocked["blocked"], blocked["masked"]) == (True, "****5678")
    (listed,) = command("media", "blocked", *at, "--json").json
    assert listed == blocked
    by_token = ("tianfutong", "--token", blocked["token"], *reason, *at)
    assert command("media", "unblock", *by_token, "--json").json["blocked"] is False
    assert command("media", "blocked", *at, "--json").json == []
    assert command("media", "block", "tianfutong", *reason, *at).status == 2


def test_keys_without_a_server(made: Made, command: Command) -> None:
    data_dir, _ = made
    at = ("--data-dir", data_dir)
    key = command("keys", "create", "--name", "controller", "--station", "FHY", *at, "--json").json
    assert key["key"].startswith("fe_gate_")
    assert key["stations"] == ["FHY"]
    assert command("keys", "revoke", key["key_id"], *at, "--json").json["revoked_at"]
    listed = {entry["key_id"]: entry for entry in command("keys", "list", *at, "--json").json}
    assert listed[key["key_id"]]["revoked_at"]
    assert "command line" not in listed
    assert "NOPE" in command("keys", "create", "--name", "x", "--station", "NOPE", *at).failure
    assert "none" not in command("keys", "list", *at).out


def test_operator_commands_speak_to_a_running_server(
    make_server: Callable[..., ServerProcess], command: Command
) -> None:
    server = make_server()
    at = ("--data-dir", server.data_dir)
    admin = {"FARE_ADMIN_KEY": server.admin_key}
    assert "FARE_ADMIN_KEY" in command("stations", "list", *at).failure
    assert "key" in command("stations", "list", *at, FARE_ADMIN_KEY="wrong").failure
    assert len(command("stations", "list", *at, "--json", **admin).json) > 200
    assert command("stations", "show", "FHY", *at, "--json", **admin).json["policy"]["version"] == 1
    assert "孵化园" in command("stations", "show", "FHY", *at, **admin).out

    suspended = command(
        "policies", "suspend", "FHY", "--reason", "测试", *at, "--json", **admin
    ).json
    assert suspended["suspended"] is True
    with server.client() as client:
        assert client.get("/v1/stations/FHY").json()["suspended"] is True
    server.stop()

    # No server any more: the same command, on the same directory.
    resumed = command("policies", "resume", "FHY", "--reason", "好了", *at, "--json").json
    assert resumed["suspended"] is False
    policy = command(
        *("policies", "publish", "FHY", *at, "--window-seconds", "600", "--medium", "qr"),
        *("--gate", "FHY-A-01", "--gate", "FHY-C-02", "--from", "2027-01-01T00:00:00+08:00"),
        "--json",
    ).json
    assert policy["version"] == 2
    listed = command("policies", "list", "FHY", *at, "--json").json
    assert [entry["version"] for entry in listed] == [1, 2]
    error = command(
        *("policies", "publish", "FHY", *at, "--window-seconds", "600", "--medium", "paper"),
        *("--gate", "CXL-A-01", "--from", "2027-01-01T00:00:00+08:00"),
    ).failure
    assert "media" in error
    assert "designated_gates" in error
    with_server = server
    with_server.restart()
    with with_server.client(server.admin_key) as client:
        station = client.get("/v1/stations/FHY").json()
        assert (station["suspended"], station["next_policy"]["version"]) == (False, 2)
        actors = {entry["actor"] for entry in client.get("/v1/audit").json()["items"]}
        assert "command line" in actors


def test_a_tariff_shown_can_be_published(made: Made, tmp_path: Path, command: Command) -> None:
    data_dir, _ = made
    at = ("--data-dir", data_dir)
    shown = command("tariffs", "show", "1", *at)
    draft = json.loads(shown.out) | {"effective_from": "2998-01-01T00:00:00+08:00"}
    file = tmp_path / "tariff.json"
    file.write_text(json.dumps(draft), "utf-8")
    assert command("tariffs", "publish", file, *at, "--json").json["version"] == 2
    assert [entry["version"] for entry in command("tariffs", "list", *at, "--json").json] == [1, 2]
    file.write_text("{", "utf-8")
    assert "tariff.json" in command("tariffs", "publish", file, *at).failure
    assert "nowhere.json" in command("tariffs", "publish", tmp_path / "nowhere.json", *at).failure
    assert "no tariff 9" in command("tariffs", "show", "9", *at).failure


def test_a_good_configuration(made: Made, command: Command) -> None:
    data_dir, _ = made
    run = command("config", "check", "--data-dir", data_dir)
    assert (run.status, run.out) == (0, "the configuration is good\n")
    report = command("config", "check", "--data-dir", data_dir, "--json", FARE_PROT="80").json
    assert report == {
        "ok": True,
        "faults": [],
        "warnings": ["FARE_PROT: no option reads this variable"],
    }


def test_a_bad_configuration_reports_every_fault(
    made: Made, tmp_path: Path, command: Command
) -> None:
    data_dir, _ = made
    run = command("config", "check", FARE_PORT="x", FARE_BODY_BYTES_MAX="1")
    assert run.status == 1
    assert "FARE_PORT" in run.out
    assert "FARE_BODY_BYTES_MAX" in run.out

    missing = command("config", "check", "--data-dir", tmp_path / "nowhere")
    assert missing.status == 1
    assert "nowhere" in missing.out

    broken = tmp_path / "broken"
    shutil.copytree(data_dir, broken)
    (broken / "token.key").write_text("not hexadecimal", "ascii")
    run = command("config", "check", "--data-dir", broken)
    assert run.status == 1
    assert "token.key" in run.out


def test_serve_names_what_is_missing(tmp_path: Path) -> None:
    at = ("--data-dir", tmp_path / "nowhere")
    for named, environment in (("fare-engine init", {}), ("FARE_PORT", {"FARE_PORT": "x"})):
        run = run_command("serve", *at, **environment)
        assert run.returncode == 1, run.stdout + run.stderr
        assert run.stderr.startswith("fare-engine: ")
        assert named in run.stderr


def test_migrate_finds_nothing_to_do(made: Made, command: Command) -> None:
    data_dir, _ = made
    run = command("migrate", "--data-dir", data_dir)
    assert run.status == 0, run.err
    assert "nothing to do" in run.out
