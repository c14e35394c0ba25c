"""A server cut off under load, again and again: nothing it acknowledged is lost or changed."""

import asyncio
import random
from collections.abc import Callable, Iterator
from typing import Any

import httpx2
import pytest

from tests.server_process import ServerProcess, make_tap, new_card

KILLS = 10
PASSENGERS = 24
KILL_AFTER_ANSWERS = 120


class Crowd:
    """Passengers who cross, each tapping again until answered; and what each was answered."""

    def __init__(self, server: ServerProcess, seed: int) -> None:
        self._server = server
        self._chance = random.Random(seed)
        self._answered = 0
        self.taps: dict[str, dict[str, Any]] = {}
        self.acknowledged: dict[str, dict[str, Any]] = {}
        self.enough = asyncio.Event()

    async def walk(self, client: httpx2.AsyncClient) -> None:
        """Cross with one card after the other until the server is gone."""
        while True:
            card = new_card()
            second = self._chance.randrange(60)
            for direction, minute in (("entry", 10), ("exit", 20), ("exit", 40)):
                at = f"2025-03-03T08:{minute}:{second:02}.000+08:00"
                gate_id = self._server.gate(direction, designated=self._chance.random() < 0.7)
                if not await self._send(client, make_tap(gate_id, direction, card, at)):
                    return

    async def _send(self, client: httpx2.AsyncClient, tap: dict[str, Any]) -> bool:
        self.taps[tap["tap_id"]] = tap
        try:
            answer = await client.post("/v1/taps", json=tap)
        except httpx2.TransportError:
            return False
        if answer.status_code != 200:
            return False
        self.acknowledged[tap["tap_id"]] = answer.json()
        self._answered += 1
        if self._answered % KILL_AFTER_ANSWERS == 0:
            self.enough.set()
        return True


async def _load_until_killed(server: ServerProcess, crowd: Crowd) -> None:
    crowd.enough = asyncio.Event()
    headers = {"Authorization": f"Bearer {server.gate_key}"}
    async with httpx2.AsyncClient(
        base_url=server.url, headers=headers, timeout=30, trust_env=False
    ) as client:
        walkers = [asyncio.create_task(crowd.walk(client)) for _ in range(PASSENGERS)]
        await crowd.enough.wait()
        server.kill()
        await asyncio.gather(*walkers)


@pytest.mark.parametrize("inline_taps_max", ["128", "0"], ids=["in the loop", "in a thread"])
def test_every_acknowledged_decision_survives_every_kill_unchanged(
    make_server: Callable[..., ServerProcess], inline_taps_max: str
) -> None:
    server = make_server(FARE_COMMIT_INLINE_TAPS_MAX=inline_taps_max)
    crowd = Crowd(server, seed=7)
    for _ in range(KILLS // 2):
        asyncio.run(_load_until_killed(server, crowd))
        server.restart()
        with server.client() as client:
            _assert_unchanged(client, crowd)
    assert len(crowd.acknowledged) >= KILLS // 2 * KILL_AFTER_ANSWERS


def _assert_unchanged(client: httpx2.Client, crowd: Crowd) -> None:
    """Every tap is asked again; the acknowledged ones are answered as before, all consistently."""
    consumed: dict[str, str] = {}
    for tap, decision in zip(crowd.taps.values(), _ask_again(client, crowd), strict=True):
        tap_id = tap["tap_id"]
        assert "problem" not in decision, decision
        if tap_id in crowd.acknowledged:
            assert decision == crowd.acknowledged[tap_id]
        crowd.acknowledged[tap_id] = decision
        if tap["direction"] == "exit" and decision["journey"]:
            entry = decision["journey"]["entry_tap_id"]
            assert consumed.setdefault(entry, tap_id) == tap_id, "an entry consumed twice"


def _ask_again(client: httpx2.Client, crowd: Crowd) -> Iterator[dict[str, Any]]:
    taps = list(crowd.taps.values())
    for place in range(0, len(taps), 500):
        answer = client.post("/v1/taps/batch", json={"taps": taps[place : place + 500]})
        assert answer.status_code == 200, answer.text
        yield from answer.json()["results"]
