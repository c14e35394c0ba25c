"""Taps become requests that keep each passenger's order in all batches."""

from collections import defaultdict
from itertools import pairwise

import msgspec
import pytest

from simulator.delivery.pacing import Due
from simulator.delivery.requests import Controllers, Kind, Sending, make_requests
from simulator.world.chengdu import make_metro
from simulator.world.plan import AGAIN, TURNED_BACK
from simulator.world.presenting import Presenter
from simulator.world.sizes import make_taps
from simulator.world.world import WorldTap

METRO = make_metro()
WORLD = make_taps(METRO, 3, 3_000)
PRESENTER = Presenter(METRO, run="a-run")


def _requests(controllers: Controllers) -> list[Due[Sending]]:
    timetable = ((number / 100, tap) for number, tap in enumerate(WORLD.taps()))
    return list(make_requests(timetable, PRESENTER, "a key", controllers))


@pytest.mark.parametrize(
    "controllers", [Controllers(4), Controllers(4, 50, 4), Controllers(4, 50, 2)]
)
def test_every_tap_is_sent_once_on_its_passengers_connection_in_order(
    controllers: Controllers,
) -> None:
    requests = _requests(controllers)
    assert all(before.at_s <= after.at_s for before, after in pairwise(requests))
    sent: dict[tuple[int, int], list[WorldTap]] = defaultdict(list)
    for due in requests:
        if due.what.kind in (Kind.TAP, Kind.BATCH):
            for tap in due.what.taps:
                if tap not in sent[tap.passenger, due.lane]:
                    sent[tap.passenger, due.lane].append(tap)
    assert sum(map(len, sent.values())) == len(WORLD)
    assert len({passenger for passenger, _ in sent}) == len(sent)
    for taps in sent.values():
        assert taps == sorted(taps)


def test_a_batch_is_full_but_where_a_report_must_follow_and_at_the_end() -> None:
    requests = _requests(Controllers(4, 50, 4))
    batches = [due for due in requests if due.what.kind is Kind.BATCH]
    assert {due.what.kind for due in requests} == {Kind.BATCH, Kind.REPORT}
    assert max(len(due.what.taps) for due in batches) == 50
    short = [due for due in batches[:-4] if len(due.what.taps) < 50]
    assert all(due.what.taps[-1].flags & TURNED_BACK for due in short)
    content = batches[0].content.partition(b"\r\n\r\n")
    assert content[0].startswith(b"POST /v1/taps/batch HTTP/1.1\r\n")
    assert len(msgspec.json.decode(content[2])["taps"]) == len(batches[0].what.taps)


def test_what_a_gate_sends_after_a_tap_follows_it_on_the_same_connection() -> None:
    requests = _requests(Controllers(1))
    kinds = {Kind.AGAIN: AGAIN, Kind.REPORT: TURNED_BACK}
    followed = 0
    for before, after in pairwise(requests):
        flag = kinds.get(after.what.kind)
        if flag is not None:
            (tap,) = after.what.taps
            assert tap.flags & flag
            assert before.what.taps == (tap,)
            followed += 1
    assert followed == sum(bool(tap.flags & (AGAIN | TURNED_BACK)) for tap in WORLD.taps()) > 10
