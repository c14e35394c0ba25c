"""The five conditions of a crossing: packed, unpacked, and the first that failed."""

from itertools import product

import pytest

from fare_engine.conditions import (
    ALL_HELD,
    FAILURES,
    NO_POLICY,
    Condition,
    Held,
    evaluate,
    first_failure,
    unpack,
)
from fare_engine.decision import Reason
from fare_engine.journey import OpenJourney, Terms
from fare_engine.network import CHENGDU_BANDS, FareTable
from fare_engine.policy import Policy
from fare_engine.tariff import Tariff

TARIFF = Tariff(1, 0, FareTable({}, CHENGDU_BANDS))
POLICY = Policy("A", 1, 900_000, frozenset({"qr"}), frozenset({"A1"}), 0, daily_limit=2)


def make_journey(terms: Terms, *, designated: bool = True) -> OpenJourney:
    return OpenJourney("tap", "A1", "A", 0, terms, designated, 0, 10**9, 1)


def pack(held: tuple[Held, ...]) -> int:
    return sum(value << 2 * place for place, value in enumerate(held))


def test_a_crossing_that_meets_all_five_holds_all_five() -> None:
    packed = evaluate(make_journey(Terms(TARIFF, POLICY)), "A1", "qr", 900_000, 1)
    assert packed == ALL_HELD
    assert set(unpack(packed).values()) == {Held.YES}


@pytest.mark.parametrize(
    ("condition", "gates", "medium", "elapsed_ms", "waived_before"),
    [
        (Condition.MEDIUM_ELIGIBLE, ("A1", "A1"), "tianfutong", 0, 0),
        (Condition.GATES_DESIGNATED, ("A1", "D1"), "qr", 0, 0),
        (Condition.GATES_DESIGNATED, ("D1", "A1"), "qr", 0, 0),
        (Condition.WITHIN_WINDOW, ("A1", "A1"), "qr", 900_001, 0),
        (Condition.BELOW_DAILY_LIMIT, ("A1", "A1"), "qr", 0, 2),
    ],
)
def test_one_that_fails_fails_alone(
    condition: Condition,
    gates: tuple[str, str],
    medium: str,
    elapsed_ms: int,
    waived_before: int,
) -> None:
    journey = make_journey(Terms(TARIFF, POLICY), designated=gates[0] == "A1")
    packed = evaluate(journey, gates[1], medium, elapsed_ms, waived_before)
    assert [one for one, held in unpack(packed).items() if held is Held.NO] == [condition]
    assert list(unpack(packed).values()).count(Held.YES) == 4
    assert first_failure(packed) is FAILURES[condition]


def test_a_suspension_fails_the_first_and_the_others_are_told_all_the_same() -> None:
    packed = evaluate(make_journey(Terms(TARIFF, POLICY, suspended=True)), "A1", "qr", 0, 0)
    assert list(unpack(packed).values()) == [Held.NO] + [Held.YES] * 4


def test_without_a_policy_the_first_failed_and_no_other_was_asked() -> None:
    packed = evaluate(make_journey(Terms(TARIFF)), "A1", "qr", 0, 0)
    assert packed == NO_POLICY
    assert list(unpack(packed).values()) == [Held.NO] + [Held.NOT_APPLICABLE] * 4
    assert first_failure(packed) is Reason.STATION_NOT_IN_PILOT


def test_without_a_policy_a_suspension_asks_no_other_either() -> None:
    assert evaluate(make_journey(Terms(TARIFF, suspended=True)), "A1", "qr", 0, 0) == NO_POLICY


def test_all_combinations_survive_the_way_into_a_number_and_back() -> None:
    numbers = set()
    for held in product(Held, repeat=5):
        assert tuple(unpack(pack(held)).values()) == held
        numbers.add(pack(held))
    assert len(numbers) == 3**5


def test_the_first_that_failed_is_named_in_the_order_of_the_rules() -> None:
    order = (
        Reason.STATION_NOT_IN_PILOT,
        Reason.MEDIUM_NOT_ELIGIBLE,
        Reason.GATE_NOT_DESIGNATED,
        Reason.WINDOW_EXCEEDED,
        Reason.DAILY_LIMIT_REACHED,
    )
    for held in product((Held.YES, Held.NO), repeat=5):
        if Held.NO in held:
            assert first_failure(pack(held)) is order[held.index(Held.NO)]


@pytest.mark.parametrize("packed", [0, ALL_HELD])
def test_where_none_failed_there_is_no_first(packed: int) -> None:
    with pytest.raises(ValueError, match="no condition failed"):
        first_failure(packed)


def test_conditions_are_told_by_name() -> None:
    assert [condition.code for condition in Condition] == [
        "station_in_pilot",
        "medium_eligible",
        "gates_designated",
        "within_window",
        "below_daily_limit",
    ]
    assert [held.code for held in Held] == ["not_applicable", "held", "failed"]
