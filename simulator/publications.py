"""What was published, as the documents that the auditor reads (`simulator/auditor/published.py`).

Of a server they are what its API answers an admin; of a world, what its directory was made of.
What a catalogue holds is made of the documents of the contract (`fare_engine.documents`).
"""

from collections.abc import Iterator
from typing import Final

import httpx2

from fare_engine.catalogue import Catalogue
from fare_engine.documents import (
    Document,
    gate_document,
    medium_document,
    mode_document,
    policy_document,
    suspension_document,
    tariff_document,
)
from fare_engine.network import Network
from fare_engine.network_file import read_builtin
from fare_engine.setup import make_first_tariff
from fare_engine.times import format_ms
from simulator.serving import NotServed
from simulator.world.chengdu import BUILTIN, WorldNetwork

PAGE: Final = 1_000


def describe_builtin_network() -> Document:
    """The tracks of the built-in network. No server publishes the lengths of its own."""
    return describe_network(read_builtin(BUILTIN).network)


def describe_network(network: Network) -> Document:
    """A network as far as fares ask for it."""
    return {
        "segments": [
            [segment.from_station_id, segment.to_station_id, segment.distance_m]
            for segment in network.segments
        ]
    }


def describe_world(world: WorldNetwork) -> Document:
    """What a directory of `make_directory` has published."""
    network = world.network
    tariff = make_first_tariff(read_builtin(BUILTIN)._replace(network=network))
    policies = {policy.station_id: (policy,) for policy in world.policies}
    return describe_catalogue(Catalogue(network, policies, tariffs=(tariff,)))


def describe_catalogue(catalogue: Catalogue) -> Document:
    """All that a catalogue has published."""
    return describe_lasting(catalogue) | describe_changing(catalogue)


def describe_lasting(catalogue: Catalogue) -> Document:
    """What of a catalogue seldom changes: gates, media and tariffs."""
    network = catalogue.network
    return {
        "gates": [gate_document(gate) for gate in network.gates],
        "media": [_name_type(medium_document(medium)) for medium in network.media],
        "tariffs": [tariff_document(tariff, network.time_zone) for tariff in catalogue.tariffs],
    }


def describe_changing(catalogue: Catalogue) -> Document:
    """What of a catalogue belongs to its stations, and changes by the hour."""
    zone = catalogue.network.time_zone
    return {
        "policies": [
            policy_document(policy, zone)
            for versions in catalogue.policies.values()
            for policy in versions
        ],
        "suspensions": [
            {"station_id": station_id} | suspension_document(suspension, zone)
            for station_id, suspensions in catalogue.suspensions.items()
            for suspension in suspensions
        ],
        "degraded_modes": [
            {"station_id": station_id} | mode_document(mode, zone)
            for station_id, modes in catalogue.modes.items()
            for mode in modes
        ],
    }


def describe_block(medium: str, since_ms: int, zone: str) -> Document:
    """A medium on the block list, named as the auditor names it."""
    return {"medium": medium, "blocked_at": format_ms(since_ms, zone)}


def _name_type(medium: Document) -> Document:
    """A medium as taps name it: by its type."""
    return medium | {"type": medium["code"]}


def fetch_published(url: str, key: str) -> Document:
    """What a server has published, of all times; NotServed when it does not answer."""
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
        "media": [*map(_name_type, _list(client, "/v1/media-types"))],
        "policies": [*_list_at(client, places["policies"], "policies")],
        # A list leaves large tables of fares out.
        "tariffs": [
            client.get(f"/v1/tariffs/{tariff['version']}").raise_for_status().json()
            for tariff in _list(client, "/v1/tariffs")
        ],
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
