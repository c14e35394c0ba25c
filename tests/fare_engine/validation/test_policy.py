"""What a policy may not be; fields are named as its author wrote them."""

from dataclasses import replace
from typing import Any

import pytest

from fare_engine.catalogue import Catalogue
from fare_engine.errors import CatalogueInvalid
from fare_engine.policy import DAILY_LIMIT_MAX, Policy
from fare_engine.validation import check_new_policy
from tests.fare_engine.small_metro import MINUTE_MS, NETWORK, NOON_MS, PILOT, TARIFF

DAY_MS = 24 * 60 * MINUTE_MS
START_MS = NOON_MS - DAY_MS
TARIFF_1 = replace(TARIFF, effective_from_ms=START_MS)
DRAFT = replace(PILOT, effective_from_ms=NOON_MS)
EMPTY = Catalogue(NETWORK, tariffs=(TARIFF_1,))


def _faults(draft: Policy, catalogue: Catalogue = EMPTY) -> list[tuple[str, str]]:
    with pytest.raises(CatalogueInvalid) as refusal:
        check_new_policy(catalogue, draft)
    return list(refusal.value.faults)


def _with_policies(*policies: Policy) -> Catalogue:
    return replace(EMPTY, policies={"FHY": policies})


def test_a_good_policy_passes_with_any_version() -> None:
    check_new_policy(EMPTY, DRAFT)
    check_new_policy(EMPTY, replace(DRAFT, version=77))


def test_a_window_may_be_as_long_as_the_longest_stay() -> None:
    check_new_policy(EMPTY, replace(DRAFT, window_ms=TARIFF.max_stay_ms))


def test_one_gate_may_serve_both_directions() -> None:
    check_new_policy(EMPTY, replace(DRAFT, designated_gates=frozenset({"FHY-B-03"})))


@pytest.mark.parametrize("limit", [1, DAILY_LIMIT_MAX])
def test_a_daily_limit_has_its_bounds_included(limit: int) -> None:
    check_new_policy(EMPTY, replace(DRAFT, daily_limit=limit))


@pytest.mark.parametrize(
    ("changes", "field", "message"),
    [
        pytest.param(
            {"window_ms": 0},
            "window_seconds",
            "must be more than 0, not 0",
            id="a window of nothing",
        ),
        pytest.param(
            {"window_ms": -500},
            "window_seconds",
            "must be more than 0, not -0.5",
            id="a negative window",
        ),
        pytest.param(
            {"window_ms": TARIFF.max_stay_ms + 1},
            "window_seconds",
            "must not be longer than the longest stay of tariff 1, 240 minutes",
            id="a window longer than the longest stay",
        ),
        pytest.param(
            {"media": frozenset()}, "media", "must name at least one media type", id="no media"
        ),
        pytest.param(
            {"media": frozenset({"coin"})},
            "media",
            "there is no media type 'coin'; there are qr, tianfutong",
            id="an unknown medium",
        ),
        pytest.param(
            {"designated_gates": frozenset({"FHY-B-03", "FHY-Z-99"})},
            "designated_gates",
            "there is no gate 'FHY-Z-99'",
            id="an unknown gate",
        ),
        pytest.param(
            {"designated_gates": frozenset({"FHY-B-03", "CXL-A-01"})},
            "designated_gates",
            "gate 'CXL-A-01' belongs to station 'CXL'",
            id="a gate of another station",
        ),
        pytest.param(
            {"designated_gates": frozenset({"FHY-C-02"})},
            "designated_gates",
            "must name at least one entry gate",
            id="no way in",
        ),
        pytest.param(
            {"designated_gates": frozenset({"FHY-A-01"})},
            "designated_gates",
            "must name at least one exit gate",
            id="no way out",
        ),
        pytest.param(
            {"daily_limit": 0}, "daily_limit", "must be between 1 and 1000", id="a limit of none"
        ),
        pytest.param(
            {"daily_limit": DAILY_LIMIT_MAX + 1},
            "daily_limit",
            "not 1001",
            id="a limit beyond what is counted",
        ),
        pytest.param(
            {"effective_to_ms": NOON_MS},
            "effective_to",
            "must be later than effective_from, 2021-11-24T12:00:00+08:00",
            id="an end at the beginning",
        ),
        pytest.param(
            {"effective_to_ms": 10**15},
            "effective_to",
            "between the years 1970 and 9999",
            id="an end beyond all years",
        ),
        pytest.param(
            {"effective_from_ms": 10**15},
            "effective_from",
            "between the years 1970 and 9999",
            id="a beginning beyond all years",
        ),
        pytest.param(
            {"effective_from_ms": START_MS - 1},
            "effective_from",
            "must not be before the first tariff, in force from 2021-11-23T12:00:00+08:00",
            id="a beginning before the first tariff",
        ),
        pytest.param(
            {"station_id": "XXX", "designated_gates": frozenset({"FHY-B-03"})},
            "station_id",
            "there is no station 'XXX'",
            id="an unknown station",
        ),
    ],
)
def test_is_refused(changes: dict[str, Any], field: str, message: str) -> None:
    faults = _faults(replace(DRAFT, **changes))
    assert field in dict(faults)
    assert any(message in message for name, message in faults if name == field)


def test_only_gates_of_no_station_leave_neither_way() -> None:
    fields = [field for field, _ in _faults(replace(DRAFT, designated_gates=frozenset()))]
    assert fields == ["designated_gates", "designated_gates"]


def test_all_faults_are_reported_at_once() -> None:
    draft = replace(DRAFT, window_ms=0, media=frozenset(), daily_limit=0, effective_to_ms=0)
    fields = [field for field, _ in _faults(draft)]
    assert fields == ["window_seconds", "media", "daily_limit", "effective_to"]


def test_a_version_may_follow_another_and_replace_one_that_begins_with_it() -> None:
    first = replace(DRAFT, effective_to_ms=NOON_MS + DAY_MS)
    catalogue = _with_policies(first)
    check_new_policy(catalogue, replace(DRAFT, effective_from_ms=NOON_MS + DAY_MS))
    check_new_policy(catalogue, DRAFT)
    check_new_policy(_with_policies(DRAFT), replace(DRAFT, effective_from_ms=NOON_MS + 1))


def test_a_version_may_not_begin_inside_a_bounded_one() -> None:
    catalogue = _with_policies(replace(DRAFT, effective_to_ms=NOON_MS + DAY_MS))
    ((field, message),) = _faults(replace(DRAFT, effective_from_ms=NOON_MS + 1), catalogue)
    assert field == "effective_from"
    assert "lies inside version 1, which is in force from 2021-11-24T12:00:00+08:00" in message


def test_a_bounded_version_may_not_reach_into_a_later_one() -> None:
    catalogue = _with_policies(replace(DRAFT, effective_from_ms=NOON_MS + DAY_MS))
    ((field, message),) = _faults(replace(DRAFT, effective_to_ms=NOON_MS + 2 * DAY_MS), catalogue)
    assert field == "effective_to"
    assert message == (
        "must not be later than the beginning of version 1, 2021-11-25T12:00:00+08:00"
    )


def test_a_tariff_that_has_ended_does_not_bound_the_window() -> None:
    short = replace(TARIFF_1, max_stay_ms=10 * MINUTE_MS, effective_to_ms=NOON_MS)
    long = replace(TARIFF, version=2, effective_from_ms=NOON_MS)
    check_new_policy(replace(EMPTY, tariffs=(short, long)), DRAFT)
    late = replace(short, effective_to_ms=NOON_MS + 1)
    long = replace(long, effective_from_ms=NOON_MS + 1)
    faults = _faults(DRAFT, replace(EMPTY, tariffs=(late, long)))
    assert [field for field, _ in faults] == ["window_seconds"]


def test_a_tariff_that_begins_after_the_policy_has_ended_does_not_bound_the_window() -> None:
    short = replace(TARIFF, version=2, max_stay_ms=MINUTE_MS, effective_from_ms=NOON_MS + DAY_MS)
    catalogue = replace(EMPTY, tariffs=(TARIFF_1, short))
    check_new_policy(catalogue, replace(DRAFT, effective_to_ms=NOON_MS + DAY_MS))
    faults = _faults(replace(DRAFT, effective_to_ms=NOON_MS + DAY_MS + 1), catalogue)
    assert [field for field, _ in faults] == ["window_seconds"]
