"""Network files: a metro network and its first pilot, as an operator writes them in TOML.

`fare_engine/networks/chengdu.toml` is the example of the format. Every fault of a file is
reported, each with its place; list entries are counted from 1. What the entries mean to one another
(a gate of an unknown station, a line that reaches nowhere) is checked by `fare_engine.validation`.
"""

import tomllib
from collections.abc import Callable, Mapping
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from fare_engine.errors import FileInvalid, NotFound
from fare_engine.field_reader import FieldReader
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
)
from fare_engine.policy import Policy

TIANFUTONG = MediumType("tianfutong", Name("天府通", "Tianfutong"), "[0-9]{10,20}")
QR = MediumType(
    "qr", Name("二维码乘车码", "QR ride code"), "[A-Za-z0-9][A-Za-z0-9._@:-]{0,61}(#[1-9])?"
)
BUILTIN_MEDIA = (TIANFUTONG, QR)
"""The media of a network whose file names none of its own."""

Fault = tuple[str, str]
T = TypeVar("T")


class NetworkFile(NamedTuple):
    """A network, the first policy to publish in it, and a station without one to compare with.

    `tariff` are those rules of the first tariff that the file has, as fields of its document.
    """

    network: Network
    pilot: Policy | None
    other_station: str | None
    tariff: Mapping[str, Any] | None = None


def list_builtins() -> list[str]:
    """The names of the networks that come with the engine."""
    folder = resources.files("fare_engine") / "networks"
    return sorted(file.name.removesuffix(".toml") for file in folder.iterdir())


def read_builtin(name: str) -> NetworkFile:
    """A network that comes with the engine; NotFound when there is none of this name."""
    if name not in list_builtins():
        raise NotFound(f"no network {name!r} comes with the engine; it has {list_builtins()}")
    file = resources.files("fare_engine") / "networks" / f"{name}.toml"
    return parse_network(file.read_text("utf-8"), f"{name}.toml")


def read_network(path: Path) -> NetworkFile:
    """A network from an operator's file; FileInvalid names all that is wrong with it."""
    try:
        content = path.read_text("utf-8")
    except OSError as error:
        raise FileInvalid(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise FileInvalid(f"{path}: is not UTF-8 text (byte {error.start})") from error
    return parse_network(content, str(path))


def parse_network(content: str, file_name: str) -> NetworkFile:
    """A network from the text of a file, whose name is given with each fault."""
    try:
        fields = tomllib.loads(content)
    except tomllib.TOMLDecodeError as error:
        raise FileInvalid(f"{file_name}: is not TOML: {error}") from error
    faults: list[Fault] = []
    table = FieldReader(fields, "", faults)
    network = _read_network(table, faults)
    has_tariff = table.find_table("tariff") is not None
    pilot_table = table.find_table("pilot")
    pilot = other_station = None
    if pilot_table is not None:
        pilot = _read_pilot(pilot_table)
        other_station = pilot_table.find_text("other_station")
        pilot_table.finish()
    table.finish()
    if faults:
        raise FileInvalid(
            "\n".join(f"{file_name}: {field}: {message}" for field, message in faults)
        )
    return NetworkFile(network, pilot, other_station, fields["tariff"] if has_tariff else None)


def _read_network(table: FieldReader, faults: list[Fault]) -> Network:
    lines = _read_all(table, "lines", _read_line)
    stations = _read_all(table, "stations", _read_station)
    exits = _read_all(table, "exits", _read_exit)
    gates = _read_all(table, "gates", _read_gate)
    media = _read_all(table, "media", _read_medium) if table.has("media") else BUILTIN_MEDIA
    _check_unique("lines", "line_id", [line.line_id for line in lines], faults)
    _check_unique("stations", "station_id", [station.station_id for station in stations], faults)
    exit_ids = [f"{exit_.station_id} {exit_.exit_id}" for exit_ in exits]
    _check_unique("exits", "exit_id", exit_ids, faults)
    _check_unique("gates", "gate_id", [gate.gate_id for gate in gates], faults)
    _check_unique("media", "code", [medium.code for medium in media], faults)
    return Network(
        network_id=table.get_text("network_id"),
        name=_read_name(table),
        time_zone=table.get_text("time_zone"),
        currency=table.find_text("currency") or "CNY",
        lines=lines,
        stations=stations,
        segments=_read_segments(table),
        exits=exits,
        gates=gates,
        media=media,
    )


def _read_all(table: FieldReader, field: str, read: Callable[[FieldReader], T]) -> tuple[T, ...]:
    entries = []
    for entry in table.list_tables(field):
        entries.append(read(entry))
        entry.finish()
    return tuple(entries)


def _check_unique(field: str, id_field: str, ids: list[str], faults: list[Fault]) -> None:
    first_places: dict[str, int] = {}
    for place, entry_id in enumerate(ids, start=1):
        first = first_places.setdefault(entry_id, place)
        if first != place and entry_id.strip():
            faults.append(
                (f"{field}[{place}].{id_field}", f"{entry_id!r} is taken by {field}[{first}]")
            )


def _read_name(table: FieldReader) -> Name:
    name = table.get_table("name")
    read = Name(name.get_text("zh"), name.get_text("en"))
    name.finish()
    return read


def _read_line(table: FieldReader) -> Line:
    return Line(
        table.get_text("line_id"), _read_name(table), table.find_text("colour") or "#888888"
    )


def _read_station(table: FieldReader) -> Station:
    return Station(
        table.get_text("station_id"),
        _read_name(table),
        table.find_number("latitude"),
        table.find_number("longitude"),
    )


def _read_segments(table: FieldReader) -> tuple[Segment, ...]:
    segments = []
    for place, row in table.list_entries("segments"):
        match row:
            case [str(line_id), str(start), str(end), int(metres)] if type(metres) is int:
                segments.append(Segment(line_id, start, end, metres))
            case _:
                table.fault(place, 'must be a row ["line_id", "station_id", "station_id", metres]')
    return tuple(segments)


def _read_exit(table: FieldReader) -> Exit:
    return Exit(table.get_text("station_id"), table.get_text("exit_id"), _read_name(table))


def _read_gate(table: FieldReader) -> Gate:
    directions = set()
    for name in table.list_texts("directions"):
        if name in ("entry", "exit"):
            directions.add(Direction[name.upper()])
        else:
            table.fault("directions", f"must hold entry and exit only, not {name!r}")
    return Gate(
        table.get_text("gate_id"),
        table.get_text("station_id"),
        frozenset(directions),
        table.find_text("exit_id"),
        table.find_text("controller"),
    )


def _read_medium(table: FieldReader) -> MediumType:
    return MediumType(table.get_text("code"), _read_name(table), table.get_text("id_pattern"))


def _read_pilot(table: FieldReader) -> Policy:
    return Policy(
        station_id=table.get_text("station_id"),
        version=1,
        window_ms=table.get_integer("window_seconds") * 1_000,
        media=frozenset(table.list_texts("media")),
        designated_gates=frozenset(table.list_texts("designated_gates")),
        effective_from_ms=table.get_moment_ms("effective_from"),
        effective_to_ms=table.find_moment_ms("effective_to"),
        daily_limit=table.find_integer("daily_limit"),
        note=table.find_text("note") or "",
    )
