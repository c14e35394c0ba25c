"""The metro of a server, as its API has it: stations with gates, and the policies in force."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import httpx2

from fare_engine.distances import find_distances
from fare_engine.network import Direction
from fare_engine.network_file import read_builtin
from simulator.serving import KEY_NAME, NotServed, Served
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


@contextmanager
def open_metro(served: Served) -> Iterator[tuple[Metro, str]]:
    """The metro of a server that is ours, and a gate key that speaks for all its stations.

    Keys that are made here are revoked at the end, so that a directory that is kept holds none
    whose secret is lost.
    """
    keys = served.keys
    metro = fetch_metro(served.url, keys.admin_key)
    made = [keys.made_key_id] if keys.made_key_id else []
    headers = {"Authorization": f"Bearer {keys.admin_key}"}
    with httpx2.Client(base_url=served.url, headers=headers, trust_env=False) as operator:
        try:
            stations = [station.station_id for station in metro.stations]
            wanted = {"kind": "gate", "name": KEY_NAME, "stations": stations}
            key = operator.post("/v1/keys", json=wanted).raise_for_status().json()
            made.insert(0, key["key_id"])
            yield metro, key["key"]
        except httpx2.HTTPStatusError as error:
            raise NotServed(f"{error}: {error.response.text}") from error
        finally:
            _revoke(operator, made)


def _revoke(operator: httpx2.Client, key_ids: list[str]) -> None:
    """Revoke keys, the operator's own last. A server that is gone cannot: it says so elsewhere."""
    for key_id in key_ids:
        try:
            operator.delete(f"/v1/keys/{key_id}")
        except httpx2.TransportError:
            return


def read_metro(stations: list[dict[str, Any]]) -> Metro:
    """What `GET /v1/stations` answers; NotServed when too little is there to simulate.

    It has no distances: those of the built-in network are taken for stations of the same id.
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
