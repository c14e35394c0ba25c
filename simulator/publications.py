"""What was published, as the documents that the auditor reads (`simulator/auditor/published.py`).

Of a server they are what its API tells an admin; of a world, what its directory was made of.
"""

from collections.abc import Iterator
from typing import Any, Final

import httpx2

from api.views.catalogue import answer_policy, answer_tariff
from fare_engine.network_file import read_builtin
from fare_engine.setup import make_first_tariff
from simulator.serving import NotServed
from simulator.world.chengdu import BUILTIN, WorldNetwork

PAGE: Final = 1_000

Document = dict[str, Any]


def tell_network() -> Document:
    """The tracks of the built-in network. No server tells the lengths of its own."""
    segments = read_builtin(BUILTIN).network.segments
    return {
        "segments": [
            [segment.from_station_id, segment.to_station_id, segment.distance_m]
            for segment in segments
        ]
    }


def tell_world(world: WorldNetwork) -> Document:
    """What a directory of `make_directory` has published."""
    network = world.network
    tariff = make_first_tariff(read_builtin(BUILTIN)._replace(network=network))
    zone = network.time_zone
    return {
        "gates": [
            {
                "gate_id": gate.gate_id,
                "station_id": gate.station_id,
                "directions": [direction.name.lower() for direction in gate.directions],
            }
            for gate in network.gates
        ],
        "media": [
            {"type": medium.code, "id_pattern": medium.id_pattern} for medium in network.media
        ],
        "policies": [answer_policy(policy, zone).model_dump() for policy in world.policies],
        "tariffs": [answer_tariff(tariff, zone).model_dump()],
    }


def fetch_published(url: str, key: str) -> Document:
    """What a server has published, of all times; NotServed when it does not tell."""
    headers = {"Authorization": f"Bearer {key}"}
    with httpx2.Client(base_url=url, headers=headers, trust_env=False) as client:
        try:
            return _fetch(client)
        except httpx2.HTTPStatusError as error:
            raise NotServed(f"{error}: {error.response.text}") from error
        except httpx2.TransportError as error:
            raise NotServed(f"{url} cannot be reached: {error}") from error


def _fetch(client: httpx2.Client) -> Document:
    changes = [*_list(client, "/v1/audit")][::-1]
    suspensions: dict[str, list[Document]] = {}
    for change in changes:
        held = suspensions.setdefault(change["subject"], [])
        if change["action"] == "policy.suspended":
            held.append(change["after"])
        elif change["action"] == "policy.resumed":
            held[-1] = change["after"]
    # A network has hundreds of stations, and few of them ever had a policy or a bad day.
    places = {
        kind: sorted({change["subject"] for change in changes if change["action"] == action})
        for kind, action in (("policies", "policy.published"), ("modes", "mode.started"))
    }
    return {
        "gates": [*_list(client, "/v1/gates")],
        "media": [medium | {"type": medium["code"]} for medium in _list(client, "/v1/media-types")],
        "policies": [*_list_at(client, places["policies"], "policies")],
        "tariffs": [*_list(client, "/v1/tariffs")],
        "suspensions": [
            suspension | {"station_id": station_id}
            for station_id, held in suspensions.items()
            for suspension in held
        ],
        "degraded_modes": [*_list_at(client, places["modes"], "modes")],
    }


def _list_at(client: httpx2.Client, stations: list[str], kind: str) -> Iterator[Document]:
    for station_id in stations:
        for item in _list(client, f"/v1/stations/{station_id}/{kind}"):
            yield item | {"station_id": station_id}


def _list(client: httpx2.Client, path: str) -> Iterator[Document]:
    """All items of a list, page by page."""
    cursor: str | None = None
    while True:
        wanted = {"limit": str(PAGE)} | ({"cursor": cursor} if cursor else {})
        page = client.get(path, params=wanted).raise_for_status().json()
        yield from page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            return
