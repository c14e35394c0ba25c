"""A real engine and a real controller, and a connection between them that breaks in every way."""

import asyncio
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import pytest

from fare_engine.network import Direction
from gates.breaker import FAILURES_MAX, Breaker, State
from gates.controller import Passage
from gates.reading import Card
from gates.station import Station, StationSettings, open_station
from gates.times import format_ms, now_ms
from tests.gates.proxy import DROP, FAULTS, PASS, Proxy
from tests.gates.station_process import StationProcess
from tests.server_process import ServerProcess, make_tap, new_card

pytestmark = pytest.mark.slow

GATES: Final = {Direction.ENTRY: ("FHY-A-01", "FHY-C-01"), Direction.EXIT: ("FHY-A-02", "FHY-C-02")}
DEADLINE_S: Final = 0.1
RECONNECT_MAX_S: Final = 120.0
PATIENT_S: Final = 10.0
"""For calls that the engine has to answer, however slow the machine is."""


class Gate:
    """A barrier that keeps its passages."""

    def __init__(self) -> None:
        self.passages: list[Passage] = []

    def act(self, passage: Passage) -> None:
        self.passages.append(passage)


class Crowd:
    """Passengers who walk in and out with cards of their own."""

    def __init__(self, station: Station, seed: int) -> None:
        self._station = station
        self._chance = random.Random(seed)
        self._inside: list[str] = []
        self.cards: list[str] = []
        self.gate = Gate()

    async def tap(self) -> Passage:
        """One of them taps."""
        chance = self._chance
        if self._inside and chance.random() < 0.5:
            card, direction = self._inside.pop(chance.randrange(len(self._inside))), Direction.EXIT
        else:
            card, direction = new_card(), Direction.ENTRY
            self.cards.append(card)
            self._inside.append(card)
        return await self.present(card, direction)

    async def present(self, card: str, direction: Direction) -> Passage:
        """A card at one of the gates of a direction."""
        gate_id = self._chance.choice(GATES[direction])
        controller = self._station.controller
        return await controller.present(gate_id, direction, Card("tianfutong", card), self.gate)


@pytest.fixture
def proxy(server: ServerProcess) -> Iterator[Proxy]:
    with Proxy(server.port) as made:
        yield made


@asynccontextmanager
async def working(
    server: ServerProcess,
    proxy: Proxy,
    data_dir: Path,
    *,
    has_parameters: bool = True,
    deadline_s: float = DEADLINE_S,
) -> AsyncIterator[Station]:
    """The controller of 孵化园, asking through the proxy."""
    process = StationProcess(server, data_dir)
    if has_parameters:
        process.store_parameters()
    token_key = bytes.fromhex((server.data_dir / "token.key").read_text())
    settings = StationSettings(
        "FHY", "FHY-1", proxy.url, data_dir, server.gate_key, token_key, deadline_s
    )
    async with open_station(settings) as station:
        if proxy.mode == PASS:
            await station.upkeep.empty.wait()
        yield station


def is_closed(breaker: Breaker) -> bool:
    """Whether the engine is asked about every tap."""
    return breaker.state is State.CLOSED


async def reconnect(proxy: Proxy, station: Station) -> None:
    """Restore the connection, and wait until the backlog is sent."""
    proxy.cut(PASS)
    async with asyncio.timeout(RECONNECT_MAX_S):
        await station.upkeep.empty.wait()


def ask(server: ServerProcess, passages: list[Passage]) -> list[dict[str, Any]]:
    """These taps as the engine has them."""
    with server.client() as client:
        return [client.get(f"/v1/taps/{passage.tap_id}").json() for passage in passages]


def assert_arrived(server: ServerProcess, crowd: Crowd) -> None:
    """Every tap once, decided as the gate decided, with what the gate did where it was alone."""
    passages = crowd.gate.passages
    make_token = StationProcess(server, Path()).make_token
    arrived = [
        tap_id
        for card in crowd.cards
        for tap_id in server.list_tap_ids(make_token("tianfutong", card))
    ]
    assert sorted(arrived) == sorted(str(passage.tap_id) for passage in passages)
    for passage, tap in zip(passages, ask(server, passages), strict=True):
        assert tap["reason"] == passage.reason, passage
        assert (tap["gate_action"] == "open", tap["fare"]) == (passage.opens, passage.fare)
        assert tap["conflicts"] == 0
        if passage.alone:
            assert tap["report"]["gate_action_taken"] == "open"
            assert tap["report"]["fare_taken"] == passage.fare


@pytest.mark.parametrize("fault", FAULTS)
def test_a_cut_in_mid_traffic_loses_nothing(
    server: ServerProcess, proxy: Proxy, tmp_path: Path, fault: str
) -> None:
    async def run() -> None:
        async with working(server, proxy, tmp_path) as station:
            crowd = Crowd(station, seed=FAULTS.index(fault))
            for mode, taps in ((PASS, 6), (fault, 10), (PASS, 4)):
                proxy.cut(mode)
                for _ in range(taps):
                    await crowd.tap()
            alone = [passage.alone for passage in crowd.gate.passages]
            assert all(alone[6:16])
            await reconnect(proxy, station)
            assert_arrived(server, crowd)

    asyncio.run(run())


@pytest.mark.parametrize("seed", range(3))
def test_lanes_at_work_through_faults_at_random(
    server: ServerProcess, proxy: Proxy, tmp_path: Path, seed: int
) -> None:
    async def lane(station: Station, crowd: Crowd, chance: random.Random) -> None:
        for _ in range(10):
            if chance.random() < 0.3:
                proxy.cut(chance.choice((PASS, PASS, *FAULTS)))
            await crowd.tap()

    async def run() -> None:
        chance = random.Random(seed)
        async with working(server, proxy, tmp_path) as station:
            crowds = [Crowd(station, seed * 10 + number) for number in range(4)]
            await asyncio.gather(*(lane(station, crowd, chance) for crowd in crowds))
            await reconnect(proxy, station)
            for crowd in crowds:
                assert_arrived(server, crowd)

    asyncio.run(run())


def test_an_entry_decided_alone_and_an_exit_decided_by_the_engine_are_paired(
    server: ServerProcess, proxy: Proxy, tmp_path: Path
) -> None:
    """The entry waits in the outbox when the engine is asked about the exit: both are sent."""

    async def run() -> None:
        async with working(server, proxy, tmp_path, deadline_s=PATIENT_S) as station:
            crowd = Crowd(station, seed=1)
            card = new_card()
            crowd.cards.append(card)
            station.task.cancel()  # nothing is sent in between
            breaker = station.controller.breaker
            for _ in range(FAILURES_MAX):
                breaker.failed()
            assert (await crowd.present(card, Direction.ENTRY)).alone
            breaker.reached()
            leaving = await crowd.present(card, Direction.EXIT)
            assert (leaving.alone, leaving.reason) == (False, "same_station_within_window")
            assert_arrived(server, crowd)
            assert station.controller.outbox.count().waiting == 0

    asyncio.run(run())


def test_an_exit_whose_entry_only_the_engine_knows_opens_and_is_settled_later(
    server: ServerProcess, proxy: Proxy, tmp_path: Path
) -> None:
    async def run() -> None:
        card = new_card()
        elsewhere = server.gate("entry", station=server.other_station["station_id"])
        async with working(server, proxy, tmp_path) as station:
            _enter(server, elsewhere, card)
            proxy.cut(DROP)
            crowd = Crowd(station, seed=1)
            passage = await crowd.present(card, Direction.EXIT)
            assert (passage.opens, passage.fare, passage.alone) == (True, 0, True)
            await reconnect(proxy, station)
            (tap,) = ask(server, [passage])
            assert tap["reason"] == "different_station"
            assert tap["fare"] > 0
            assert tap["report"]["fare_taken"] == 0

    asyncio.run(run())


def test_the_passenger_did_not_pass_at_a_tap_decided_alone(
    server: ServerProcess, proxy: Proxy, tmp_path: Path
) -> None:
    async def run() -> None:
        async with working(server, proxy, tmp_path) as station:
            crowd = Crowd(station, seed=1)
            card = new_card()
            proxy.cut(DROP)
            first = await crowd.present(card, Direction.ENTRY)
            assert first.tap_id is not None
            station.controller.report(first.tap_id, passed=False, cause="turned back")
            leaving = await crowd.present(card, Direction.EXIT)
            assert leaving.reason == "no_open_entry", "the entry never happened"
            await reconnect(proxy, station)
            entry, exit_ = ask(server, [first, leaving])
            assert (entry["report"]["passed"], entry["conflicts"]) == (False, 0)
            assert exit_["reason"] == "same_station_within_window", "it arrived before the report"

    asyncio.run(run())


def test_only_a_few_passengers_wait_for_an_engine_that_is_gone(
    server: ServerProcess, proxy: Proxy, tmp_path: Path
) -> None:
    async def run() -> None:
        async with working(server, proxy, tmp_path) as station:
            crowd = Crowd(station, seed=1)
            await crowd.tap()
            asked = 0
            proxy.cut(DROP)
            breaker = station.controller.breaker
            while is_closed(breaker):
                asked += (await crowd.tap()).alone
            assert asked <= FAILURES_MAX
            await reconnect(proxy, station)
            while not is_closed(breaker):
                await crowd.tap()

    asyncio.run(run())


def test_a_station_that_never_received_parameters_opens_for_everyone(
    server: ServerProcess, proxy: Proxy, tmp_path: Path
) -> None:
    async def run() -> None:
        proxy.cut(DROP)
        async with working(server, proxy, tmp_path, has_parameters=False) as station:
            crowd = Crowd(station, seed=1)
            card = new_card()
            for direction in Direction:
                passage = await crowd.present(card, direction)
                assert (passage.opens, passage.reason) == (True, "rules_unknown")
            await reconnect(proxy, station)
            reasons = [tap["reason"] for tap in ask(server, crowd.gate.passages)]
            assert reasons == ["entry_opened", "same_station_within_window"]

    asyncio.run(run())


def _enter(server: ServerProcess, gate_id: str, card: str) -> None:
    tap = make_tap(gate_id, "entry", card, format_ms(now_ms()))
    with server.client() as client:
        assert client.post("/v1/taps", json=tap).status_code == 200
