"""The metro of a server, as it tells it: stations with gates, and the policies in force."""

from typing import Any, Final

import httpx2

from fare_engine.distances import find_distances
from fare_engine.network import Direction
from fare_engine.network_file import read_builtin
from simulator.serving import NotServed
from simulator.world.chengdu import BUILTIN
from simulator.world.metro import GateFacts, Metro, PolicyFacts, StationFacts, build_metro

PAGE: Final = 1_000


def fetch_metro(url: str, key: str) -> Metro:
    """What a server knows, as a world's metro."""
    headers = {"Authorization": f"Bearer {key}"}
    stations: list[dict[str, Any]] = []
    cursor: str | None = None
    with httpx2.Client(base_url=url, headers=headers, trust_env=False) as client:
        while True:
            wanted = {"limit": str(PAGE)} | ({"cursor": cursor} if cursor else {})
            try:
                page = client.get("/v1/stations", params=wanted).raise_for_status().json()
            except httpx2.HTTPStatusError as error:
                raise NotServed(f"{error}: {error.response.text}") from error
            except httpx2.TransportError as error:
                raise NotServed(f"{url} cannot be reached: {error}") from error
            stations += page["items"]
            cursor = page["next_cursor"]
            if cursor is None:
                return read_metro(stations)


def read_metro(stations: list[dict[str, Any]]) -> Metro:
    """What `GET /v1/stations` tells; NotServed when too little is there to simulate.

    It tells no distances: those of the built-in network are taken for stations of the same id.
    """
    metro = build_metro(
        [_read_station(place, station) for place, station in enumerate(stations)],
        find_distances(read_builtin(BUILTIN).network),
    )
    if not len(metro.lanes):
        raise NotServed(
            "no station has a crossing policy in force for cards and ride codes, with gates for "
            "both directions on its lane and beside it"
        )
    if len(metro.plain) < 2:
        raise NotServed("gates are missing: at two stations without a policy, for both directions")
    return metro


def _read_station(place: int, station: dict[str, Any]) -> StationFacts:
    policy = station["policy"]
    facts = None
    if policy is not None and not station["suspended"]:
        media, limit = frozenset(policy["media"]), policy["daily_limit"]
        facts = PolicyFacts(int(policy["window_seconds"] * 1_000), media, limit)
    gates = tuple(
        GateFacts(
            gate["gate_id"],
            frozenset(Direction[direction.upper()] for direction in gate["directions"]),
            gate["designated"],
        )
        for gate in station["gates"]
    )
    pull = max(1, len(station["lines"])) * (1 + place * 7 % 4)
    return StationFacts(station["station_id"], station["name"]["zh"], gates, facts, pull)
