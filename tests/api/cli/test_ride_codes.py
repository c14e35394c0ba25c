"""`issuers` and `ride-code`, from a key pair to a drawn code, without a server and beside one."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import segno

from tests.commands import Command
from tests.server_process import ServerProcess, make_data_directory, run_command

ACCOUNT = "test"
LAST_SECOND = "2099-01-01T00:00:00.000+08:00"


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with an issuer whose private key lies beside it."""
    directory = tmp_path_factory.mktemp("codes")
    data_dir = directory / "data"
    make_data_directory(data_dir)
    added = run_command(
        *("issuers", "add", "metro", "--key-id", "1", "--new-key", directory / "metro.pem"),
        *("--from", "2020-01-01T00:00:00+08:00", "--data-dir", data_dir),
    )
    assert added.returncode == 0, added.stderr
    return data_dir


Issue = Callable[..., dict[str, Any]]
Verify = Callable[..., dict[str, Any]]


@pytest.fixture
def issue(data_dir: Path, command: Command) -> Issue:
    key = data_dir.parent / "metro.pem"
    by = ("--issuer", "metro", "--key-id", "1", "--key", key)

    def run(*more: object) -> dict[str, Any]:
        made: dict[str, Any] = command("ride-code", "issue", ACCOUNT, *by, *more, "--json").json
        return made

    return run


@pytest.fixture
def verify(data_dir: Path, command: Command) -> Verify:
    at = ("--json", "--data-dir", data_dir)

    def run(code: str, *more: object, status: int = 0) -> dict[str, Any]:
        ended = command("ride-code", "verify", code, *at, *more)
        assert ended.status == status, ended.out + ended.err
        answer: dict[str, Any] = json.loads(ended.out)
        return answer

    return run


def test_a_new_private_key_is_its_owners_alone(data_dir: Path, command: Command) -> None:
    key = data_dir.parent / "metro.pem"
    assert key.stat().st_mode & 0o777 == 0o600
    assert key.read_bytes().startswith(b"-----BEGIN PRIVATE KEY-----")
    again = ("issuers", "add", "other", "--key-id", "1", "--new-key", key)
    before = key.read_bytes()
    assert "cannot be created" in command(*again, "--data-dir", data_dir).failure
    assert key.read_bytes() == before


def test_a_key_that_was_not_registered_leaves_no_file(
    data_dir: Path, tmp_path: Path, command: Command
) -> None:
    key = tmp_path / "new.pem"
    twice = ("issuers", "add", "metro", "--key-id", "9", "--new-key", key)
    assert "registered already" in command(*twice, "--data-dir", data_dir).failure
    assert not key.exists()


def test_a_code_is_verified_with_what_it_says(issue: Issue, verify: Verify) -> None:
    made = issue("--companion", 2, "--at", "2021-11-24T12:00:00.900+08:00")
    verified = verify(made["code"], "--at", "2021-11-24T12:01:00+08:00")
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


def test_a_code_that_is_not_taken_says_why(issue: Issue, verify: Verify) -> None:
    code = issue("--at", "2021-11-24T12:00:00+08:00")["code"]
    old = verify(code, "--at", "2021-11-24T12:01:00.001+08:00", status=1)
    assert (old["reason"], old["fault"]) == ("ride_code_expired", "too-old")
    assert old["account"] == ACCOUNT
    cut = verify(code[:40], status=1)
    assert (cut["reason"], cut["fault"]) == ("ride_code_invalid", "truncated")
    early = issue("--at", "2019-12-31T23:59:59+08:00")["code"]
    verified = verify(early, "--at", "2020-01-01T00:00:00+08:00", status=1)
    assert verified["fault"] == "key-not-in-force"


def test_without_json_the_answer_is_one_line_a_field(
    data_dir: Path, command: Command, issue: Issue
) -> None:
    code = issue()["code"]
    run = command("ride-code", "verify", code, "--data-dir", data_dir)
    assert run.status == 0, run.err
    assert run.out.splitlines()[0].split() == ["taken", "yes"]
    assert f"account      {ACCOUNT}" in run.out


def test_keys_are_rotated_retired_and_listed(
    data_dir: Path, tmp_path: Path, command: Command
) -> None:
    at = ("--data-dir", data_dir)
    rotate = ("issuers", "rotate", "metro", "--key-id", "2")
    no_key = tmp_path / "next.pub"
    no_key.write_text("nothing", "utf-8")
    assert "must be a PEM file" in command(*rotate, "--public-key", no_key, *at).failure
    assert command(*rotate, *at).status == 2, "no key was named"
    assert command(*rotate, "--new-key", tmp_path / "two.pem", *at).status == 0
    retire = ("issuers", "retire", "metro", "--key-id", "1", "--reason", "rotated")
    assert command(*retire, "--at", LAST_SECOND, *at).status == 0
    lines = command("issuers", "list", *at).out.splitlines()
    assert [line.split()[:2] for line in lines] == [
        ["issuer", "key"],
        ["metro", "1"],
        ["metro", "2"],
    ]
    assert LAST_SECOND in lines[1]
    assert "–" in lines[2]


def test_a_code_is_drawn_on_the_terminal_and_to_files(
    tmp_path: Path, command: Command, issue: Issue
) -> None:
    code = issue()["code"]
    drawn = command("ride-code", "show", code)
    assert drawn.status == 0, drawn.err
    picture = segno.make_qr(code, error="m")
    assert (picture.version, picture.mode) == (7, "alphanumeric")
    lines = drawn.out.splitlines()
    assert len(lines) == (picture.symbol_size()[1] + 1) // 2
    svg, png = tmp_path / "code.svg", tmp_path / "code.png"
    assert command("ride-code", "show", code, "--svg", svg, "--png", png).status == 0
    assert b"<svg" in svg.read_bytes()
    assert png.read_bytes().startswith(b"\x89PNG")


def test_only_a_ride_code_is_drawn(tmp_path: Path, command: Command) -> None:
    assert "not drawn" in command("ride-code", "show", "https://example.org").failure
    assert "a part of the code is missing" in command("ride-code", "show", "RC1:").failure


def test_a_code_may_come_from_standard_input(
    data_dir: Path, issue: Issue, command: Command
) -> None:
    code = issue()["code"]
    at = ("--json", "--data-dir", data_dir)
    run = command("ride-code", "verify", "-", *at, given=code + "\n")
    assert run.json["taken"] == "yes"


def test_wrong_keys_and_accounts_are_refused(
    data_dir: Path, tmp_path: Path, command: Command
) -> None:
    by = ("--issuer", "metro", "--key-id", "1", "--key")
    missing = command("ride-code", "issue", ACCOUNT, *by, tmp_path / "none.pem")
    assert "cannot be read" in missing.failure
    other = tmp_path / "other.pem"
    other.write_text("no key", "utf-8")
    assert "must be a PEM file" in command("ride-code", "issue", ACCOUNT, *by, other).failure
    good = data_dir.parent / "metro.pem"
    for account, more in (
        ("test#account", ()),
        (ACCOUNT, ("--companion", 10)),
        (ACCOUNT, ("--at", "now")),
    ):
        assert command("ride-code", "issue", account, *by, good, *more).status == 2


def test_a_key_added_to_a_running_server_is_valid_at_once(
    server: ServerProcess, tmp_path: Path, command: Command
) -> None:
    at = ("--data-dir", server.data_dir)
    issuer = f"cli{time.time_ns() // 1_000_000}"
    key = tmp_path / "key.pem"
    admin = {"FARE_ADMIN_KEY": server.admin_key}
    added = command("issuers", "add", issuer, "--key-id", "1", "--new-key", key, *at, **admin)
    assert added.status == 0, added.err
    made = command(
        "ride-code", "issue", ACCOUNT, "--issuer", issuer, "--key-id", "1", "--key", key, "--json"
    ).json
    verified = command("ride-code", "verify", made["code"], *at, "--json", **admin).json
    assert verified["taken"] == "yes"
