"""Tariff documents: what is written is read again to the millisecond, and faults name fields."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fare_engine.calendar import ServiceCalendar
from fare_engine.documents import rules_document
from fare_engine.errors import CatalogueInvalid
from fare_engine.ledger.stores.tariff_document import from_document
from fare_engine.network import CHENGDU_BANDS, DistanceBands, FareTable
from fare_engine.tariff import Tariff

DISTANCES = {"FHY": {"FHY": 0, "CXL": 9_800}, "CXL": {"CXL": 0, "FHY": 9_800}}
CHENGDU = Tariff(
    3,
    1_637_683_200_000,
    FareTable(DISTANCES, CHENGDU_BANDS),
    discounts_percent={"tianfutong": 10},
    note="成都",
)

_times = st.integers(0, 10**9)
_fares = st.integers(0, 10**6)
_tariffs = st.builds(
    Tariff,
    version=st.just(3),
    effective_from_ms=_times,
    effective_to_ms=st.none() | _times,
    fares=st.builds(
        FareTable,
        distances=st.just(DISTANCES),
        bands=st.builds(
            DistanceBands,
            st.lists(st.tuples(_times, _fares), max_size=4).map(tuple),
            _times,
            _fares,
        ),
        explicit=st.dictionaries(st.tuples(st.text(), st.text()), _fares, max_size=4),
    ),
    same_station_fare=_fares,
    missing_exit_fare=_fares,
    unmatched_exit_opens=st.booleans(),
    unmatched_exit_fare=_fares,
    discounts_percent=st.dictionaries(st.text(), st.integers(0, 100), max_size=3),
    max_stay_ms=_times,
    reentry_grace_ms=_times,
    reexit_grace_ms=_times,
    clock_skew_tolerance_ms=_times,
    ride_code_validity_ms=_times,
    journey_expiry_ms=st.none() | _times,
    calendar=st.builds(
        ServiceCalendar,
        zone=st.sampled_from(["Asia/Shanghai", "UTC"]),
        cut_minutes=st.integers(0, 1_439),
    ),
    note=st.text(),
)


def _read(document: dict[str, Any], like: Tariff = CHENGDU) -> Tariff:
    return from_document(
        document,
        version=like.version,
        effective_from_ms=like.effective_from_ms,
        effective_to_ms=like.effective_to_ms,
        distances=DISTANCES,
    )


def _faults(**changes: object) -> list[tuple[str, str]]:
    with pytest.raises(CatalogueInvalid) as refusal:
        _read({**rules_document(CHENGDU), **changes})
    return list(refusal.value.faults)


@given(_tariffs)
def test_every_tariff_survives_being_written_as_json(tariff: Tariff) -> None:
    assert _read(json.loads(json.dumps(rules_document(tariff))), tariff) == tariff


def test_the_document_says_what_a_clerk_would() -> None:
    tariff = replace(
        CHENGDU,
        fares=FareTable(
            DISTANCES,
            DistanceBands(((4_000, 200), (8_000, 300)), 20_000, 100),
            {("FHY", "CXL"): 350},
        ),
        unmatched_exit_opens=True,
        journey_expiry_ms=90_000,
    )
    assert rules_document(tariff) == {
        "bands": [{"up_to_m": 4_000, "fare": 200}, {"up_to_m": 8_000, "fare": 300}],
        "further": {"every_m": 20_000, "fare": 100},
        "explicit_fares": [["FHY", "CXL", 350]],
        "same_station_fare": 200,
        "missing_exit_fare": 200,
        "unmatched_exit": "open",
        "unmatched_exit_fare": 200,
        "discounts_percent": {"tianfutong": 10},
        "max_stay_minutes": 240,
        "reentry_grace_seconds": 120,
        "reexit_grace_seconds": 60,
        "clock_skew_tolerance_seconds": 30,
        "ride_code_validity_seconds": 30,
        "journey_expiry": {"minutes": 1.5},
        "service_date_cut": "04:00",
        "time_zone": "Asia/Shanghai",
        "note": "成都",
    }
    assert rules_document(CHENGDU)["journey_expiry"] == "service_date_end"
    assert rules_document(CHENGDU)["unmatched_exit"] == "refuse"


def test_all_tariffs_share_the_distances_given() -> None:
    assert _read(rules_document(CHENGDU)).fares.distances is DISTANCES


def test_note_and_explicit_fares_may_be_left_out() -> None:
    document = rules_document(CHENGDU)
    del document["note"], document["explicit_fares"]
    assert _read(document) == replace(CHENGDU, note="")


@pytest.mark.parametrize(
    "field", sorted(rules_document(CHENGDU).keys() - {"note", "explicit_fares"})
)
def test_whatever_decides_a_fare_must_be_written_out(field: str) -> None:
    document = rules_document(CHENGDU)
    del document[field]
    with pytest.raises(CatalogueInvalid) as refusal:
        _read(document)
    assert [name for name, _ in refusal.value.faults] == [field]


@pytest.mark.parametrize(
    ("field", "value", "place", "told"),
    [
        ("bands", {}, "bands", "must be a list, not a table"),
        ("bands", [{"up_to_m": 4_000}], "bands[1].fare", "missing; must be a whole number"),
        ("bands", [{"up_to_m": 1.5, "fare": 2}], "bands[1].up_to_m", "must be a whole number"),
        ("bands", [{"up_to_m": 1, "fare": 2, "x": 3}], "bands[1].x", "unknown field"),
        ("further", {"every_m": 5}, "further.fare", "missing; must be a whole number"),
        ("further", None, "further", "must be a table, not nothing"),
        ("explicit_fares", [["FHY", 5]], "explicit_fares[1]", "must be a row"),
        ("explicit_fares", [["FHY", "CXL", True]], "explicit_fares[1]", "must be a row"),
        (
            "explicit_fares",
            [["FHY", "CXL", 1], ["FHY", "CXL", 1]],
            "explicit_fares[2]",
            "'FHY' to 'CXL' is there twice",
        ),
        ("same_station_fare", "200", "same_station_fare", "must be a whole number, not text"),
        ("same_station_fare", 2.5, "same_station_fare", "must be a whole number, not a number"),
        ("same_station_fare", True, "same_station_fare", "not true or false"),
        ("unmatched_exit", "shut", "unmatched_exit", "must be open or refuse, not 'shut'"),
        ("discounts_percent", {"qr": "5"}, "discounts_percent.qr", "must be a whole number"),
        ("max_stay_minutes", "4h", "max_stay_minutes", "must be a number, not text"),
        ("max_stay_minutes", float("inf"), "max_stay_minutes", "must be a finite number"),
        ("reexit_grace_seconds", None, "reexit_grace_seconds", "must be a number, not nothing"),
        ("journey_expiry", "never", "journey_expiry", 'must be "service_date_end" or'),
        ("journey_expiry", {"hours": 3}, "journey_expiry.minutes", "missing; must be a number"),
        ("service_date_cut", "24:00", "service_date_cut", "must be a time of day as 04:00"),
        ("service_date_cut", "4:00", "service_date_cut", "must be a time of day as 04:00"),
        ("service_date_cut", 240, "service_date_cut", "must be text, not a whole number"),
        ("time_zone", "", "time_zone", "must not be empty"),
        ("note", 7, "note", "must be text"),
        ("discount", 7, "discount", "unknown field"),
    ],
)
def test_each_fault_names_its_field(field: str, value: object, place: str, told: str) -> None:
    faults = _faults(**{field: value})
    assert faults[0][0] == place
    assert told in faults[0][1]


def test_all_faults_are_told_at_once() -> None:
    faults = _faults(same_station_fare=None, unmatched_exit="shut", time_zone=8)
    assert {field for field, _ in faults} == {"same_station_fare", "unmatched_exit", "time_zone"}
