"""`issuers` and `ride-code`, from a key pair to a drawn code, without a server and beside one."""

import json
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
import segno

from tests.api.cli.test_cli import fail, run_json
from tests.server_process import FARE_ENGINE, ServerProcess, make_environment, run_command

ACCOUNT = "test"
LAST_SECOND = "2027-01-01T00:00:00.000+08:00"


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with an issuer whose private key lies beside it."""
    directory = tmp_path_factory.mktemp("codes")
    data_dir = directory / "data"
    assert run_command("init", "--data-dir", data_dir).returncode == 0
    run_json(
        *("issuers", "add", "metro", "--key-id", "1", "--new-key", directory / "metro.pem"),
        *("--from", "2020-01-01T00:00:00+08:00", "--data-dir", data_dir),
    )
    return data_dir


def issue(data_dir: Path, *more: object) -> dict[str, Any]:
    key = data_dir.parent / "metro.pem"
    made = run_json(
        "ride-code", "issue", ACCOUNT, "--issuer", "metro", "--key-id", "1", "--key", key, *more
    )
    assert isinstance(made, dict)
    return made


def verify(data_dir: Path, code: str, *more: object, status: int = 0) -> dict[str, Any]:
    run = run_command("ride-code", "verify", code, "--json", "--data-dir", data_dir, *more)
    assert run.returncode == status, run.stdout + run.stderr
    answer: dict[str, Any] = json.loads(run.stdout)
    return answer


def test_a_new_private_key_is_its_owners_alone(data_dir: Path) -> None:
    key = data_dir.parent / "metro.pem"
    assert key.stat().st_mode & 0o777 == 0o600
    assert key.read_bytes().startswith(b"-----BEGIN PRIVATE KEY-----")
    again = ("issuers", "add", "other", "--key-id", "1", "--new-key", key)
    before = key.read_bytes()
    assert "cannot be created" in fail(*again, "--data-dir", data_dir)
    assert key.read_bytes() == before


def test_a_key_that_was_not_registered_leaves_no_file(data_dir: Path, tmp_path: Path) -> None:
    key = tmp_path / "new.pem"
    twice = ("issuers", "add", "metro", "--key-id", "9", "--new-key", key)
    assert "registered already" in fail(*twice, "--data-dir", data_dir)
    assert not key.exists()


def test_a_code_is_verified_with_what_it_says(data_dir: Path) -> None:
    made = issue(data_dir, "--companion", 2, "--at", "2021-11-24T12:00:00.900+08:00")
    verified = verify(data_dir, made["code"], "--at", "2021-11-24T12:01:00+08:00")
    assert verified == {
        "taken": "yes",
        "reason": None,
        "fault": None,
        "why": None,
        "issuer": "metro",
        "key": "1",
        "account": ACCOUNT,
        "companion": 2,
        "issued_at": "2021-11-24T04:00:00.000+00:00",
        "age_ms": 60_000,
        "code_id": made["code_id"],
    }


def test_a_code_that_is_not_taken_says_why(data_dir: Path) -> None:
    code = issue(data_dir, "--at", "2021-11-24T12:00:00+08:00")["code"]
    old = verify(data_dir, code, "--at", "2021-11-24T12:01:00.001+08:00", status=1)
    assert (old["reason"], old["fault"]) == ("ride_code_expired", "too-old")
    assert old["account"] == ACCOUNT
    cut = verify(data_dir, code[:40], status=1)
    assert (cut["reason"], cut["fault"]) == ("ride_code_invalid", "truncated")
    early = issue(data_dir, "--at", "2019-12-31T23:59:59+08:00")["code"]
    verified = verify(data_dir, early, "--at", "2020-01-01T00:00:00+08:00", status=1)
    assert verified["fault"] == "key-not-in-force"


def test_without_json_the_answer_is_one_line_a_field(data_dir: Path) -> None:
    code = issue(data_dir)["code"]
    run = run_command("ride-code", "verify", code, "--data-dir", data_dir)
    assert run.returncode == 0, run.stderr
    assert run.stdout.splitlines()[0].split() == ["taken", "yes"]
    assert f"account      {ACCOUNT}" in run.stdout


def test_keys_are_rotated_retired_and_listed(data_dir: Path, tmp_path: Path) -> None:
    at = ("--data-dir", data_dir)
    rotate = ("issuers", "rotate", "metro", "--key-id", "2")
    no_key = tmp_path / "next.pub"
    no_key.write_text("nothing", "utf-8")
    assert "must be a PEM file" in fail(*rotate, "--public-key", no_key, *at)
    assert run_command(*rotate, *at).returncode == 2, "no key was named"
    run_json(*rotate, "--new-key", tmp_path / "two.pem", *at)
    retire = ("issuers", "retire", "metro", "--key-id", "1", "--reason", "rotated")
    run_json(*retire, "--at", LAST_SECOND, *at)
    lines = run_command("issuers", "list", *at).stdout.splitlines()
    assert [line.split()[:2] for line in lines] == [
        ["issuer", "key"],
        ["metro", "1"],
        ["metro", "2"],
    ]
    assert LAST_SECOND in lines[1]
    assert "–" in lines[2]


def test_a_code_is_drawn_on_the_terminal_and_to_files(data_dir: Path, tmp_path: Path) -> None:
    code = issue(data_dir)["code"]
    drawn = run_command("ride-code", "show", code)
    assert drawn.returncode == 0, drawn.stderr
    picture = segno.make_qr(code, error="m")
    assert (picture.version, picture.mode) == (7, "alphanumeric")
    lines = drawn.stdout.splitlines()
    assert len(lines) == (picture.symbol_size()[1] + 1) // 2
    svg, png = tmp_path / "code.svg", tmp_path / "code.png"
    assert run_command("ride-code", "show", code, "--svg", svg, "--png", png).returncode == 0
    assert b"<svg" in svg.read_bytes()
    assert png.read_bytes().startswith(b"\x89PNG")


def test_only_a_ride_code_is_drawn(tmp_path: Path) -> None:
    assert "not drawn" in fail("ride-code", "show", "https://example.org")
    assert "a part of the code is missing" in fail("ride-code", "show", "RC1:")


def test_a_code_may_come_from_standard_input(data_dir: Path) -> None:
    code = issue(data_dir)["code"]
    run = subprocess.run(
        [FARE_ENGINE, "ride-code", "verify", "-", "--json", "--data-dir", data_dir],
        env=make_environment({}),
        input=code + "\n",
        capture_output=True,
        text=True,
        check=False,
    )
    assert json.loads(run.stdout)["taken"] == "yes"


def test_wrong_keys_and_accounts_are_refused(data_dir: Path, tmp_path: Path) -> None:
    by = ("--issuer", "metro", "--key-id", "1", "--key")
    assert "cannot be read" in fail("ride-code", "issue", ACCOUNT, *by, tmp_path / "none.pem")
    other = tmp_path / "other.pem"
    other.write_text("no key", "utf-8")
    assert "must be a PEM file" in fail("ride-code", "issue", ACCOUNT, *by, other)
    good = data_dir.parent / "metro.pem"
    for account, more in (
        ("test#account", ()),
        (ACCOUNT, ("--companion", 10)),
        (ACCOUNT, ("--at", "now")),
    ):
        assert run_command("ride-code", "issue", account, *by, good, *more).returncode == 2


def test_a_key_added_to_a_running_server_is_valid_at_once(
    server: ServerProcess, tmp_path: Path
) -> None:
    at = ("--data-dir", server.data_dir)
    issuer = f"cli{time.time_ns() // 1_000_000}"
    key = tmp_path / "key.pem"
    run_json(
        *("issuers", "add", issuer, "--key-id", "1", "--new-key", key, *at),
        FARE_ADMIN_KEY=server.admin_key,
    )
    made = run_json(
        "ride-code", "issue", ACCOUNT, "--issuer", issuer, "--key-id", "1", "--key", key
    )
    verified = run_json("ride-code", "verify", made["code"], *at, FARE_ADMIN_KEY=server.admin_key)
    assert verified["taken"] == "yes"
