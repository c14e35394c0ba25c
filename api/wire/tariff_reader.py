"""Reads a new tariff from the bytes of a request, of which the fare table may be megabytes.

Taps are decided meanwhile, and while C code works in one thread no other thread of the process
does. So the table is cut out of the document, and read a few rows at a time.
"""

import codecs
from collections import defaultdict
from collections.abc import Collection, Iterator
from typing import Any, Final

import msgspec
from pydantic import ValidationError

from api.contract.problems import FAULTS_SHOWN_MAX, Refused, clean_field
from api.contract.taps import FARE_MAX
from api.contract.tariffs import EXPLICIT_FARES_MAX, TariffRequest
from api.wire.strict_json import read_json
from fare_engine.explicit_fares import ExplicitFares

SLICE_BYTES: Final = 8_192
"""A few hundred rows, read in less than a millisecond."""

Row = tuple[str, str, int]
Fault = tuple[str, str]

_TABLE: Final = "explicit_fares"
_ROW: Final = 'must be a row ["station_id", "station_id", fen]'
_MEMBERS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ROWS: Final = msgspec.json.Decoder(list[Row])
_ANY_ROWS: Final = msgspec.json.Decoder(list[Any])


def read_tariff(
    body: bytes, station_ids: Collection[str], document_bytes_max: int
) -> tuple[TariffRequest, ExplicitFares]:
    """A tariff and its fare table; Refused names every field that does not fit, up to a number.

    `document_bytes_max` limits the document without its table.
    """
    body = body.removeprefix(codecs.BOM_UTF8)
    try:
        members = _MEMBERS.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        members = {}  # the checks below say what is wrong with it
    table = bytes(members.get(_TABLE, b""))
    rest = _cut(body, table) if table.startswith(b"[") else body
    if len(rest) > document_bytes_max:
        fault = f"a tariff may have {document_bytes_max} bytes beside its explicit_fares"
        raise Refused("body-too-large", fault)
    text = read_json(rest)
    faults: list[Fault] = []
    fares = ExplicitFares({})
    if table == b"null":
        faults.append((_TABLE, "null stands in lists for a large table; leave it out for none"))
    if rest is not body:
        fares = _TableReader(station_ids, faults).read(table)
    try:
        request = TariffRequest.model_validate_json(text)
    except ValidationError as error:
        faults = [
            (".".join(map(str, it["loc"])), _say(it["msg"])) for it in error.errors()
        ] + faults
    if faults:
        detail = "; ".join(f"{clean_field(field)}: {message}" for field, message in faults[:3])
        raise Refused("invalid-request", detail, faults[:FAULTS_SHOWN_MAX])
    return request, fares


def _cut(body: bytes, table: bytes) -> bytes:
    """A body with an empty table in place of its own."""
    place = body.find(table[:SLICE_BYTES])
    while body[place : place + len(table)] != table:
        place = body.find(table[:SLICE_BYTES], place + 1)
    return body[:place] + b"[]" + body[place + len(table) :]


def _say(message: str) -> str:
    return message.removeprefix("Value error, ")


class _TableReader:
    """Reads the rows of a table until there are too many faults to list."""

    def __init__(self, station_ids: Collection[str], faults: list[Fault]) -> None:
        self._stations = {station_id: station_id for station_id in station_ids}
        self._faults = faults
        self._rows: dict[str, dict[str, int]] = defaultdict(dict)
        self._fares: dict[int, int] = {}
        self._count = 0

    def read(self, table: bytes) -> ExplicitFares:
        for part in _slice(table):
            try:
                self._take(_ROWS.decode(part))
            except (msgspec.ValidationError, UnicodeDecodeError):
                self._take_bad(part)
            except msgspec.DecodeError:  # a bracket within a text, so no row of stations
                self._fault(self._count, _ROW)
                break
            if self._count > EXPLICIT_FARES_MAX:
                self._faults.append((_TABLE, f"must be at most {EXPLICIT_FARES_MAX} rows"))
                break
            if len(self._faults) >= FAULTS_SHOWN_MAX:
                break
        return ExplicitFares(dict(self._rows))

    def _take(self, rows: list[Row]) -> None:
        for number, (origin, destination, fare) in enumerate(rows, start=self._count):
            start, end = self._stations.get(origin), self._stations.get(destination)
            if start is None or end is None:
                place = 0 if start is None else 1
                self._faults.append((f"{_TABLE}.{number}.{place}", "there is no such station"))
            elif not 0 <= fare <= FARE_MAX:
                fault = f"must be between 0 and {FARE_MAX} fen"
                self._faults.append((f"{_TABLE}.{number}.2", fault))
            elif end in self._rows[start]:
                self._fault(number, f"{start!r} to {end!r} is there twice")
            else:
                self._rows[start][end] = self._fares.setdefault(fare, fare)
        self._count += len(rows)

    def _take_bad(self, part: bytes) -> None:
        try:
            rows = _ANY_ROWS.decode(part)
        except UnicodeDecodeError:
            self._fault(self._count, "is not UTF-8 text")
            return
        for number, row in enumerate(rows, start=self._count):
            match row:
                case [str(), str(), int(fare)] if type(fare) is int:
                    pass
                case _:
                    self._fault(number, _ROW)
        self._count += len(rows)

    def _fault(self, number: int, message: str) -> None:
        self._faults.append((f"{_TABLE}.{number}", message))


def _slice(table: bytes) -> Iterator[bytes]:
    """A JSON list of lists in parts that are such lists too."""
    start, last = 1, len(table) - 1
    while start < last:
        end = table.find(b"]", min(start + SLICE_BYTES, last)) + 1
        if end > last or end == 0:
            end = last
        part = table[start:end].strip()
        if part:
            yield b"[" + part.removeprefix(b",") + b"]"
        start = end
