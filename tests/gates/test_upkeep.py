"""Upkeep by itself, over virtual time and a client that answers at once."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from fare_engine.network import Direction
from gates.breaker import Breaker
from gates.client.asynchronous import AsyncEngineClient
from gates.client.messages import Decision, Heartbeat, HeartbeatAnswer, Problem, TapMessage
from gates.controller import Controller, Passage
from gates.errors import AnswerUnreadable, Busy, GatesError, Unreachable
from gates.outbox import Outbox
from gates.reading import Card, MediumReader
from gates.station_file import StationFile
from gates.upkeep import AGAIN_AFTER_S, HEARTBEAT_EVERY_S, RETRY_AFTER_MAX_S, Upkeep
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


class FailingEngine(Engine):
    """Fails what is uploaded, one error after the other, and says when and how much came."""

    def __init__(self, failures: list[GatesError], loop: VirtualLoop) -> None:
        super().__init__()
        self.failures = failures
        self.problem = None
        self.sent_at_s: list[float] = []
        self.sizes: list[int] = []
        self._loop = loop

    async def check_ready(self, deadline_s: float | None = None) -> None:
        pass

    async def upload(
        self, taps: Sequence[TapMessage], deadline_s: float | None = None
    ) -> list[Decision | Problem]:
        self.sent_at_s.append(self._loop.time())
        self.sizes.append(len(taps))
        if self.failures:
            raise self.failures.pop(0)
        return await super().upload(taps, deadline_s)


def send_backlog(path: Path, failures: list[GatesError], count: int) -> FailingEngine:
    """What an engine got of a backlog of so many taps, until all of it was taken or quarantined."""
    engines: list[FailingEngine] = []

    async def work(loop: VirtualLoop) -> None:
        engines.append(FailingEngine(failures, loop))
        engine = engines[0]
        with StationFile(path) as file:
            controller = Controller(
                "FHY", file, engine, MediumReader(bytes(32)), Breaker(loop.time)
            )
            for number in range(count):
                card = Card("tianfutong", f"{number:016}")
                await controller.present("FHY-A-01", Direction.ENTRY, card, Gate())
            controller.breaker.reached()
            upkeep = Upkeep(controller, engine, "FHY-1", clock_s=loop.time)
            running = loop.create_task(upkeep.run())
            await upkeep.empty.wait()
            assert controller.outbox.list_quarantined(10) == []
            running.cancel()

    run_virtually(work)
    return engines[0]


def test_a_busy_engine_gets_the_backlog_no_sooner_than_it_says(tmp_path: Path) -> None:
    for said_s, waited_s in ((30.0, 30.0), (1e9, RETRY_AFTER_MAX_S), (0.0, AGAIN_AFTER_S)):
        engine = send_backlog(tmp_path / f"{said_s}", [Busy("429", said_s)], 1)
        first_s, second_s = engine.sent_at_s
        assert second_s - first_s >= waited_s
        assert second_s - first_s <= waited_s + HEARTBEAT_EVERY_S


def test_a_batch_whose_connection_breaks_is_sent_in_smaller_ones(tmp_path: Path) -> None:
    engine = send_backlog(tmp_path, [Unreachable("reset"), Unreachable("reset")], 8)
    assert engine.sizes[:3] == [8, 4, 2]
    assert len(engine.uploaded) == 8


def test_what_a_proxy_says_quarantines_no_tap(tmp_path: Path) -> None:
    engine = send_backlog(tmp_path, [AnswerUnreadable("404 unknown")], 3)
    assert engine.sizes == [3, 3]
