"""The process: how it stops, how it dies, and that no other process shares its data directory."""

import asyncio
import signal
import sys
from collections.abc import Callable
from typing import Any

import httpx2
import pytest

from tests.api.contract.test_problems import check
from tests.server_process import ServerProcess, make_tap, new_card, run_command

pytestmark = pytest.mark.slow

CLIENTS = 32
ANSWERS_BEFORE_THE_STOP = 500
TIME = "2021-11-25T08:00:00+08:00"

DYING = """
import sys
from fare_engine.ledger.sqlite.ledger import SqliteLedger

def commit(self, entries):
    raise RuntimeError("the card 3104870512345678 is in no log")

SqliteLedger.commit = commit
from api.cli import main
sys.exit(main())
"""

SIGNALLED_AGAIN = """
import builtins, os, signal, sys
from api.cli import main

class Last:
    def __del__(self, kill=os.kill, process=os.getpid(), number=signal.SIGTERM):
        kill(process, number)

builtins.last = Last()  # it goes when the interpreter is taken down
sys.exit(main())
"""


async def send_until_refused(
    client: httpx2.AsyncClient, answered: dict[str, Any], enough: asyncio.Event
) -> None:
    """Send entry after entry; every answer that arrives is a promise."""
    while True:
        tap = make_tap("FHY-A-01", "entry", new_card(), TIME)
        try:
            response = await client.post("/v1/taps", json=tap)
        except httpx2.TransportError:
            return
        assert response.status_code == 200, response.text
        answered[tap["tap_id"]] = tap, response.json()
        if len(answered) >= ANSWERS_BEFORE_THE_STOP:
            enough.set()


async def load_until_stopped(server: ServerProcess) -> dict[str, Any]:
    answered: dict[str, Any] = {}
    enough = asyncio.Event()
    headers = {"Authorization": f"Bearer {server.gate_key}"}
    async with httpx2.AsyncClient(
        base_url=server.url, headers=headers, timeout=60, trust_env=False
    ) as client:
        tasks = [
            asyncio.create_task(send_until_refused(client, answered, enough))
            for _ in range(CLIENTS)
        ]
        await enough.wait()
        server.process.send_signal(signal.SIGTERM)
        await asyncio.gather(*tasks)
    return answered


def test_a_shutdown_under_load_loses_nothing_it_answered(
    make_server: Callable[..., ServerProcess],
) -> None:
    server = make_server()
    answered = asyncio.run(load_until_stopped(server))
    assert server.stop() == 0
    assert len(answered) >= ANSWERS_BEFORE_THE_STOP

    server.restart()
    taps = [tap for tap, _ in answered.values()]
    with server.client() as client:
        for place in range(0, len(taps), 1_000):
            batch = taps[place : place + 1_000]
            results = client.post("/v1/taps/batch", json={"taps": batch}).json()["results"]
            assert results == [answered[tap["tap_id"]][1] for tap in batch]


def test_it_stops_while_idle_connections_are_open(
    make_server: Callable[..., ServerProcess],
) -> None:
    server = make_server()
    with server.client() as client:
        client.get("/livez")
        assert server.stop() == 0  # a connection that is kept open holds nothing up


def test_a_second_signal_at_its_very_end_does_not_change_its_status(
    make_server: Callable[..., ServerProcess],
) -> None:
    server = make_server(program=(sys.executable, "-c", SIGNALLED_AGAIN))
    assert server.stop() == 0


def test_a_second_process_is_refused_and_learns_where_the_first_one_is(
    server: ServerProcess,
) -> None:
    second = run_command("serve", "--data-dir", server.data_dir, "--port", "0")
    assert second.returncode == 1
    assert server.url in second.stderr
    assert str(server.process.pid) in second.stderr
    assert "Traceback" not in second.stderr


def test_an_address_that_is_taken_is_named(server: ServerProcess, make_server: Any) -> None:
    other = make_server()
    other.stop()
    taken = run_command("serve", "--data-dir", other.data_dir, "--port", server.port)
    assert taken.returncode == 1
    assert f"cannot listen at 127.0.0.1 port {server.port}" in taken.stderr


def test_when_the_engine_dies_the_process_says_so_and_ends(
    make_server: Callable[..., ServerProcess],
) -> None:
    server = make_server(program=(sys.executable, "-c", DYING))
    card = "3104870512345678"
    with server.client() as client:
        response = client.post("/v1/taps", json=make_tap("FHY-A-01", "entry", card, TIME))
    check(response, 503, "ledger-unavailable")
    assert response.headers["retry-after"]
    assert server.process.wait(60) == 1
    log = server.log_path.read_text("utf-8")
    assert "engine_died" in log
    assert card not in log


def test_no_card_and_no_key_is_logged(make_server: Callable[..., ServerProcess]) -> None:
    server = make_server(FARE_LOG_LEVEL="debug", FARE_LOG_FORMAT="json")
    card = new_card()
    tap = make_tap("FHY-A-01", "entry", card, TIME)
    with server.client() as client:
        client.post("/v1/taps", json=tap)
        client.post("/v1/taps", json=tap | {"gate_id": card})
        client.post("/v1/taps", content=f'{{"{card}"'.encode())
        client.get(f"/v1/{card}")
    server.stop()
    log = server.log_path.read_text("utf-8")
    assert "listening" in log
    assert card not in log
    assert server.gate_key not in log
    assert server.admin_key not in log
