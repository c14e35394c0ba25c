"""Many at once: parallel exits for one entry, and one tap sent by many."""

import asyncio
from collections import Counter
from typing import Any

import httpx2

from tests.server_process import ServerProcess, make_tap, new_card

AT_ONCE = 16


def _post_all(server: ServerProcess, taps: list[dict[str, Any]]) -> list[httpx2.Response]:
    """Send all of them at the same time, each over a connection of its own."""

    async def post_all() -> list[httpx2.Response]:
        headers = {"Authorization": f"Bearer {server.gate_key}"}
        async with httpx2.AsyncClient(
            base_url=server.url, headers=headers, timeout=30, trust_env=False
        ) as client:
            return await asyncio.gather(*[client.post("/v1/taps", json=tap) for tap in taps])

    return asyncio.run(post_all())


def test_of_sixteen_parallel_exits_for_one_entry_exactly_one_is_waived(
    server: ServerProcess,
) -> None:
    for _ in range(5):
        card = new_card()
        at = "2025-03-03T08:{}:00.000+08:00"
        entry = make_tap(server.gate("entry"), "entry", card, at.format("10"))
        assert _post_all(server, [entry])[0].json()["outcome"] == "entered"
        exits = [
            make_tap(server.gate("exit"), "exit", card, at.format("12")) for _ in range(AT_ONCE)
        ]
        answers = [answer.json() for answer in _post_all(server, exits)]
        reasons = Counter(answer["reason"] for answer in answers)
        assert reasons == {
            "same_station_within_window": 1,
            "exit_repeated": 1,
            "no_open_entry": AT_ONCE - 2,
        }
        assert sum(answer["fare_waived"] for answer in answers) == 180
        assert sum(answer["fare"] for answer in answers) == 0


def test_the_same_tap_sent_sixteen_times_at_once_has_one_answer(server: ServerProcess) -> None:
    for _ in range(5):
        at = "2025-03-03T09:00:00.000+08:00"
        tap = make_tap(server.gate("entry"), "entry", new_card(), at)
        answers = _post_all(server, [tap] * AT_ONCE)
        assert {answer.status_code for answer in answers} == {200}
        assert len({answer.text for answer in answers}) == 1
        replayed = ["Idempotent-Replayed" in answer.headers for answer in answers]
        assert replayed.count(False) == 1
