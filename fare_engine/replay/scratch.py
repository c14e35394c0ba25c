"""The catalogue of a replay in a scratch ledger, made of what the file names."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from fare_engine.catalogue import Catalogue
from fare_engine.distances import find_distances
from fare_engine.interchange import shenzhen
from fare_engine.interchange.formats import TapFile
from fare_engine.interchange.rows import FileTap
from fare_engine.network import (
    CHENGDU_BANDS,
    Direction,
    FareTable,
    Gate,
    Name,
    Network,
    Station,
)
from fare_engine.network_file import BUILTIN_MEDIA, read_builtin
from fare_engine.replay.pilot import BUILTIN, get_pilot
from fare_engine.setup import make_first_tariff
from fare_engine.tariff import Tariff


def make_default_catalogue(file: TapFile) -> Catalogue:
    """What a file is replayed by when nothing else is named.

    For the engine's own columns that is the built-in network with its pilot, as `init` sets it
    up; for open data an empty network, which `add_seen` fills.
    """
    if file.format_name == shenzhen.NAME:
        tariff = Tariff(1, 0, FareTable({}, CHENGDU_BANDS), note="listed fares")
        name = Name("深圳地铁", "Shenzhen Metro")
        # The built-in media are there for a mapping that names one of them.
        network = Network("shenzhen", name, shenzhen.ZONE, media=BUILTIN_MEDIA)
        return Catalogue(network, tariffs=(tariff,))
    builtin = read_builtin(BUILTIN)
    pilot, tariff = get_pilot(builtin), make_first_tariff(builtin)
    fares = replace(tariff.fares, distances=find_distances(builtin.network))
    return Catalogue(
        builtin.network,
        policies={pilot.station_id: (pilot,)},
        tariffs=(replace(tariff, fares=fares),),
    )


def add_medium(catalogue: Catalogue, file: TapFile) -> Catalogue:
    """The catalogue with the media type that the file's format brings along, if it brings one."""
    if file.medium is None or file.medium.code in catalogue.media:
        return catalogue
    media = (*catalogue.network.media, file.medium)
    return replace(catalogue, network=replace(catalogue.network, media=media), terms={})


def add_seen(catalogue: Catalogue, taps: Sequence[FileTap]) -> Catalogue:
    """The catalogue with the gates that only the file knows, where it names their stations.

    A gate gets the directions it was seen in, and the station it was first seen at. Stations
    that the network does not know come along only when every exit lists its fare, since no
    distance leads to them.
    """
    lists_fares = all(
        tap.listed_fare is not None for tap in taps if tap.direction == Direction.EXIT
    )
    known, stations = catalogue.gates, dict(catalogue.stations)
    seen_at: dict[str, str] = {}
    seen_in: dict[str, set[Direction]] = defaultdict(set)
    for tap in taps:
        gate_id, station_id = tap.gate_id, tap.station_id
        if gate_id in known or station_id is None:
            continue
        if station_id not in stations:
            if not lists_fares:
                continue
            stations[station_id] = Station(station_id, Name(station_id, station_id))
        seen_at.setdefault(gate_id, station_id)
        seen_in[gate_id].add(Direction(tap.direction))
    gates = [Gate(gate, station, frozenset(seen_in[gate])) for gate, station in seen_at.items()]
    network = replace(
        catalogue.network,
        stations=tuple(stations.values()),
        gates=(*catalogue.network.gates, *gates),
    )
    return replace(catalogue, network=network, terms={})
