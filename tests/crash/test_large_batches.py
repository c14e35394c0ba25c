"""Batches of 1,000 taps, which the ledger's thread commits: their answers, and kills among them."""

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import closing
from typing import Any, Final

import httpx2
import pytest

from api.contract.times import format_ms
from tests.server_process import ServerProcess, new_number

pytestmark = pytest.mark.slow

TAPS: Final = 1_000
BATCHES_MAX: Final = 200
CONNECTIONS: Final = 4
ANSWERS_A_LIFE: Final = 8
LIVES: Final = 3
_AT_MS: Final = 1_637_726_400_000


def make_batch(server: ServerProcess) -> list[dict[str, Any]]:
    """What an outbox uploads: passengers who cross, each by a token."""
    taps = []
    for _ in range(TAPS // 2):
        token = f"{new_number():032x}"
        for direction, after_ms in (("entry", 0), ("exit", 5 * 60_000)):
            gate_id, number = server.gate(direction), new_number()
            taps.append(
                {
                    "tap_id": f"{gate_id}.20211124.{number:012}",
                    "gate_id": gate_id,
                    "direction": direction,
                    "medium": {"type": "tianfutong", "token": token},
                    "occurred_at": format_ms(_AT_MS + after_ms, "Asia/Shanghai"),
                }
            )
    return taps


def send(client: httpx2.Client, taps: list[dict[str, Any]]) -> list[dict[str, Any]]:
    response = client.post("/v1/taps/batch", json={"taps": taps})
    assert response.status_code == 200, response.text
    results: list[dict[str, Any]] = response.json()["results"]
    return results


def test_a_large_batch_is_answered_as_each_of_its_taps_is_alone(
    make_server: Callable[..., ServerProcess],
) -> None:
    server = make_server()
    with server.client() as client:
        batches = [make_batch(server) for _ in range(3)]
        answers = [send(client, batch) for batch in batches]
        assert {answer["outcome"] for answer in answers[-1]} == {"entered", "waived"}
        assert [send(client, batch) for batch in batches] == answers
        for tap, answer in list(zip(batches[-1], answers[-1], strict=True))[:20]:
            assert client.post("/v1/taps", json=tap).json() == answer


async def send_until_killed(server: ServerProcess, answered: list[Any]) -> list[Any]:
    """Batches over several connections at once; kill the server while it works for them."""
    headers = {"Authorization": f"Bearer {server.gate_key}"}
    enough = asyncio.Event()
    sent: list[Any] = []
    answers = 0

    async with httpx2.AsyncClient(
        base_url=server.url, headers=headers, timeout=60, trust_env=False
    ) as client:

        async def send_batches() -> None:
            nonlocal answers
            while True:
                assert len(sent) < BATCHES_MAX
                batch = make_batch(server)
                sent.append(batch)
                try:
                    response = await client.post("/v1/taps/batch", json={"taps": batch})
                except httpx2.TransportError:
                    return
                assert response.status_code == 200, response.text
                answered.append((batch, response.json()["results"]))
                answers += 1
                if answers >= ANSWERS_A_LIFE:
                    enough.set()

        async with asyncio.TaskGroup() as connections:
            for _ in range(CONNECTIONS):
                connections.create_task(send_batches())
            await enough.wait()
            server.process.kill()
    server.kill()
    return sent


def test_a_server_killed_among_large_batches_comes_back_with_all_that_it_answered(
    make_server: Callable[..., ServerProcess],
) -> None:
    server = make_server()
    answered: list[Any] = []
    sent: list[Any] = []
    for _ in range(LIVES):
        sent += asyncio.run(send_until_killed(server, answered))
        server.restart()
    with server.client() as client:
        for batch, answers in answered:
            assert send(client, batch) == answers
        for batch in sent:  # of the others all or nothing was stored; now every tap is
            assert len({answer["tap_id"] for answer in send(client, batch)}) == TAPS
    server.stop()
    with closing(sqlite3.connect(server.data_dir / "ledger.sqlite3")) as ledger:
        rows, taps = ledger.execute("SELECT count(*), count(DISTINCT tap_id) FROM taps").fetchone()
        assert rows == taps == len(sent) * TAPS
    server.restart()
