"""Ten thousand taps decided by the real engine come to what their passengers must meet."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fare_engine.decision import Reason
from fare_engine.engine import Engine
from fare_engine.replay.engines import open_in_place
from gates.media import TokenMaker
from simulator.delivery.checking import Check
from simulator.delivery.exchanges import Exchanges
from simulator.delivery.in_process import InProcess
from simulator.world.chengdu import make_metro, make_network
from simulator.world.directory import make_directory
from simulator.world.plan import AGAIN, TURNED_BACK
from simulator.world.presenting import Presenter
from simulator.world.sizes import make_crowd
from simulator.world.times import Day
from simulator.world.world import World

METRO = make_metro()
WORLD = make_crowd(METRO, 42, 3_200)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    directory, _ = make_directory(tmp_path / "data", make_network(), Day().midnight_ms)
    with open_in_place(directory) as engine:
        yield engine


def _decide(engine: Engine, world: World, kept_max: int = 0) -> tuple[Check, InProcess]:
    presenter = Presenter(METRO, 0)
    check = Check(presenter, blocks=True)
    delivery = InProcess(engine, TokenMaker(bytes(32)).token, presenter, check, Exchanges(kept_max))
    delivery.decide(world, lambda _: None)
    return check, delivery


def test_every_tap_of_every_intention_is_answered_as_it_must_be(engine: Engine) -> None:
    check, delivery = _decide(engine, WORLD)
    assert (check.wrong.examples, delivery.errors.examples) == ([], [])
    assert check.taps == len(WORLD)
    rows = check.list_intentions()
    assert {row["intention"]: row["taps"] for row in rows} == WORLD.count_kinds()
    assert all(row["as_intended"] == row["taps"] for row in rows)
    assert check.fare > 0
    assert check.fare_waived > 0


def test_all_that_was_sent_and_answered_is_kept_for_an_auditor_in_order(engine: Engine) -> None:
    world = WORLD.cut(3_000)
    check, delivery = _decide(engine, world, kept_max=5_000)
    exchanges = list(delivery.exchanges)
    again = sum(bool(tap.flags & flag) for tap in world.taps() for flag in (AGAIN, TURNED_BACK))
    assert check.again == again > 10
    assert len(exchanges) == len(world) + again
    times = [exchange.sent_at_ms for exchange in exchanges]
    assert times == sorted(times)
    for exchange in exchanges:
        tap_id = exchange.answer["tap_id"]
        assert exchange.body.get("tap_id", tap_id) == tap_id
        assert exchange.path in ("/v1/taps", f"/v1/taps/{tap_id}/report")
    assert sum(exchange.path.endswith("/report") for exchange in exchanges) > 3


def test_an_answer_that_is_not_as_it_must_be_is_reported_with_its_tap(engine: Engine) -> None:
    world = WORLD.cut(2_000)
    waived, other = Reason.SAME_STATION_WITHIN_WINDOW, Reason.DIFFERENT_STATION
    crossings = world.expected == int(waived)
    expected = np.where(crossings, int(other), world.expected).astype(np.uint8)
    check, _ = _decide(engine, replace(world, expected=expected))
    assert check.wrong.count == int(crossings.sum()) > 20
    assert (
        "answered same_station_within_window, intended different_station"
        in (check.wrong.examples[0])
    )
    assert len(check.wrong.examples) == 20


def test_no_more_is_kept_than_there_is_room_for(engine: Engine) -> None:
    _, delivery = _decide(engine, WORLD.cut(100), kept_max=30)
    assert len(list(delivery.exchanges)) == delivery.exchanges.kept == 30
    assert delivery.exchanges.count >= 100
