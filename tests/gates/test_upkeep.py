"""Upkeep by itself, over virtual time and a client that answers at once."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from fare_engine.network import Direction
from gates.breaker import Breaker
from gates.client.asynchronous import AsyncEngineClient
from gates.client.messages import Decision, Heartbeat, HeartbeatAnswer, Problem, TapMessage
from gates.controller import Controller, Passage
from gates.errors import Unreachable
from gates.outbox import Outbox
from gates.reading import Card, MediumReader
from gates.station_file import StationFile
from gates.upkeep import HEARTBEAT_EVERY_S, Upkeep
from simulator.deterministic.virtual_time import VirtualLoop, run_virtually


class Engine(AsyncEngineClient):
    """Answers no single tap, and at first refuses what is uploaded."""

    def __init__(self) -> None:
        super().__init__("http://engine", "key")
        self.uploaded: list[str] = []
        self.problem: Problem | None = Problem("/problems/tap-conflict", 409)

    async def decide(self, tap: TapMessage, deadline_s: float | None = None) -> Decision:
        raise Unreachable("the connection is cut")

    async def upload(
        self, taps: Sequence[TapMessage], deadline_s: float | None = None
    ) -> list[Decision | Problem]:
        self.uploaded += [tap.tap_id for tap in taps]
        return [self.problem or _enter(tap) for tap in taps]

    async def fetch_parameters(
        self, controller_id: str, known_version: str | None, deadline_s: float | None = None
    ) -> None:
        return None

    async def send_heartbeat(
        self, controller_id: str, heartbeat: Heartbeat, deadline_s: float | None = None
    ) -> HeartbeatAnswer:
        return HeartbeatAnswer("2021-11-24T08:00:00.000+08:00", "")


def _enter(tap: TapMessage) -> Decision:
    return Decision(
        tap.tap_id, "entered", "entry_opened", "open", 0, 0, "CNY", None, None, 1, "2021-11-24"
    )


class Gate:
    """A barrier without a machine."""

    def act(self, passage: Passage) -> None:
        pass


def test_taps_that_an_operator_releases_are_sent_though_nothing_waited(tmp_path: Path) -> None:
    engine = Engine()

    async def work(loop: VirtualLoop) -> None:
        with StationFile(tmp_path) as file:
            reader = MediumReader(bytes(32))
            controller = Controller("FHY", file, engine, reader, Breaker(loop.time))
            upkeep = Upkeep(controller, engine, "FHY-1", clock_s=loop.time)
            running = loop.create_task(upkeep.run())
            await upkeep.empty.wait()
            card = Card("tianfutong", "1234567890123456")
            passage = await controller.present("FHY-A-01", Direction.ENTRY, card, Gate())
            await upkeep.empty.wait()
            await asyncio.sleep(1.1 * HEARTBEAT_EVERY_S)
            assert engine.uploaded == [passage.tap_id]  # and quarantined
            engine.problem = None
            Outbox(file).release()
            await asyncio.sleep(1.1 * HEARTBEAT_EVERY_S)
            assert engine.uploaded == [passage.tap_id, passage.tap_id]
            running.cancel()

    run_virtually(work)
