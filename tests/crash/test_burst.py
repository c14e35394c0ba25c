"""Bursts of taps, for which a second process writes: its answers, and what a kill leaves of it."""

import asyncio
import os
import signal
import sqlite3
from collections.abc import Callable
from contextlib import closing
from typing import Any, Final

import httpx2

from api.times import format_ms
from tests.server_process import ServerProcess, new_number

TAPS: Final = 1_000
BURSTS_MAX: Final = 200
CONNECTIONS: Final = 4
ANSWERS_A_LIFE: Final = 8
LIVES: Final = 3
_AT_MS: Final = 1_637_726_400_000


def make_burst(server: ServerProcess) -> list[dict[str, Any]]:
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


def read_log(server: ServerProcess) -> str:
    return server.log_path.read_text("utf-8")


def send_until_written_beside(
    server: ServerProcess, client: httpx2.Client
) -> tuple[list[Any], list[Any]]:
    """Bursts until the scribe has started, and one more; with their answers."""
    taps, answers = [], []
    for _ in range(BURSTS_MAX):
        has_scribe = "scribe_started" in read_log(server)
        burst = make_burst(server)
        taps.append(burst)
        answers.append(send(client, burst))
        if has_scribe:
            return taps, answers
    raise AssertionError(read_log(server))


def test_a_burst_is_answered_as_each_of_its_taps_is_alone(
    make_server: Callable[..., ServerProcess],
) -> None:
    server = make_server()
    with server.client() as client:
        taps, answers = send_until_written_beside(server, client)
        assert {answer["outcome"] for answer in answers[-1]} == {"entered", "waived"}
        assert [send(client, burst) for burst in taps] == answers
        for tap, answer in list(zip(taps[-1], answers[-1], strict=True))[:20]:
            assert client.post("/v1/taps", json=tap).json() == answer


def test_without_a_second_process_bursts_are_answered_too(
    make_server: Callable[..., ServerProcess],
) -> None:
    server = make_server(FARE_BURST_PROCESS="never")
    with server.client() as client:
        for _ in range(3):
            assert {answer["outcome"] for answer in send(client, make_burst(server))} == {
                "entered",
                "waived",
            }
    assert "scribe" not in read_log(server)


async def send_until_cut_off(server: ServerProcess, life: int, answered: list[Any]) -> list[Any]:
    """Bursts over several connections at once; kill the server while its scribe works for them."""
    headers = {"Authorization": f"Bearer {server.gate_key}"}
    enough = asyncio.Event()
    sent: list[Any] = []
    answers_beside = 0

    async with httpx2.AsyncClient(
        base_url=server.url, headers=headers, timeout=60, trust_env=False
    ) as client:

        async def send_bursts() -> None:
            nonlocal answers_beside
            while True:
                assert len(sent) < BURSTS_MAX, read_log(server)
                has_scribe = read_log(server).count("scribe_started") >= life
                burst = make_burst(server)
                sent.append(burst)
                try:
                    response = await client.post("/v1/taps/batch", json={"taps": burst})
                except httpx2.TransportError:
                    return
                assert response.status_code == 200, response.text
                answered.append((burst, response.json()["results"]))
                answers_beside += has_scribe
                if answers_beside >= ANSWERS_A_LIFE:
                    enough.set()

        async with asyncio.TaskGroup() as connections:
            for _ in range(CONNECTIONS):
                connections.create_task(send_bursts())
            await enough.wait()
            server.process.kill()
    server.kill()
    return sent


def test_a_server_cut_off_in_a_burst_comes_back_with_all_that_it_answered(
    make_server: Callable[..., ServerProcess],
) -> None:
    server = make_server(FARE_BURST_PROCESS="always")
    answered: list[Any] = []
    sent: list[Any] = []
    for life in range(1, LIVES + 1):
        sent += asyncio.run(send_until_cut_off(server, life, answered))
        server.restart()  # at once: it waits for what still writes
    with server.client() as client:
        for burst, answers in answered:
            assert send(client, burst) == answers
        for burst in sent:  # of the others all or nothing was stored; now every tap is
            assert len({answer["tap_id"] for answer in send(client, burst)}) == TAPS
    server.stop()
    with closing(sqlite3.connect(server.data_dir / "ledger.sqlite3")) as ledger:
        rows, taps = ledger.execute("SELECT count(*), count(DISTINCT tap_id) FROM taps").fetchone()
        assert rows == taps == len(sent) * TAPS
    server.restart()


def test_a_second_process_that_is_cut_off_is_missed_by_nobody(
    make_server: Callable[..., ServerProcess],
) -> None:
    server = make_server()
    with server.client() as client:
        taps, answers = send_until_written_beside(server, client)
        os.kill(find_scribe(server), signal.SIGKILL)
        for _ in range(3):
            burst = make_burst(server)
            taps.append(burst)
            answers.append(send(client, burst))
        assert [send(client, burst) for burst in taps] == answers
        assert client.get("/readyz").status_code == 200
    assert "scribe_ended" in read_log(server)


def find_scribe(server: ServerProcess) -> int:
    """The process that the server said it started."""
    (line,) = [line for line in read_log(server).splitlines() if "scribe_started" in line]
    return int(line.rpartition("pid=")[2])
