"""A server whose ledger is taken away ends, and answers nothing that the next would not know."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.server_process import ServerProcess, make_tap, new_card

pytestmark = pytest.mark.slow

TIME = "2021-11-25T08:00:00+08:00"
Act = Callable[[Path], None]


def in_log(act: Act) -> Act:
    return lambda ledger: act(ledger.with_name(ledger.name + "-wal"))


def in_index(act: Act) -> Act:
    return lambda ledger: act(ledger.with_name(ledger.name + "-shm"))


def empty(path: Path) -> None:
    os.truncate(path, 0)


def restore_backup(ledger: Path) -> None:
    """As an operator would, who forgot that the server runs."""
    copy = ledger.with_name("backup")
    shutil.copy(ledger, copy)
    for name in ("-wal", "-shm"):
        ledger.with_name(ledger.name + name).unlink()
    copy.rename(ledger)


ACTS: dict[str, Act] = {
    "the ledger is deleted": Path.unlink,
    "the log is deleted": in_log(Path.unlink),
    "the log is emptied": in_log(empty),
    "the index of the log is deleted": in_index(Path.unlink),
    "the ledger is emptied": empty,
    "a backup is restored": restore_backup,
}


def send(server: ServerProcess, count: int) -> list[dict[str, Any]]:
    """Send taps until the server is gone or all are answered; those that were answered 200."""
    answered = []
    with server.client() as client:
        for _ in range(count):
            tap = make_tap("FHY-A-01", "entry", new_card(), TIME)
            try:
                if client.post("/v1/taps", json=tap).status_code == 200:
                    answered.append(tap)
            except httpx2.TransportError:
                break
    return answered


@pytest.mark.parametrize("name", ACTS)
def test_the_process_ends_and_answers_no_tap_any_more_when(
    name: str, make_server: Callable[..., ServerProcess]
) -> None:
    server = make_server()
    send(server, 20)
    ledger = server.data_dir / "ledger.sqlite3"
    ACTS[name](ledger)
    assert not send(server, 20)
    assert server.wait() == 1
    assert "LedgerLost" in server.log_path.read_text("utf-8")
    if name == "the ledger is deleted":
        assert not ledger.exists(), "nobody has made an empty one"


def test_what_was_answered_before_its_log_was_deleted_is_known_ever_after(
    make_server: Callable[..., ServerProcess],
) -> None:
    server = make_server()
    answered = send(server, 20)
    in_log(Path.unlink)(server.data_dir / "ledger.sqlite3")
    assert server.wait() == 1
    server.restart()
    with server.client() as client:
        for tap in answered:
            assert client.post("/v1/taps", json=tap).headers["Idempotent-Replayed"] == "true"


def test_readiness_makes_no_ledger_where_none_is(
    make_server: Callable[..., ServerProcess],
) -> None:
    server = make_server()
    ledger = server.data_dir / "ledger.sqlite3"
    ledger.unlink()
    with server.client(server.admin_key) as client:
        for path in ("/readyz", "/v1/keys", "/v1/audit", "/livez", "/readyz"):
            try:
                client.get(path)
            except httpx2.TransportError:
                break
    assert server.wait() == 1
    assert not ledger.exists()
