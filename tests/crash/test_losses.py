"""A real server that was cut off, and a log that did not survive it: refused until accepted."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.commands import Command
from tests.server_process import ServerProcess, make_tap, new_card, run_command

pytestmark = pytest.mark.slow

AT = "2021-11-24T08:15:30.120+08:00"


def remove(data_dir: Path, *names: str) -> None:
    for name in names:
        (data_dir / name).unlink()


def refuse(server: ServerProcess) -> str:
    """The one line with which the next start ends."""
    start = ("serve", "--no-console", "--data-dir", server.data_dir, "--port", "0")
    ended = run_command(*start)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.count("\n") == 1, ended.stderr
    return ended.stderr


@pytest.mark.parametrize(
    "names",
    [
        ("ledger.sqlite3-wal",),
        ("ledger.sqlite3-wal", "ledger.sqlite3-shm"),
        ("ledger.sqlite3-wal", "ledger.sqlite3-shm", "lock"),
    ],
)
def test_a_tap_that_was_acknowledged_is_not_lost_in_silence(
    make_server: Callable[..., ServerProcess], command: Command, names: tuple[str, ...]
) -> None:
    server = make_server()
    tap = make_tap(server.gate("entry"), "entry", new_card(), AT)
    with server.client() as client:
        assert client.post("/v1/taps", json=tap).status_code == 200
    server.kill()
    remove(server.data_dir, *names)
    # A supervisor tries again and again: what was found stays found.
    assert "is not whole" in refuse(server)
    assert "is not whole" in refuse(server)
    at = ("--data-dir", server.data_dir)
    assert "is not whole" in command("config", "check", *at).out
    assert "is not whole" in command("keys", "list", *at).failure
    accepted = command("config", "accept-loss", *at, "--reason", "the disk was replaced")
    assert accepted.status == 0, accepted.out + accepted.err
    server.restart()
    with server.client(server.admin_key) as admin:
        again = admin.post("/v1/taps", json=tap)
        assert again.headers.get("Idempotent-Replayed") is None, "it is decided anew"
        audit = admin.get("/v1/audit").json()["items"]
    (entry,) = [entry for entry in audit if entry["action"] == "ledger.loss-accepted"]
    assert entry["after"]["reason"] == "the disk was replaced"


def test_a_suspension_is_not_lost_in_silence(make_server: Callable[..., ServerProcess]) -> None:
    """No tap came, so no row is missing: the count of starts shows the loss."""
    server = make_server()
    with server.client(server.admin_key) as admin:
        suspended = admin.post("/v1/stations/FHY/policies/suspend", json={"reason": "lane closed"})
        assert suspended.status_code == 200
    server.kill()
    remove(server.data_dir, "ledger.sqlite3-wal", "ledger.sqlite3-shm")
    assert "is not whole" in refuse(server)


def test_a_second_server_is_refused_after_the_lock_was_removed(
    server: ServerProcess, command: Command
) -> None:
    at = ("--data-dir", server.data_dir)
    (server.data_dir / "lock").rename(server.data_dir / "lock.away")
    try:
        assert "is in use by another process" in refuse(server)
        assert "is in use by" in command("keys", "list", *at).failure
        assert "is in use by" in command("migrate", *at).failure
        assert not (server.data_dir / "lock").exists()
    finally:
        (server.data_dir / "lock.away").rename(server.data_dir / "lock")
    with server.client() as client:
        assert client.get("/readyz").status_code == 200
