"""Bursts of taps, for which a second process writes: its answers, and what a kill leaves of it."""

import os
import signal
from collections.abc import Callable
from typing import Any, Final

import httpx2

from api.times import format_ms
from tests.server_process import ServerProcess, new_number

TAPS: Final = 1_000
BURSTS_MAX: Final = 200
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
    server: ServerProcess, client: httpx2.Client, scribes: int = 1
) -> tuple[list[Any], list[Any]]:
    """Bursts until so many scribes have started, and one more; with their answers."""
    taps, answers = [], []
    for _ in range(BURSTS_MAX):
        has_scribe = read_log(server).count("scribe_started") >= scribes
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
    server = make_server(FARE_BURST_PROCESS="0")
    with server.client() as client:
        for _ in range(3):
            assert {answer["outcome"] for answer in send(client, make_burst(server))} == {
                "entered",
                "waived",
            }
    assert "scribe" not in read_log(server)


def test_a_server_cut_off_in_a_burst_comes_back_with_all_that_it_answered(
    make_server: Callable[..., ServerProcess],
) -> None:
    server = make_server()
    taps: list[Any] = []
    answers: list[Any] = []
    for life in range(3):
        with server.client() as client:
            sent, told = send_until_written_beside(server, client, life + 1)
        taps, answers = [*taps, *sent], [*answers, *told]
        server.kill()
        server.restart()  # at once: it waits for what still writes
    with server.client() as client:
        assert [send(client, burst) for burst in taps] == answers


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
