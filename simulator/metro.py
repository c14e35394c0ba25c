"""The gates that take part: all that the engine knows, with the keys that speak for them."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, NamedTuple

import httpx2

from simulator.serving import KEY_NAME, NotServed, Served

LANE: Final = "lane"
BESIDE: Final = "beside"
"""Gates of the pilot station that are not on the crossing lane."""
DIRECTIONS: Final = ("entry", "exit")


class Metro(NamedTuple):
    """Gates by place and direction, and the window of the crossing lane.

    A place is the crossing lane, the pilot station beside it, or another station by its id.
    """

    pilot: str
    window_ms: int
    gates: dict[tuple[str, str], list[str]]
    others: list[str]
    station_of: dict[str, str]
    """The station of each gate, by gate_id."""
    names: dict[str, str]
    """Stations as passengers call them, by station_id."""

    def tell_gate(self, gate_id: str) -> str:
        """A gate without its station: A-01."""
        return gate_id.removeprefix(f"{self.station_of[gate_id]}-")

    def name_of(self, gate_id: str) -> str:
        """The station of a gate: 孵化园."""
        return self.names[self.station_of[gate_id]]


@contextmanager
def open_metro(served: Served) -> Iterator[tuple[Metro, dict[str, str]]]:
    """The metro of a server, and the key that speaks for each station's gates.

    Keys that are made here are revoked at the end, so that a directory that is kept holds none
    whose secret is lost.
    """
    keys = served.keys
    made = [keys.made_key_id] if keys.made_key_id else []
    headers = {"Authorization": f"Bearer {keys.admin_key}"}
    with httpx2.Client(base_url=served.url, headers=headers, trust_env=False) as operator:
        try:
            page = operator.get("/v1/stations", params={"limit": 1_000}).raise_for_status().json()
            metro = read_metro(page["items"])
            speaks = dict.fromkeys(keys.spoken_for, keys.gate_key or "")
            silent = {metro.pilot, *metro.others} - keys.spoken_for
            if silent:
                wanted = {"kind": "gate", "name": KEY_NAME, "stations": sorted(silent)}
                key = operator.post("/v1/keys", json=wanted).raise_for_status().json()
                made.insert(0, key["key_id"])
                speaks |= dict.fromkeys(silent, key["key"])
            yield metro, speaks
        except httpx2.HTTPStatusError as error:
            raise NotServed(f"{error}: {error.response.text}") from error
        finally:
            _revoke(operator, made)


def read_metro(stations: list[dict[str, Any]]) -> Metro:
    """What `GET /v1/stations` tells, as places; NotServed when too little is there to simulate."""
    stations = [station for station in stations if station["gates"]]
    pilot = next((station for station in stations if station["policy"]), None)
    if pilot is None:
        raise NotServed("no station with gates has a crossing policy in force")
    gates: dict[tuple[str, str], list[str]] = {}
    for station in stations:
        for gate in station["gates"]:
            place = station["station_id"]
            if station is pilot:
                place = LANE if gate["designated"] else BESIDE
            for direction in gate["directions"]:
                gates.setdefault((place, direction), []).append(gate["gate_id"])
    others = [
        station["station_id"]
        for station in stations
        if station["policy"] is None
        and all((station["station_id"], direction) in gates for direction in DIRECTIONS)
    ]
    if len(others) < 2 or not {(LANE, way) for way in DIRECTIONS} | {
        (BESIDE, way) for way in DIRECTIONS
    } <= set(gates):
        raise NotServed("gates are missing: on the lane, beside it, or at two other stations")
    return Metro(
        pilot["station_id"],
        int(pilot["policy"]["window_seconds"] * 1_000),
        gates,
        others,
        {
            gate["gate_id"]: station["station_id"]
            for station in stations
            for gate in station["gates"]
        },
        {station["station_id"]: station["name"]["zh"] for station in stations},
    )


def _revoke(operator: httpx2.Client, key_ids: list[str]) -> None:
    """Revoke keys, the operator's own last. A server that is gone cannot: it says so elsewhere."""
    for key_id in key_ids:
        try:
            operator.delete(f"/v1/keys/{key_id}")
        except httpx2.TransportError:
            return
