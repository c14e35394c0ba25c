"""`fare-engine gate-check`: its key, its output, its exit status."""

import json
from pathlib import Path

import pytest

from tests.commands import Command
from tests.server_process import ServerProcess


def test_it_prints_each_step_and_ends_with_0(server: ServerProcess, command: Command) -> None:
    done = command("gate-check", server.url, FARE_GATE_KEY=server.gate_key)
    assert done.status == 0, done.out + done.err
    assert "POST /v1/taps → 409 tap-conflict" in done.out
    assert "0 broke it" in done.out
    assert server.gate_key not in done.out + done.err


def test_its_json_is_for_programs(server: ServerProcess, tmp_path: Path, command: Command) -> None:
    key_file = tmp_path / "gate.key"
    key_file.write_text(f"{server.gate_key}\n")
    options = ("--key-file", key_file, "--controller", "FHY-1", "--json")
    done = command("gate-check", f"{server.url}/", *options)
    document = json.loads(done.out)
    assert (done.status, document["passed"], document["broken"]) == (0, True, 0)
    assert document["controller_id"] == "FHY-1"
    assert document["tap_ids"]
    assert {step["standing"] for step in document["steps"]} == {"answer", "final", "passing", ""}


def test_the_key_may_come_from_standard_input(server: ServerProcess, command: Command) -> None:
    options = ("--key-file", "-", "--controller", "FHY-1")
    done = command("gate-check", server.url, *options, given=server.gate_key)
    assert done.status == 0, done.err


def test_without_a_key_it_says_where_one_is_looked_for(
    server: ServerProcess, command: Command
) -> None:
    done = command("gate-check", server.url)
    assert done.status == 1
    assert "FARE_GATE_KEY" in done.err


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["http://127.0.0.1:1"], 1, "cannot be reached"),
        (["127.0.0.1:8000"], 2, "http://"),
        (["http://127.0.0.1:1", "--key-file", "no-such-file"], 1, "cannot be read"),
        (["http://127.0.0.1:1", "--issuer", "metro"], 2, "ISSUER/KEY_ID"),
        (["http://127.0.0.1:port"], 2, "URL"),
    ],
)
def test_what_cannot_be_checked_is_said_in_one_line(
    arguments: list[str], status: int, said: str, command: Command
) -> None:
    done = command("gate-check", *arguments, FARE_GATE_KEY="key")
    assert (done.status, "Traceback" in done.err) == (status, False), done.err
    assert said in done.err


def test_a_wrong_key_ends_with_1(server: ServerProcess, command: Command) -> None:
    done = command("gate-check", server.url, FARE_GATE_KEY="wrong")
    assert done.status == 1
    assert "401" in done.err
