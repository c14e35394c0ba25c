"""Faults of a network: ids, and entries that refer to what is not there."""

import re
from collections.abc import Iterable, Sequence

from fare_engine.id_pattern import IdPatternInvalid, check_id_pattern
from fare_engine.network import Gate, MediumType, Name, Network, Station
from fare_engine.validation.faults import Faults, is_time_zone, under

# As wide as the ledger's columns.
_ID = re.compile("[A-Za-z0-9][A-Za-z0-9_-]{0,15}")
_NETWORK_ID = re.compile("[A-Za-z0-9][A-Za-z0-9_-]{0,31}")
_GATE_ID = re.compile("[A-Za-z0-9][A-Za-z0-9._:-]{0,63}")
_MEDIUM_CODE = re.compile("[a-z][a-z0-9_]{0,31}")
_COLOUR = re.compile("#[0-9A-Fa-f]{6}([0-9A-Fa-f]{2})?")
_CURRENCY = re.compile("[A-Z]{3}")
_NAME_LENGTH_MAX = 64
_CONTROLLER_LENGTH_MAX = 64
PLACEMENTS_MAX = 200
"""A gate moves a few times in its life; beyond that a program has gone wrong."""
DISTANCE_MAX_M = 1_000_000
"""No two neighbouring stations of a metro are further apart."""


def network_faults(network: Network) -> Faults:
    """Every fault of a network by itself, apart from policies and tariffs."""
    yield from _own_faults(network)
    yield from _line_faults(network)
    yield from _station_faults(network)
    yield from _segment_faults(network)
    yield from _exit_faults(network)
    yield from _all_gate_faults(network)
    yield from _media_faults(network.media)


def id_pattern_faults(media: Iterable[MediumType]) -> Faults:
    """Faults of the id patterns of media types that are to be stored.

    Not of those that are stored: an older version took some that can be evaluated no longer, and
    one such type must not keep all others from being served.
    """
    for medium in media:
        try:
            check_id_pattern(medium.id_pattern)
        except IdPatternInvalid as error:
            yield f"media.{medium.code}.id_pattern", str(error)


def _own_faults(network: Network) -> Faults:
    yield from _id_faults("network_id", network.network_id, _NETWORK_ID)
    yield from _name_faults("name", network.name)
    if not is_time_zone(network.time_zone):
        yield "time_zone", f"there is no time zone {network.time_zone!r}"
    if not _CURRENCY.fullmatch(network.currency):
        yield "currency", f"must be a code of three capital letters, not {network.currency!r}"


def _line_faults(network: Network) -> Faults:
    yield from _duplicate_faults("lines", [line.line_id for line in network.lines])
    for line in network.lines:
        place = f"lines.{line.line_id}"
        yield from _id_faults(f"{place}.line_id", line.line_id, _ID)
        yield from _name_faults(f"{place}.name", line.name)
        if not _COLOUR.fullmatch(line.colour):
            yield f"{place}.colour", f"must be a colour as #263D96, not {line.colour!r}"


def _station_faults(network: Network) -> Faults:
    if not network.stations:
        yield "stations", "a network needs at least one station"
    yield from _duplicate_faults("stations", [s.station_id for s in network.stations])
    for station in network.stations:
        place = f"stations.{station.station_id}"
        yield from _id_faults(f"{place}.station_id", station.station_id, _ID)
        yield from _name_faults(f"{place}.name", station.name)
        yield from _position_faults(place, station)


def _position_faults(place: str, station: Station) -> Faults:
    # Written so that a coordinate that is no number fails too.
    if station.latitude is not None and not -90 <= station.latitude <= 90:
        yield f"{place}.latitude", "must be between -90 and 90 degrees"
    if station.longitude is not None and not -180 <= station.longitude <= 180:
        yield f"{place}.longitude", "must be between -180 and 180 degrees"


def _segment_faults(network: Network) -> Faults:
    line_ids = {line.line_id for line in network.lines}
    station_ids = {station.station_id for station in network.stations}
    for number, segment in enumerate(network.segments, start=1):
        place = f"segments[{number}]"
        if segment.line_id not in line_ids:
            yield f"{place}.line_id", f"there is no line {segment.line_id!r}"
        for end in (segment.from_station_id, segment.to_station_id):
            if end not in station_ids:
                yield f"{place}.station_id", f"there is no station {end!r}"
        if segment.from_station_id == segment.to_station_id:
            yield place, f"joins station {segment.from_station_id!r} to itself"
        if not 0 < segment.distance_m <= DISTANCE_MAX_M:
            yield (
                f"{place}.distance_m",
                f"must be between 1 and {DISTANCE_MAX_M} metres, not {segment.distance_m}",
            )


def _exit_faults(network: Network) -> Faults:
    station_ids = {station.station_id for station in network.stations}
    places = [f"{exit_.station_id}.{exit_.exit_id}" for exit_ in network.exits]
    yield from _duplicate_faults("exits", places)
    for place, exit_ in zip(places, network.exits, strict=True):
        yield from _id_faults(f"exits.{place}.exit_id", exit_.exit_id, _ID)
        yield from _name_faults(f"exits.{place}.name", exit_.name)
        if exit_.station_id not in station_ids:
            yield f"exits.{place}.station_id", f"there is no station {exit_.station_id!r}"


def _all_gate_faults(network: Network) -> Faults:
    yield from _duplicate_faults("gates", [gate.gate_id for gate in network.gates])
    station_ids, exits = _list_places(network)
    for gate in network.gates:
        for placement in gate.placements:
            may_be_down = placement is not gate.placements[0]
            faults = _gate_faults(placement, station_ids, exits, may_be_down=may_be_down)
            yield from under(f"gates.{gate.gate_id}", faults)


def gate_faults(network: Network, gate: Gate, placement: Gate) -> Faults:
    """Faults of one placement of a gate in a network, by the field names of the contract."""
    may_be_down = placement.effective_from_ms != gate.placements[0].effective_from_ms
    yield from _gate_faults(placement, *_list_places(network), may_be_down=may_be_down)
    if len(gate.placements) > PLACEMENTS_MAX:
        yield "effective_from", f"a gate cannot have more than {PLACEMENTS_MAX} placements"


def _list_places(network: Network) -> tuple[set[str], set[tuple[str, str]]]:
    """Where gates may stand: stations, and exits of stations."""
    exits = {(exit_.station_id, exit_.exit_id) for exit_ in network.exits}
    return {station.station_id for station in network.stations}, exits


def _gate_faults(
    gate: Gate, station_ids: set[str], exits: set[tuple[str, str]], *, may_be_down: bool
) -> Faults:
    yield from _id_faults("gate_id", gate.gate_id, _GATE_ID)
    if gate.station_id not in station_ids:
        yield "station_id", f"there is no station {gate.station_id!r}"
    elif gate.exit_id is not None and (gate.station_id, gate.exit_id) not in exits:
        yield "exit_id", _missing_exit(gate, exits)
    if not gate.directions and not may_be_down:
        yield "directions", "a gate needs a direction: entry, exit or both"
    if len(gate.controller or "") > _CONTROLLER_LENGTH_MAX:
        yield "controller", f"has more than {_CONTROLLER_LENGTH_MAX} characters"


def _missing_exit(gate: Gate, exits: set[tuple[str, str]]) -> str:
    elsewhere = sorted(station for station, exit_id in exits if exit_id == gate.exit_id)
    hint = f"; exit {gate.exit_id!r} belongs to {', '.join(elsewhere[:3])}" if elsewhere else ""
    return f"station {gate.station_id!r} has no exit {gate.exit_id!r}{hint}"


def _media_faults(media: Sequence[MediumType]) -> Faults:
    if not media:
        yield "media", "a network needs at least one media type"
    yield from _duplicate_faults("media", [medium.code for medium in media])
    for medium in media:
        yield from under(f"media.{medium.code}", medium_type_faults(medium))


def medium_type_faults(medium: MediumType) -> Faults:
    """Faults of one media type by itself, by the field names of the contract."""
    if not _MEDIUM_CODE.fullmatch(medium.code):
        yield "code", f"must be small letters, digits and _ (at most 32), not {medium.code!r}"
    yield from _name_faults("name", medium.name)


def _id_faults(field: str, value: str, pattern: re.Pattern[str]) -> Faults:
    if not pattern.fullmatch(value):
        yield field, f"must be short ASCII as {pattern.pattern}, not {value!r}"


def _name_faults(field: str, name: Name) -> Faults:
    for language, text in (("zh", name.zh), ("en", name.en)):
        if not 0 < len(text.strip()) <= _NAME_LENGTH_MAX:
            yield f"{field}.{language}", f"must have 1 to {_NAME_LENGTH_MAX} characters"


def _duplicate_faults(field: str, ids: Sequence[str]) -> Faults:
    seen: set[str] = set()
    for entry_id in ids:
        if entry_id in seen:
            yield f"{field}.{entry_id}", "is there twice"
        seen.add(entry_id)
