"""Fares by distance, explicit fares that beat them, and the highest fare from a station."""

import pytest

from fare_engine.network import CHENGDU_BANDS, DistanceBands, FareTable

DISTANCES_M = {
    "A": {"A": 0, "B": 4_000, "C": 71_000},
    "B": {"A": 4_000, "B": 0, "C": 9_000},
    "C": {"A": 71_000, "B": 9_000, "C": 0},
    "alone": {"alone": 0},
}


@pytest.mark.parametrize(
    ("bound_m", "fare"),
    [
        (4_000, 200),
        (8_000, 300),
        (12_000, 400),
        (18_000, 500),
        (24_000, 600),
        (32_000, 700),
        (40_000, 800),
        (50_000, 900),
        (70_000, 1_000),
        (90_000, 1_100),
        (110_000, 1_200),
        (310_000, 2_200),
    ],
)
def test_the_bound_of_a_band_belongs_to_it_and_one_metre_more_does_not(
    bound_m: int, fare: int
) -> None:
    assert CHENGDU_BANDS.fare(bound_m - 1) == fare
    assert CHENGDU_BANDS.fare(bound_m) == fare
    assert CHENGDU_BANDS.fare(bound_m + 1) == fare + 100


@pytest.mark.parametrize("distance_m", [0, 1, 3_999])
def test_the_shortest_way_costs_the_first_band(distance_m: int) -> None:
    assert CHENGDU_BANDS.fare(distance_m) == 200


def test_other_cities_have_other_bands() -> None:
    bands = DistanceBands(((6_000, 300),), further_m=5_000, further_fare=50)
    assert [bands.fare(m) for m in (6_000, 6_001, 11_000, 11_001)] == [300, 350, 350, 400]


def test_the_fare_of_a_pair_follows_its_distance() -> None:
    table = FareTable(DISTANCES_M, CHENGDU_BANDS)
    assert table.fare("A", "B") == 200
    assert table.fare("B", "C") == 400
    assert table.fare("A", "C") == table.fare("C", "A") == 1_100
    assert table.fare("A", "A") == 200


def test_an_explicit_fare_beats_the_bands_in_its_own_direction_only() -> None:
    table = FareTable(DISTANCES_M, CHENGDU_BANDS, {("A", "B"): 450, ("B", "C"): 0})
    assert table.fare("A", "B") == 450
    assert table.fare("B", "A") == 200
    assert table.fare("B", "C") == 0


def test_an_explicit_fare_joins_stations_that_no_track_joins() -> None:
    table = FareTable(DISTANCES_M, CHENGDU_BANDS, {("alone", "A"): 700, ("ferry", "A"): 800})
    assert table.fare("alone", "A") == 700
    assert table.fare("ferry", "A") == 800


@pytest.mark.parametrize(
    ("origin", "destination"), [("A", "alone"), ("alone", "A"), ("A", "nowhere"), ("nowhere", "A")]
)
def test_a_pair_that_nothing_joins_has_no_fare(origin: str, destination: str) -> None:
    with pytest.raises(KeyError):
        FareTable(DISTANCES_M, CHENGDU_BANDS).fare(origin, destination)


def test_the_highest_fare_from_a_station_is_that_of_its_dearest_pair() -> None:
    table = FareTable(DISTANCES_M, CHENGDU_BANDS)
    assert [table.highest_fare(station) for station in "ABC"] == [1_100, 400, 1_100]
    assert [table.highest_fare(station) for station in "ABC"] == [1_100, 400, 1_100]


def test_an_explicit_fare_counts_for_the_highest_too() -> None:
    table = FareTable(DISTANCES_M, CHENGDU_BANDS, {("B", "A"): 1_500, ("A", "C"): 300})
    assert table.highest_fare("B") == 1_500
    assert table.highest_fare("A") == 300
    assert table.highest_fare("C") == 1_100


def test_the_way_from_a_station_to_itself_is_not_its_dearest() -> None:
    table = FareTable(DISTANCES_M, CHENGDU_BANDS, {("B", "B"): 9_900})
    assert table.highest_fare("B") == 400


@pytest.mark.parametrize("station", ["alone", "nowhere"])
def test_from_a_station_that_nothing_joins_the_highest_fare_is_the_first_band(
    station: str,
) -> None:
    assert FareTable(DISTANCES_M, CHENGDU_BANDS).highest_fare(station) == 200


def test_tables_are_compared_by_what_they_say_and_not_by_what_was_asked() -> None:
    asked, fresh = FareTable(DISTANCES_M, CHENGDU_BANDS), FareTable(DISTANCES_M, CHENGDU_BANDS)
    asked.fare("A", "B")
    asked.highest_fare("A")
    assert asked == fresh
