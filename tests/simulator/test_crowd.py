"""The crowd is the same for the same seed, and does all that it says it does."""

import hashlib
import json
import random

import pytest

from simulator.crowd import Crowd, SimulatedTap, count_taps_each, service_date
from simulator.demo import FROM_MS, TO_MS, make_taps
from simulator.passengers import INTENTIONS, MINUTE_MS
from tests.simulator.a_metro import make_metro

METRO = make_metro()
WINDOW_MS = 15 * MINUTE_MS


def _morning(seed: int, passengers: int = 1_000) -> list[SimulatedTap]:
    return make_taps(METRO, seed, passengers)


def _fingerprint(taps: list[SimulatedTap]) -> str:
    return hashlib.sha256(json.dumps([tap.body for tap in taps]).encode()).hexdigest()


def test_the_same_seed_makes_the_same_taps_and_another_one_others() -> None:
    assert _fingerprint(_morning(42)) == _fingerprint(_morning(42))
    assert _fingerprint(_morning(42)) != _fingerprint(_morning(43))


def test_taps_come_in_the_order_of_the_clock_within_the_morning() -> None:
    times = [tap.at_ms for tap in _morning(42)]
    assert times == sorted(times)
    assert times[0] >= FROM_MS
    assert times[-1] <= TO_MS


def test_no_tap_id_is_used_twice_not_even_by_another_morning() -> None:
    mornings = [_morning(42), _morning(43), _morning(42, passengers=1_001)]
    ids = [tap.body["tap_id"] for taps in mornings for tap in taps]
    assert len(ids) == len(set(ids))
    assert max(map(len, ids)) <= 64


def test_card_numbers_have_16_digits() -> None:
    media = [tap.body["medium"] for tap in _morning(999, passengers=9_999)]
    assert {len(medium["id"]) for medium in media if medium["type"] == "tianfutong"} == {16}


def test_even_the_smallest_morning_has_every_intention_and_every_reason() -> None:
    everything = {
        step.expected
        for _, intention in INTENTIONS.values()
        for step in intention(random.Random(1), WINDOW_MS)
    }
    assert everything == {
        "entry_opened",
        "entry_repeated",
        "entry_superseded",
        "same_station_within_window",
        "different_station",
        "station_not_in_pilot",
        "gate_not_designated",
        "window_exceeded",
        "exit_repeated",
        "no_open_entry",
    }
    assert {tap.step.expected for tap in _morning(1, passengers=len(INTENTIONS))} == everything


@pytest.mark.parametrize("name", INTENTIONS)
def test_the_steps_of_an_intention_keep_the_order_of_time(name: str) -> None:
    for seed in range(200):
        steps = INTENTIONS[name][1](random.Random(seed), WINDOW_MS)
        times = [step.after_ms for step in steps]
        assert times[0] == 0
        assert times == sorted(set(times))


def test_the_boundary_of_the_window_is_crossed_by_one_millisecond() -> None:
    stays = {
        tap.step.after_ms: tap.step.expected
        for tap in _morning(42)
        if abs(tap.step.after_ms - WINDOW_MS) <= 1
    }
    assert stays == {
        WINDOW_MS: "same_station_within_window",
        WINDOW_MS + 1: "window_exceeded",
    }


def test_some_gates_time_out_some_decide_alone_and_some_passages_do_not_happen() -> None:
    taps = _morning(42)
    assert any(tap.step.again for tap in taps)
    assert any(tap.step.turned_back for tap in taps)
    alone = [tap for tap in taps if tap.step.alone]
    assert alone
    assert all(
        tap.body["offline"] == {"gate_action_taken": "open", "fare_taken": 0} for tap in alone
    )


def test_the_average_number_of_taps_is_that_of_a_large_crowd() -> None:
    assert len(_morning(42, passengers=5_000)) / 5_000 == pytest.approx(count_taps_each(), rel=0.02)


def test_a_service_date_begins_at_four() -> None:
    four_ms = FROM_MS - 180 * MINUTE_MS
    assert service_date(four_ms) == "20250303"
    assert service_date(four_ms - 1) == "20250302"


def test_a_passenger_who_is_inside_at_four_is_out_after_the_cut() -> None:
    crowd = Crowd(METRO, 42, 1)
    passenger = crowd.make_one(FROM_MS - 181 * MINUTE_MS)
    assert passenger.end_ms - passenger.begin_ms < 10 * MINUTE_MS
    assert passenger._replace(begin_ms=FROM_MS).is_out_after_the_cut is False
    stay_ms = passenger.end_ms - passenger.begin_ms
    assert passenger._replace(begin_ms=FROM_MS - 180 * MINUTE_MS - stay_ms).is_out_after_the_cut
