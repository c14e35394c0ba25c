"""Shortest distances over the network in metres, worked out once when it is configured."""

from functools import lru_cache

import networkx as nx

from fare_engine.network import Distances, Network, Segment


def find_distances(network: Network) -> Distances:
    """The shortest distance between every two stations that tracks join, in whole metres.

    A station is at distance 0 from itself; pairs that no track joins are left out. Passengers may
    change lines wherever two of them meet in one station, and a change adds no distance.
    """
    station_ids = tuple(station.station_id for station in network.stations)
    return _find_distances(station_ids, tuple(network.segments))


# What is published changes far more often than its tracks.
@lru_cache(maxsize=2)
def _find_distances(station_ids: tuple[str, ...], segments: tuple[Segment, ...]) -> Distances:
    tracks: dict[tuple[str, str], int] = {}
    for segment in segments:
        start, end = sorted((segment.from_station_id, segment.to_station_id))
        # Two lines may run side by side: the shorter way counts.
        known_m = tracks.get((start, end), segment.distance_m)
        tracks[start, end] = min(known_m, segment.distance_m)
    graph: nx.Graph[str] = nx.Graph()
    graph.add_nodes_from(station_ids)
    graph.add_weighted_edges_from((*ends, metres) for ends, metres in tracks.items())
    return {
        station: {other: int(metres) for other, metres in row.items()}
        for station, row in nx.all_pairs_dijkstra_path_length(graph)
    }
