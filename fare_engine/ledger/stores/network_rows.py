"""The network in the ledger's tables: stored by `init`, read whenever a catalogue is made."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, Row, Table, select

from fare_engine.errors import ConfigurationError
from fare_engine.ledger import schema
from fare_engine.network import (
    Direction,
    Exit,
    Gate,
    Line,
    MediumType,
    Name,
    Network,
    Segment,
    Station,
    put_in_sequence,
)
from fare_engine.versions import ALWAYS_MS


def insert_network(connection: Connection, network: Network) -> Network:
    """Store a network in an empty ledger; gates and media come back with their numbers."""
    network = replace(
        network,
        gates=tuple(replace(gate, number=n) for n, gate in enumerate(network.gates, 1)),
        media=tuple(replace(medium, number=n) for n, medium in enumerate(network.media, 1)),
    )
    names = _name_columns
    own = {
        "network_id": network.network_id,
        **names(network.name),
        "time_zone": network.time_zone,
        "currency": network.currency,
    }
    _insert(connection, schema.networks, [own])
    _insert(
        connection,
        schema.stations,
        (
            {
                "number": number,
                "station_id": station.station_id,
                **names(station.name),
                "latitude": station.latitude,
                "longitude": station.longitude,
            }
            for number, station in enumerate(network.stations, start=1)
        ),
    )
    _insert(
        connection,
        schema.lines,
        (
            {
                "position": position,
                "line_id": line.line_id,
                **names(line.name),
                "colour": line.colour,
            }
            for position, line in enumerate(network.lines, start=1)
        ),
    )
    _insert(
        connection,
        schema.segments,
        (
            {
                "position": position,
                "line_id": segment.line_id,
                "from_station_id": segment.from_station_id,
                "to_station_id": segment.to_station_id,
                "distance_m": segment.distance_m,
            }
            for position, segment in enumerate(network.segments, start=1)
        ),
    )
    _insert(
        connection,
        schema.exits,
        (
            {
                "station_id": exit_.station_id,
                "exit_id": exit_.exit_id,
                **names(exit_.name),
            }
            for exit_ in network.exits
        ),
    )
    _insert(connection, schema.gates, map(gate_columns, network.gates))
    _insert(connection, schema.media_types, map(_medium_columns, network.media))
    return network


def has_network(connection: Connection) -> bool:
    """Whether a network was stored."""
    return connection.execute(select(schema.networks.c.network_id)).first() is not None


def read_network(connection: Connection) -> Network:
    """The stored network, in the order in which it was stored."""
    own = connection.execute(select(schema.networks)).first()
    if own is None:
        raise ConfigurationError("the ledger holds no network; `fare-engine init` stores one")
    return Network(
        network_id=own.network_id,
        name=_name(own),
        time_zone=own.time_zone,
        currency=own.currency,
        lines=tuple(
            Line(row.line_id, _name(row), row.colour)
            for row in connection.execute(select(schema.lines).order_by("position"))
        ),
        stations=tuple(
            Station(row.station_id, _name(row), row.latitude, row.longitude)
            for row in connection.execute(select(schema.stations).order_by("number"))
        ),
        segments=tuple(
            Segment(row.line_id, row.from_station_id, row.to_station_id, row.distance_m)
            for row in connection.execute(select(schema.segments).order_by("position"))
        ),
        exits=_read_exits(connection),
        gates=read_gates(connection),
        media=read_media(connection),
    )


def _read_exits(connection: Connection) -> tuple[Exit, ...]:
    rows = connection.execute(select(schema.exits))
    exits = (Exit(row.station_id, row.exit_id, _name(row)) for row in rows)
    # Databases differ in how they order text.
    return tuple(sorted(exits, key=lambda exit_: (exit_.station_id, exit_.exit_id)))


def read_gates(connection: Connection) -> tuple[Gate, ...]:
    """Every gate, in the order of their numbers."""
    placed: dict[int, list[Row[Any]]] = defaultdict(list)
    for row in connection.execute(select(schema.gate_placements).order_by("placement")):
        placed[row.gate].append(row)
    gates = (_gate(row) for row in connection.execute(select(schema.gates).order_by("number")))
    return tuple(_place(gate, placed.get(gate.number, ())) for gate in gates)


def read_media(connection: Connection) -> tuple[MediumType, ...]:
    """Every media type, in the order of their numbers."""
    return tuple(
        MediumType(row.code, _name(row), row.id_pattern, row.number)
        for row in connection.execute(select(schema.media_types).order_by("number"))
    )


def insert_medium_type(connection: Connection, medium: MediumType) -> None:
    """Store a media type beside those that are there."""
    _insert(connection, schema.media_types, [_medium_columns(medium)])


def update_medium_type(connection: Connection, medium: MediumType) -> None:
    """Store what a media type is from now on, by its number."""
    table = schema.media_types
    update = table.update().where(table.c.number == medium.number)
    connection.execute(update.values(_medium_columns(medium)))


def read_station_numbers(connection: Connection) -> dict[str, int]:
    """The small integer of each station in the ledger, by station_id."""
    stations = schema.stations.c
    rows = connection.execute(select(stations.station_id, stations.number))
    return {row.station_id: row.number for row in rows}


def _insert(connection: Connection, table: Table, rows: Iterable[dict[str, Any]]) -> None:
    found = list(rows)
    if found:
        connection.execute(table.insert(), found)


def _name_columns(name: Name) -> dict[str, str]:
    return {"name_zh": name.zh, "name_en": name.en}


def _name(row: Row[Any]) -> Name:
    return Name(row.name_zh, row.name_en)


def _medium_columns(medium: MediumType) -> dict[str, Any]:
    return {
        "number": medium.number,
        "code": medium.code,
        **_name_columns(medium.name),
        "id_pattern": medium.id_pattern,
    }


def gate_columns(gate: Gate) -> dict[str, Any]:
    """A gate as a row of its table."""
    return {"number": gate.number, "gate_id": gate.gate_id, **_placement_columns(gate)}


def insert_placement(connection: Connection, gate: Gate) -> None:
    """Store where a gate stands from an instant on, beside what is stored of it."""
    from_ms = gate.effective_from_ms
    row = {
        "gate": gate.number,
        "effective_from": None if from_ms == -ALWAYS_MS else from_ms,
        **_placement_columns(gate),
    }
    _insert(connection, schema.gate_placements, [row])


def _placement_columns(gate: Gate) -> dict[str, Any]:
    return {
        "station_id": gate.station_id,
        "exit_id": gate.exit_id,
        "directions": sum(gate.directions),
        "controller": gate.controller,
    }


def _place(gate: Gate, rows: Iterable[Row[Any]]) -> Gate:
    """A gate with its placements, of which the first row of the table is one where any are."""
    placements = {}
    for row in rows:
        from_ms = -ALWAYS_MS if row.effective_from is None else row.effective_from
        placements[from_ms] = Gate(
            gate.gate_id,
            row.station_id,
            _directions(row.directions),
            row.exit_id,
            row.controller,
            gate.number,
            from_ms,
        )
    return put_in_sequence(placements.values()) if placements else gate


def _gate(row: Row[Any]) -> Gate:
    return Gate(
        row.gate_id,
        row.station_id,
        _directions(row.directions),
        row.exit_id,
        row.controller,
        row.number,
    )


def _directions(packed: int) -> frozenset[Direction]:
    return frozenset(direction for direction in Direction if packed & direction)
