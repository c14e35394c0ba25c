"""A world is the same for the same seed, has the proportions asked for, and moves in time."""

import numpy as np
import pytest

from fare_engine.decision import Reason
from fare_engine.network import Direction
from simulator.world.chance import Chance
from simulator.world.chengdu import make_metro, make_network
from simulator.world.intentions import INTENTIONS
from simulator.world.mixes import NETWORK, STATION, apportion
from simulator.world.plan import AGAIN, ALONE, BLOCKED, SHOWN, TURNED_BACK
from simulator.world.presenting import Presenter
from simulator.world.sizes import make_crowd, make_taps
from simulator.world.times import MONDAY, Between, Day, service_day_number
from simulator.world.world import TAPS_MAX, TooManyTaps

METRO = make_metro()
WORLD = make_crowd(METRO, 42, 3_200)
HOUR_MS = 3_600_000
MIDNIGHT_MS = Day().midnight_ms


def test_a_seed_means_the_same_taps_on_every_machine() -> None:
    # Another text here means that a seed means something else than it did: say so in CHANGELOG.md.
    assert WORLD.fingerprint() == "ecba4b0d3cb53b2f49971339db6d7d987517a2805ad9f24750bc5d80a2ab2068"
    assert len(WORLD) == 10_118


def test_the_same_seed_makes_the_same_taps_and_another_one_others() -> None:
    assert make_crowd(METRO, 42, 3_200).fingerprint() == WORLD.fingerprint()
    assert make_crowd(METRO, 43, 3_200).fingerprint() != WORLD.fingerprint()


def test_passengers_have_the_intentions_they_were_asked_to_have() -> None:
    for passengers in (27, 1_000, 3_333):
        counts = apportion(NETWORK, METRO, passengers, Chance(7))
        assert sum(counts.values()) == passengers
        whole = sum(NETWORK.values())
        assert all(
            abs(counts[name] - passengers * weight / whole) < 1 for name, weight in NETWORK.items()
        )


def test_every_intention_occurs_in_a_network_of_a_thousand() -> None:
    names = {intention.name for intention in INTENTIONS}
    assert set(make_crowd(METRO, 1, 1_000).count_kinds()) == names
    assert set(NETWORK) == names
    assert set(STATION) < names


def test_taps_come_in_the_order_of_time_and_each_gate_counts_its_own() -> None:
    assert (np.diff(WORLD.due_ms) >= 0).all()
    for gate in np.unique(WORLD.gate):
        at = np.flatnonzero(WORLD.gate == gate)
        assert (np.diff(WORLD.occurred_at_ms[at]) >= 0).all()
        assert WORLD.sequence[at].tolist() == list(range(1, len(at) + 1))


def test_tap_ids_are_unique_and_cards_have_16_digits() -> None:
    presenter = Presenter(METRO, 10**14 - 3_200, "1999-run-of-some-length")
    bodies = [presenter.body(tap) for tap in WORLD.taps()]
    ids = {body["tap_id"] for body in bodies}
    assert len(ids) == len(bodies)
    assert max(map(len, ids)) <= 64
    cards = {body["medium"]["id"] for body in bodies if body["medium"]["type"] == "tianfutong"}
    assert {len(card) for card in cards} == {16}


def test_gates_take_the_directions_that_are_tapped() -> None:
    gates = {gate.gate_id: gate for gate in make_network().network.gates}
    for tap in WORLD.taps():
        assert Direction(tap.direction) in gates[METRO.gate_ids[tap.gate]].directions


def test_the_day_has_a_peak_in_the_morning_and_one_in_the_evening() -> None:
    hours = np.bincount((WORLD.due_ms - MIDNIGHT_MS) // HOUR_MS, minlength=30)
    assert hours[8] > 2 * hours[13]
    assert hours[18] > 2 * hours[13]
    assert hours[:5].sum() == 0
    assert hours[9:16].min() > 0


def test_nobody_is_left_inside_when_the_service_date_ends_but_those_who_sleep() -> None:
    sleepers = {
        place for place, kind in enumerate(INTENTIONS) if kind.name == "falls asleep inside"
    }
    dates: dict[int, set[int]] = {}
    for tap in WORLD.taps():
        if tap.kind not in sleepers:
            dates.setdefault(tap.passenger, set()).add(service_day_number(tap.due_ms))
    assert {len(days) for days in dates.values()} == {1}
    assert service_day_number(MIDNIGHT_MS + 4 * HOUR_MS) == MONDAY.toordinal() - 719_163
    assert service_day_number(MIDNIGHT_MS + 4 * HOUR_MS - 1) == MONDAY.toordinal() - 719_164


def test_all_that_gates_do_beside_answering_occurs() -> None:
    for flag in (AGAIN, ALONE, TURNED_BACK, BLOCKED, SHOWN):
        assert (WORLD.flags & flag).any()
    assert (WORLD.occurred_at_ms != WORLD.due_ms).any()
    assert set(WORLD.expected.tolist()) == {
        int(reason) for reason in Reason if reason.name not in _NEVER
    }


_NEVER = {
    "EMERGENCY",
    "RIDE_CODE_INVALID",
    "RIDE_CODE_EXPIRED",
    "RIDE_CODE_REPLAYED",
    "RECORDED",
}
"""What nobody meets here: no station is evacuated, and gates verified the codes."""


def test_passengers_between_two_instants_begin_between_them() -> None:
    world = make_crowd(
        METRO, 3, 500, mix=STATION, hours=Between(MIDNIGHT_MS, MIDNIGHT_MS + HOUR_MS)
    )
    assert world.due_ms[0] >= MIDNIGHT_MS
    begins = {tap.passenger: tap.due_ms for tap in reversed(list(world.taps()))}
    assert max(begins.values()) < MIDNIGHT_MS + HOUR_MS


def test_a_world_of_so_many_taps_has_just_so_many() -> None:
    for taps in (10, 5_000):
        world = make_taps(METRO, 5, taps)
        assert len(world) == len(list(world.taps())) == taps


def test_a_world_that_would_not_fit_is_refused_before_it_is_made() -> None:
    with pytest.raises(TooManyTaps, match="at most 50,000,000 taps"):
        make_taps(METRO, 5, TAPS_MAX + 1)


def test_a_tap_takes_23_bytes() -> None:
    assert WORLD.bytes_kept == 23 * len(WORLD)
