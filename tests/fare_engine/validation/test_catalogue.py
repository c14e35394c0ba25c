"""A whole catalogue: every fault by its place."""

from dataclasses import replace

import pytest

from fare_engine.catalogue import Catalogue
from fare_engine.errors import CatalogueInvalid
from fare_engine.policy import Suspension
from fare_engine.validation import list_faults, validate
from tests.fare_engine.small_metro import NETWORK, NOON_MS, PILOT, TARIFF

GOOD = Catalogue(NETWORK, {"FHY": (PILOT,)}, {}, (TARIFF,))


def _suspended(*stretches: tuple[int, int | None]) -> list[tuple[str, str]]:
    suspensions = tuple(Suspension("FHY", start, "works", end) for start, end in stretches)
    return list_faults(replace(GOOD, suspensions={"FHY": suspensions}))


def test_a_good_catalogue_has_no_faults() -> None:
    assert list_faults(GOOD) == []
    validate(GOOD)


def test_every_fault_is_raised_with_its_place() -> None:
    catalogue = replace(
        GOOD,
        network=replace(NETWORK, currency="yuan"),
        policies={"FHY": (replace(PILOT, window_ms=0),)},
        tariffs=(replace(TARIFF, missing_exit_fare=-1),),
    )
    with pytest.raises(CatalogueInvalid) as refusal:
        validate(catalogue)
    assert [field for field, _ in refusal.value.faults] == [
        "currency",
        "tariffs.1.missing_exit_fare",
        "policies.FHY.1.window_seconds",
    ]
    assert "policies.FHY.1.window_seconds: must be more than 0" in str(refusal.value)


def test_there_must_be_a_tariff() -> None:
    faults = list_faults(replace(GOOD, tariffs=()))
    assert faults == [("tariffs", "there must be at least one tariff")]


def test_a_policy_may_not_come_before_the_first_tariff() -> None:
    faults = list_faults(replace(GOOD, tariffs=(replace(TARIFF, effective_from_ms=NOON_MS),)))
    ((field, message),) = faults
    assert field == "policies.FHY.1.effective_from"
    assert "must not be before the first tariff" in message


def test_versions_are_numbered_from_one_without_gaps() -> None:
    later = replace(PILOT, version=3, effective_from_ms=NOON_MS)
    faults = list_faults(replace(GOOD, policies={"FHY": (PILOT, later)}))
    assert faults == [
        ("policies.FHY.version", "versions must be numbered 1, 2, 3 and so on, not 1, 3")
    ]
    faults = list_faults(replace(GOOD, tariffs=(replace(TARIFF, version=0),)))
    assert [field for field, _ in faults] == ["tariffs.version"]


def test_both_versions_of_an_overlap_are_reported() -> None:
    earlier = replace(PILOT, effective_to_ms=NOON_MS)
    later = replace(PILOT, version=2, effective_from_ms=NOON_MS - 1)
    faults = list_faults(replace(GOOD, policies={"FHY": (earlier, later)}))
    assert [field for field, _ in faults] == [
        "policies.FHY.1.effective_to",
        "policies.FHY.2.effective_from",
    ]


def test_a_policy_stands_under_its_own_station() -> None:
    faults = dict(list_faults(replace(GOOD, policies={"CXL": (PILOT,), "XXX": ()})))
    assert faults["policies.CXL.1.station_id"] == "names another station, 'FHY'"
    assert faults["policies.XXX"] == "there is no such station"


def test_suspensions_may_follow_one_another() -> None:
    assert _suspended((10, 20), (20, 20), (30, None)) == []


def test_suspensions_may_not_overlap() -> None:
    ((field, message),) = _suspended((10, 20), (19, None))
    assert field == "suspensions.FHY.suspended_at"
    assert message.startswith("overlaps the suspension that began 1970-01-01T")


def test_nothing_follows_a_suspension_that_was_never_resumed() -> None:
    assert [field for field, _ in _suspended((10, None), (30, 40))] == [
        "suspensions.FHY.suspended_at"
    ]


def test_a_suspension_may_not_end_before_it_began() -> None:
    assert [field for field, _ in _suspended((10, 9))] == ["suspensions.FHY.resumed_at"]


def test_an_unknown_station_cannot_be_suspended() -> None:
    suspensions = {"XXX": (Suspension("XXX", 1, "works"),)}
    faults = list_faults(replace(GOOD, suspensions=suspensions))
    assert faults == [("suspensions.XXX", "there is no such station")]
