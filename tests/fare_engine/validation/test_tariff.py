"""What a tariff may not be; fields are named as in its document."""

from dataclasses import replace
from typing import Any

import pytest

from fare_engine.calendar import ServiceCalendar
from fare_engine.catalogue import Catalogue
from fare_engine.distances import find_distances
from fare_engine.errors import CatalogueInvalid
from fare_engine.network import CHENGDU_BANDS, DistanceBands, FareTable, Name, Station
from fare_engine.policy import Policy
from fare_engine.tariff import Tariff
from fare_engine.validation import check_new_tariff
from tests.fare_engine.small_metro import MINUTE_MS, NETWORK, NOON_MS, PILOT, TARIFF

EMPTY = Catalogue(NETWORK)
DISTANCES = TARIFF.fares.distances
DAY_MS = 24 * 60 * MINUTE_MS


def _faults(draft: Tariff, catalogue: Catalogue = EMPTY) -> list[tuple[str, str]]:
    with pytest.raises(CatalogueInvalid) as refusal:
        check_new_tariff(catalogue, draft)
    return list(refusal.value.faults)


def _banded(*bounds: tuple[int, int], further_m: int = 1_000, further_fare: int = 0) -> FareTable:
    return FareTable(DISTANCES, DistanceBands(bounds, further_m, further_fare))


def _explicit(fares: dict[tuple[str, str], int]) -> FareTable:
    return FareTable(DISTANCES, CHENGDU_BANDS, fares)


def test_the_tariff_of_chengdu_passes() -> None:
    check_new_tariff(EMPTY, TARIFF)


@pytest.mark.parametrize(
    ("changes", "field", "message"),
    [
        pytest.param(
            {"same_station_fare": -1},
            "same_station_fare",
            "must be between 0 and 1000000 fen, not -1",
            id="a negative same-station fare",
        ),
        pytest.param(
            {"missing_exit_fare": -1},
            "missing_exit_fare",
            "not -1",
            id="a negative missing-exit fare",
        ),
        pytest.param(
            {"unmatched_exit_fare": 1_000_001},
            "unmatched_exit_fare",
            "not 1000001",
            id="an absurd unmatched-exit fare",
        ),
        pytest.param({"fares": _banded()}, "bands", "at least one band", id="no bands"),
        pytest.param(
            {"fares": _banded((4_000, 200), (4_000, 300))},
            "bands[2].up_to_m",
            "must be more than 4000, not 4000",
            id="bands that do not grow",
        ),
        pytest.param(
            {"fares": _banded((0, 200))},
            "bands[1].up_to_m",
            "must be more than 0",
            id="a band of no length",
        ),
        pytest.param(
            {"fares": _banded((4_000, -200))},
            "bands[1].fare",
            "not -200",
            id="a band with a negative fare",
        ),
        pytest.param(
            {"fares": _banded((4_000, 300), (8_000, 200))},
            "bands[2].fare",
            "must not be less than that of a shorter way, 300: 200",
            id="a longer way that costs less",
        ),
        pytest.param(
            {"fares": _banded((4_000, 200), further_m=0)},
            "further.every_m",
            "must be more than 0",
            id="a further stretch of no length",
        ),
        pytest.param(
            {"fares": _banded((4_000, 200), further_fare=-1)},
            "further.fare",
            "not -1",
            id="a further stretch that pays back",
        ),
        pytest.param(
            {"fares": _explicit({("FHY", "XXX"): 200})},
            "explicit_fares",
            "there is no station 'XXX'",
            id="an explicit fare to an unknown station",
        ),
        pytest.param(
            {"fares": _explicit({("FHY", "CXL"): -2})},
            "explicit_fares",
            "from 'FHY' to 'CXL' must be between 0 and 1000000 fen, not -2",
            id="a negative explicit fare",
        ),
        pytest.param(
            {"fares": _explicit({("FHY", "FHY"): 2})},
            "explicit_fares",
            "from 'FHY' to itself same_station_fare is the fare",
            id="an explicit fare of one station",
        ),
        pytest.param(
            {"discounts_percent": {"coin": 10}},
            "discounts_percent",
            "there is no media type 'coin'",
            id="a discount of an unknown medium",
        ),
        pytest.param(
            {"discounts_percent": {"qr": 101}},
            "discounts_percent",
            "of 'qr' must be between 0 and 100, not 101",
            id="a discount above the fare",
        ),
        pytest.param(
            {"discounts_percent": {"qr": -1}},
            "discounts_percent",
            "not -1",
            id="a negative discount",
        ),
        pytest.param(
            {"max_stay_ms": 0},
            "max_stay_minutes",
            "must be between 1 and 2880, not 0",
            id="a longest stay of nothing",
        ),
        pytest.param(
            {"max_stay_ms": 2881 * MINUTE_MS},
            "max_stay_minutes",
            "not 2881",
            id="an absurd longest stay",
        ),
        pytest.param(
            {"reentry_grace_ms": -1_000},
            "reentry_grace_seconds",
            "not -1",
            id="a negative grace of a second entry",
        ),
        pytest.param(
            {"ride_code_validity_ms": 601_000},
            "ride_code_validity_seconds",
            "must be between 1 and 600, not 601",
            id="an absurd validity of ride codes",
        ),
        pytest.param(
            {"reexit_grace_ms": 3_601_000},
            "reexit_grace_seconds",
            "must be between 0 and 3600, not 3601",
            id="an absurd grace of a second exit",
        ),
        pytest.param(
            {"clock_skew_tolerance_ms": -1},
            "clock_skew_tolerance_seconds",
            "not -0.001",
            id="a negative tolerance of clocks",
        ),
        pytest.param(
            {"clock_skew_tolerance_ms": 601_000},
            "clock_skew_tolerance_seconds",
            "not 601",
            id="an absurd tolerance of clocks",
        ),
        pytest.param(
            {"journey_expiry_ms": 0},
            "journey_expiry",
            "must be between 1 and 10080, not 0",
            id="a journey that expires at once",
        ),
        pytest.param(
            {"calendar": ServiceCalendar("Asia/Shanghai", 1_440)},
            "service_date_cut",
            "must be a time of day, not 1440",
            id="a cut after the day",
        ),
        pytest.param(
            {"calendar": ServiceCalendar("Asia/Shanghai", -1)},
            "service_date_cut",
            "not -1",
            id="a cut before the day",
        ),
        pytest.param(
            {"calendar": ServiceCalendar("Asia/Chengdu")},
            "time_zone",
            "there is no time zone 'Asia/Chengdu'",
            id="an unknown time zone",
        ),
        pytest.param(
            {"effective_from_ms": NOON_MS, "effective_to_ms": NOON_MS - 1},
            "effective_to",
            "must be later than effective_from",
            id="an end before the beginning",
        ),
        pytest.param(
            {"effective_from_ms": -1},
            "effective_from",
            "between the years 1970 and 9999",
            id="a beginning before all clocks",
        ),
    ],
)
def test_is_refused(changes: dict[str, Any], field: str, message: str) -> None:
    faults = _faults(replace(TARIFF, **changes))
    assert [name for name, _ in faults] == [field]
    assert message in faults[0][1]


def test_a_tariff_may_not_begin_inside_a_bounded_one() -> None:
    bounded = replace(TARIFF, effective_from_ms=NOON_MS, effective_to_ms=NOON_MS + DAY_MS)
    catalogue = replace(EMPTY, tariffs=(bounded,))
    ((field, message),) = _faults(replace(TARIFF, effective_from_ms=NOON_MS + 1), catalogue)
    assert field == "effective_from"
    assert "lies inside version 1" in message
    check_new_tariff(catalogue, replace(TARIFF, effective_from_ms=NOON_MS + DAY_MS))


def _with_policy(policy: Policy) -> Catalogue:
    return replace(EMPTY, policies={"FHY": (policy,)}, tariffs=(TARIFF,))


def test_a_longest_stay_may_not_fall_below_a_window_in_force() -> None:
    draft = replace(TARIFF, max_stay_ms=14 * MINUTE_MS, effective_from_ms=NOON_MS)
    assert _faults(draft, _with_policy(PILOT)) == [
        ("max_stay_minutes", "is shorter than the window of policy 1 at FHY")
    ]
    check_new_tariff(_with_policy(PILOT), replace(draft, max_stay_ms=15 * MINUTE_MS))


def test_a_longest_stay_may_fall_below_a_window_that_has_ended() -> None:
    draft = replace(TARIFF, max_stay_ms=14 * MINUTE_MS, effective_from_ms=NOON_MS)
    check_new_tariff(_with_policy(replace(PILOT, effective_to_ms=NOON_MS)), draft)


NAME = Name("名", "Name")
ISLANDS = replace(
    NETWORK,
    stations=(*NETWORK.stations, Station("ISL", NAME), Station("ROC", NAME)),
)
ISLANDS_DISTANCES = find_distances(ISLANDS)
ALL_IDS = [station.station_id for station in ISLANDS.stations]
ALL_PAIRS = {(a, b): 300 for a in ALL_IDS for b in ALL_IDS if a != b}


def _over_islands(explicit: dict[tuple[str, str], int]) -> Tariff:
    return replace(TARIFF, fares=FareTable(ISLANDS_DISTANCES, CHENGDU_BANDS, explicit))


def test_a_station_without_track_needs_explicit_fares() -> None:
    faults = _faults(_over_islands({}), Catalogue(ISLANDS))
    assert [field for field, _ in faults] == ["explicit_fares", "explicit_fares"]
    assert faults[0][1] == (
        "station 'ROC' has no fare to or from 'CXL' and 2 other stations: "
        "no segments join them, and explicit_fares does not list them"
    )
    assert "station 'ISL' has no fare to or from 'CXL' and 1 other stations" in faults[1][1]


def test_explicit_fares_may_cover_a_station_without_track() -> None:
    check_new_tariff(Catalogue(ISLANDS), _over_islands(ALL_PAIRS))


def test_explicit_fares_must_cover_both_directions() -> None:
    one_way = {pair: fare for pair, fare in ALL_PAIRS.items() if pair != ("ISL", "ROC")}
    ((_, message),) = _faults(_over_islands(one_way), Catalogue(ISLANDS))
    assert "has no fare to or from 'ISL': no segments" in message
