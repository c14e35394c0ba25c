"""What a server has published, as anyone may read it and as the auditor wants it."""

from typing import Any, Final

import httpx2

from simulator.serving import NotServed
from simulator.world.chengdu import make_network

PAGE: Final = 1_000
"""More of one kind are not simulated."""


def fetch_published(url: str, key: str) -> dict[str, Any]:
    """Gates, media, policies and tariffs, from the routes that tell them."""
    headers = {"Authorization": f"Bearer {key}"}
    with httpx2.Client(base_url=url, headers=headers, timeout=60, trust_env=False) as client:
        stations = _list(client, "/v1/stations")
        return {
            "gates": [
                {**gate, "station_id": station["station_id"]}
                for station in stations
                for gate in station["gates"]
            ],
            "media": [
                {"type": medium["code"], "id_pattern": medium["id_pattern"]}
                for medium in _list(client, "/v1/media-types")
            ],
            "policies": [
                policy
                for station in stations
                if station["policy"] is not None
                for policy in _list(client, f"/v1/stations/{station['station_id']}/policies")
            ],
            "tariffs": _list(client, "/v1/tariffs"),
        }


def tell_network() -> dict[str, Any]:
    """The tracks of the simulated network, which no route tells."""
    return {
        "segments": [
            [segment.from_station_id, segment.to_station_id, segment.distance_m]
            for segment in make_network().network.segments
        ]
    }


def _list(client: httpx2.Client, path: str) -> list[dict[str, Any]]:
    try:
        page = client.get(path, params={"limit": PAGE}).raise_for_status().json()
    except httpx2.HTTPStatusError as error:
        raise NotServed(f"{error}: {error.response.text}") from error
    if page["next_cursor"] is not None:
        raise NotServed(f"{path} tells more than {PAGE:,}")
    items: list[dict[str, Any]] = page["items"]
    return items
