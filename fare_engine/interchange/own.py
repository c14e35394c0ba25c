"""The engine's own columns, in CSV or Parquet: one row a tap, as a gate controller knows it.

Needed: `gate_id`, `direction` (entry or exit), `occurred_at` (RFC 3339 with an offset),
`medium_type`, and either `medium_id` or `token` (32 hexadecimal digits, made with the key of the
ledger it goes to). May be there: `tap_id`, `station_id`, `listed_fare` (fen). A blank field is as
a missing column; other columns are not read.
"""

import re
from collections.abc import Callable, Mapping
from typing import Final

from fare_engine.id_pattern import IdPattern
from fare_engine.interchange.mapping import FileMapping
from fare_engine.interchange.moments import MomentReader
from fare_engine.interchange.rows import (
    Fields,
    FileTap,
    MakeToken,
    RowFault,
    RowParser,
    parse_fare,
)
from fare_engine.interchange.tables import ColumnPlaces
from fare_engine.network import DIRECTIONS

NAME: Final = "own"
TOKEN_BYTES: Final = 16

_NEEDED: Final = ("gate_id", "direction", "occurred_at")
_TAP_ID: Final = re.compile(r"[A-Za-z0-9._:-]{1,64}")
_TOKEN: Final = re.compile(rf"[0-9a-fA-F]{{{2 * TOKEN_BYTES}}}")


def list_missing(places: ColumnPlaces, mapping: FileMapping) -> list[str]:
    """The columns that a file would still need to be of this format."""
    missing = places.list_missing(_NEEDED)
    if mapping.medium_type is None:
        missing += places.list_missing(["medium_type"])
    if len(places.list_missing(["medium_id", "token"])) == 2:
        missing.append("medium_id")
    return missing


def make_parser(
    places: ColumnPlaces,
    mapping: FileMapping,
    make_token: MakeToken,
    media: Mapping[str, IdPattern],
) -> RowParser:
    """What makes taps of this file's rows; `media` are the known types and their id patterns."""
    gate_place, direction_place = places.get("gate_id"), places.get("direction")
    moment_place = places.get("occurred_at")
    id_place, station_place = places.find("tap_id"), places.find("station_id")
    fare_place = places.find("listed_fare")
    read_medium = _medium_reader(places, mapping, make_token, media)
    read_ms = MomentReader().read_ms
    directions = mapping.directions or DIRECTIONS
    words = "entry or exit" if directions is DIRECTIONS else "a word of the mapping's directions"
    gates, stations = dict(mapping.gates), dict(mapping.stations)

    def parse(number: int, fields: Fields) -> FileTap:
        gate = fields[gate_place].strip()
        if not gate:
            raise RowFault("gate_id", "must not be blank")
        direction = directions.get(fields[direction_place].strip())
        if direction is None:
            raise RowFault("direction", f"must be {words}")
        try:
            occurred_at_ms = read_ms(fields[moment_place].strip())
        except ValueError as error:
            raise RowFault("occurred_at", str(error)) from None
        medium_type, token = read_medium(fields)
        tap_id = fields[id_place].strip() if id_place is not None else ""
        if tap_id and not _TAP_ID.fullmatch(tap_id):
            raise RowFault("tap_id", "must be 1 to 64 of A-Z a-z 0-9 . _ : -")
        station = fields[station_place].strip() if station_place is not None else ""
        listed = fields[fare_place].strip() if fare_place is not None else ""
        return FileTap(
            occurred_at_ms,
            number,
            gates.setdefault(gate, gate),
            stations.setdefault(station, station) or None,
            direction,
            medium_type,
            token,
            tap_id or None,
            parse_fare(listed, "listed_fare") if listed else None,
        )

    return parse


def _medium_reader(
    places: ColumnPlaces,
    mapping: FileMapping,
    make_token: MakeToken,
    media: Mapping[str, IdPattern],
) -> Callable[[Fields], tuple[str, bytes]]:
    type_place = None if mapping.medium_type is not None else places.get("medium_type")
    id_place, token_place = places.find("medium_id"), places.find("token")
    codes = {code: code for code in media}

    def read_medium(fields: Fields) -> tuple[str, bytes]:
        spelled = mapping.medium_type if type_place is None else fields[type_place].strip()
        code = codes.get(spelled or "")
        if code is None:
            raise RowFault("medium_type", f"must be one of {', '.join(sorted(codes))}")
        token = fields[token_place].strip() if token_place is not None else ""
        medium_id = fields[id_place].strip() if id_place is not None else ""
        if bool(token) == bool(medium_id):
            raise RowFault("medium_id", "either it or token must be there, and not both")
        if medium_id:
            if not media[code](medium_id):
                raise RowFault("medium_id", f"does not fit the pattern of {code}")
            return code, make_token(code, medium_id)
        if not _TOKEN.fullmatch(token):
            raise RowFault("token", f"must be {2 * TOKEN_BYTES} hexadecimal digits")
        return code, bytes.fromhex(token)

    return read_medium
