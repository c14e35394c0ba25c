"""Secrets come from the environment, a file or standard input, and never from the command line."""

import os
import pty
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest
import typer

from api import cli
from tests.commands import Command
from tests.server_process import (
    FARE_ENGINE,
    ServerProcess,
    make_data_directory,
    make_environment,
)

CARD: Final = "3104870512345678"


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("secrets") / "data"
    make_data_directory(path)
    return path


def list_options(command: Any, path: tuple[str, ...] = ()) -> list[tuple[str, str]]:
    if hasattr(command, "commands"):
        return [
            found
            for name, one in command.commands.items()
            for found in list_options(one, (*path, name))
        ]
    return [(" ".join(path), option) for it in command.params for option in it.opts]


def test_no_option_takes_a_secret() -> None:
    """An option whose name suggests a secret names a file, an id, or makes a new one."""
    harmless = ("-file", "--key-id", "--public-key", "--new-key")
    suspicious = [
        (command, option)
        for command, option in list_options(typer.main.get_command(cli.app))
        if any(word in option for word in ("key", "secret", "password", "card", "account"))
        and not option.endswith(harmless)
    ]
    # PEM files with private keys, an account that is asked for on standard input, and ids.
    assert suspicious == [
        ("gate-check", "--issuer-key"),
        ("keys revoke", "key_id"),
        ("ride-code issue", "account"),
        ("ride-code issue", "--key"),
    ]


@pytest.mark.parametrize("option", ["--admin-key", "--admin-key="])
def test_an_admin_key_on_the_command_line_is_wrong_usage_and_is_not_repeated(
    data_dir: Path, option: str, command: Command
) -> None:
    secret = "fe_admin_secret"
    given = (option + secret,) if option.endswith("=") else (option, secret)
    done = command("keys", "list", "--data-dir", data_dir, *given)
    assert done.status == 2
    assert secret not in done.out + done.err


def test_an_admin_key_comes_from_a_file_or_from_standard_input(
    make_server: Callable[..., ServerProcess], tmp_path: Path, command: Command
) -> None:
    server = make_server()
    key_file = tmp_path / "admin.key"
    key_file.write_text(f"{server.admin_key}\n", "ascii")
    keys = ("keys", "list", "--data-dir", server.data_dir)
    assert command(*keys).status == 1
    assert command(*keys, "--admin-key-file", key_file).status == 0
    assert command(*keys, "--admin-key-file", "-", given=f"{server.admin_key}\n").status == 0
    assert command(*keys, FARE_ADMIN_KEY_FILE=str(key_file)).status == 0
    # An option overrides a variable.
    wrong = {"FARE_ADMIN_KEY": "wrong"}
    assert command(*keys, "--admin-key-file", key_file, **wrong).status == 0
    for content in (b"", b"\n", b"\xff\xfe", b"x" * 10_000):
        key_file.write_bytes(content)
        done = command(*keys, "--admin-key-file", key_file)
        assert done.status == 1
        assert done.err.startswith(f"fare-engine: {key_file} ")
        assert done.err.count("\n") == 1
    assert command(*keys, "--admin-key-file", tmp_path).status == 1


def test_a_card_comes_from_standard_input_alone(data_dir: Path, command: Command) -> None:
    block = ("media", "block", "tianfutong", "--reason", "lost", "--data-dir", data_dir)
    for given in (("--id", CARD), (f"--id={CARD}",)):
        refused = command(*block, *given)
        assert refused.status == 2
        assert CARD not in refused.out + refused.err
    for option in (["--id", "-"], []):
        done = command(*block, *option, given=f"{CARD}\n")
        assert (done.status, "****5678" in done.out) == (0, True)
    assert command(*block).status == 2
    assert command(*block, "--id", "-", "--token", "ab" * 16, given=CARD).status == 2


def test_a_card_is_asked_for_at_a_terminal_and_not_shown(data_dir: Path) -> None:
    ours, theirs = pty.openpty()
    block = ("media", "block", "tianfutong", "--reason", "lost", "--data-dir", data_dir)
    process = subprocess.Popen(
        [FARE_ENGINE, *map(str, block)],
        env=make_environment({}),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    shown = b""
    while b"number: " not in shown:
        shown += os.read(ours, 1_000)
    os.write(ours, f"{CARD}\n".encode())
    while b"is blocked since" not in shown:
        shown += os.read(ours, 1_000)
    assert process.wait(60) == 0
    os.close(ours)
    assert CARD.encode() not in shown


def test_an_account_like_a_card_comes_from_standard_input(
    data_dir: Path, tmp_path: Path, command: Command
) -> None:
    key = tmp_path / "metro.pem"
    made = command(
        *("issuers", "add", "metro", "--key-id", "1", "--new-key", key, "--data-dir", data_dir)
    )
    assert made.status == 0, made.err
    by = ("--issuer", "metro", "--key-id", "1", "--key", key)
    for account in (CARD, "3104 8705 1234 5678", "3104-8705-1234"):
        refused = command("ride-code", "issue", account, *by)
        assert refused.status == 2
        assert account not in refused.out + refused.err
    assert command("ride-code", "issue", "-", *by, given=f"{CARD}\n").status == 0
    assert command("ride-code", "issue", "test", *by).status == 0


def test_a_server_leaves_no_core_dump_and_is_closed_to_others(server: ServerProcess) -> None:
    limits = Path(f"/proc/{server.process.pid}/limits").read_text("ascii").splitlines()
    (core,) = [line for line in limits if line.startswith("Max core file size")]
    assert core.split()[4:6] == ["0", "0"]
    # What is not dumpable belongs to root in /proc, no matter who runs it: so a child is asked.
    program = (
        "import ctypes; from api.runtime.core_dumps import forbid_core_dumps;"
        "forbid_core_dumps(); print(ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))"
    )
    python = FARE_ENGINE.with_name("python")
    root = Path(__file__).parents[3]
    child = subprocess.run(
        [python, "-c", program], cwd=root, capture_output=True, text=True, check=True
    )
    assert child.stdout == "0\n"
