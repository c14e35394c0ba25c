"""Shortest distances: exact, over all lines, and quick enough for a whole city."""

import random
from dataclasses import replace

from fare_engine.distances import find_distances
from fare_engine.network import Name, Network, Segment, Station
from fare_engine.network_file import read_builtin

CHENGDU = read_builtin("chengdu").network


def _network(*segments: tuple[str, str, int], stations: str = "ABCDE") -> Network:
    return Network(
        "test",
        Name("试", "Test"),
        "Asia/Shanghai",
        stations=tuple(Station(name, Name(name, name)) for name in stations),
        segments=tuple(Segment("1", start, end, metres) for start, end, metres in segments),
    )


def test_the_shortest_way_counts_in_both_directions() -> None:
    distances = find_distances(_network(("A", "B", 1_000), ("B", "C", 500), ("A", "C", 1_501)))
    assert distances["A"] == {"A": 0, "B": 1_000, "C": 1_500}
    assert distances["C"]["A"] == 1_500


def test_of_two_lines_side_by_side_the_shorter_counts() -> None:
    for segments in [
        (("A", "B", 900), ("B", "A", 700)),
        (("A", "B", 700), ("B", "A", 900)),
    ]:
        assert find_distances(_network(*segments))["A"]["B"] == 700


def test_a_station_without_track_reaches_only_itself() -> None:
    distances = find_distances(_network(("A", "B", 1)))
    assert distances["E"] == {"E": 0}
    assert "E" not in distances["A"]


def test_distances_are_whole_numbers() -> None:
    distances = find_distances(CHENGDU)
    assert {type(metres) for row in distances.values() for metres in row.values()} == {int}


def test_chengdu_is_joined_throughout_and_symmetric() -> None:
    distances = find_distances(CHENGDU)
    stations = {station.station_id for station in CHENGDU.stations}
    assert all(row.keys() == stations for row in distances.values())
    assert all(
        distances[other][station] == metres
        for station, row in distances.items()
        for other, metres in row.items()
    )


def test_a_plain_relaxation_finds_the_same_distances() -> None:
    chance = random.Random(7)
    names = [f"S{number}" for number in range(25)]
    segments = tuple(
        Segment("1", start, end, chance.randrange(300, 3_000))
        for start, end in (chance.sample(names, 2) for _ in range(40))
    )
    network = replace(
        _network(), stations=tuple(Station(n, Name(n, n)) for n in names), segments=segments
    )
    expected = {start: {start: 0} for start in names}
    for start in names:
        row = expected[start]
        for _ in names:
            for segment in segments:
                ends = segment.from_station_id, segment.to_station_id
                for here, there in (ends, ends[::-1]):
                    if here in row:
                        way = row[here] + segment.distance_m
                        row[there] = min(row.get(there, way), way)
    assert find_distances(network) == expected
