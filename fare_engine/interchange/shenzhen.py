"""The open data of Shenzhen's transport cards: one row a card record, of metro and of buses.

Read are `card_no`, `deal_date`, `deal_type`, `deal_value`, `equ_no` and `station`, in any order.

- A gate is its `equ_no`, the number of the machine: no two stations share one. `car_no` is a name
  that stations give anew (IGT-115 stands in dozens of them), and is blank where the station is.
- A station is its name without the 站 that some lines append.
- `deal_date` is local time; `deal_value` at an exit is the listed fare in fen.
- Card numbers are masked by the publisher, so they are a media type of their own.
"""

from collections.abc import Mapping
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
    SkipReason,
    parse_fare,
)
from fare_engine.interchange.tables import ColumnPlaces
from fare_engine.network import Direction, MediumType, Name

NAME: Final = "shenzhen"
ZONE: Final = "Asia/Shanghai"
DIRECTIONS: Final = {"地铁入站": Direction.ENTRY, "地铁出站": Direction.EXIT}
MEDIUM: Final = MediumType(
    "shenzhentong", Name("深圳通（脱敏）", "Shenzhen Tong, masked"), "[0-9A-Za-z]{1,32}"
)
"""The cards of the file; they have no discount, since the listed fare is what is replayed."""
COLUMN_NAMES: Final = {
    "gate_id": "equ_no",
    "station_id": "station",
    "direction": "deal_type",
    "occurred_at": "deal_date",
    "listed_fare": "deal_value",
}

_NEEDED: Final = ("card_no", "deal_date", "deal_type", "deal_value", "equ_no", "station")


def list_missing(places: ColumnPlaces, mapping: FileMapping) -> list[str]:  # noqa: ARG001 - as own
    """The columns that a file would still need to be of this format."""
    return places.list_missing(_NEEDED)


def station_name(text: str) -> str:
    """The name that a station has on all of its lines: 购物公园 and 购物公园站 are one."""
    name = text.strip()
    return name.removesuffix("站") or name


def make_parser(
    places: ColumnPlaces,
    mapping: FileMapping,
    make_token: MakeToken,
    media: Mapping[str, IdPattern],
) -> RowParser:
    """What makes taps of this file's rows; a mapping may name another of the known media types."""
    (
        card_place,
        moment_place,
        type_place,
        fare_place,
        gate_place,
        station_place,
    ) = (places.get(column) for column in _NEEDED)
    code = mapping.medium_type or MEDIUM.code
    fits = media[code]
    read_ms = MomentReader(ZONE).read_ms
    directions = mapping.directions or DIRECTIONS
    by_name = {station_name(name): station for name, station in mapping.stations.items()}
    gates, stations = dict(mapping.gates), dict(mapping.stations)

    def parse(number: int, fields: Fields) -> FileTap:
        direction = directions.get(fields[type_place].strip())
        if direction is None:
            raise RowFault("deal_type", "is no entry or exit of the metro", SkipReason.NOT_METRO)
        spelled = fields[station_place]
        station = stations.get(spelled)
        if station is None:
            name = station_name(spelled)
            if not name:
                raise RowFault("station", "is blank", SkipReason.BLANK_STATION)
            station = stations[spelled] = by_name.setdefault(name, name)
        gate = fields[gate_place].strip()
        if not gate:
            raise RowFault("equ_no", "must not be blank")
        card = fields[card_place].strip()
        if not fits(card):
            raise RowFault("card_no", f"does not fit the pattern of {code}")
        try:
            occurred_at_ms = read_ms(fields[moment_place].strip())
        except ValueError as error:
            raise RowFault("deal_date", str(error)) from None
        listed_fare = None
        if direction == Direction.EXIT:
            listed_fare = parse_fare(fields[fare_place].strip(), "deal_value")
        return FileTap(
            occurred_at_ms,
            number,
            gates.setdefault(gate, gate),
            station,
            direction,
            code,
            make_token(code, card),
            None,
            listed_fare,
        )

    return parse
