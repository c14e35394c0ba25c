"""Small tap files for tests; every row of them is invented."""

import gzip
from collections.abc import Iterable, Iterator
from pathlib import Path

from fare_engine.id_pattern import compile_id_pattern
from fare_engine.interchange.formats import open_tap_file
from fare_engine.interchange.mapping import NO_MAPPING, FileMapping
from fare_engine.interchange.rows import FileRow, FileTap, SkippedRow
from fare_engine.interchange.shenzhen import MEDIUM

OWN_HEADER = "tap_id,gate_id,station_id,direction,medium_type,medium_id,occurred_at,listed_fare"
SHENZHEN_HEADER = (
    "card_no,deal_date,deal_type,deal_money,deal_value,equ_no,company_name,station,car_no,"
    "conn_mark,close_date"
)
CARD = "31048705123456"
MEDIA = {
    "tianfutong": compile_id_pattern("[0-9]{10,20}"),
    "qr": compile_id_pattern("[a-z0-9]{1,32}"),
    MEDIUM.code: compile_id_pattern(MEDIUM.id_pattern),
}


def make_token(medium_type: str, medium_id: str) -> bytes:
    """A token as clear as day, which a test can read."""
    return f"{medium_type[:2]}:{medium_id[-10:]}".encode().ljust(16, b"\0")


def write_file(path: Path, *lines: str, encoding: str = "utf-8") -> Path:
    content = "".join(f"{line}\n" for line in lines).encode(encoding)
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


def metro_row(
    card: str,
    clock: str,
    direction: str,
    station: str,
    *,
    gate: str = "260001101",
    value: str = "200",
    day: str = "2018-09-01",
) -> str:
    """One record of the Shenzhen kind: direction is `in`, `out` or what the file should say."""
    word = {"in": "地铁入站", "out": "地铁出站"}.get(direction, direction)
    fare = "0" if direction == "in" else value
    return (
        f"{card},{day} {clock},{word},{fare},{fare},{gate},地铁一号线,{station},IGT-101,0,"
        f"{day} 00:00:00"
    )


def read_rows(path: Path, mapping: FileMapping = NO_MAPPING) -> list[FileRow]:
    with open_tap_file(path, mapping=mapping) as file:
        return list(file.list_rows(make_token, MEDIA))


def list_taps(rows: Iterable[FileRow]) -> list[FileTap]:
    return [row for row in rows if isinstance(row, FileTap)]


def list_skipped(rows: Iterable[FileRow]) -> list[SkippedRow]:
    return [row for row in rows if isinstance(row, SkippedRow)]


def format_skipped(rows: Iterable[FileRow]) -> Iterator[str]:
    """Skipped rows as a test reads them: line, reason and column."""
    for row in list_skipped(rows):
        yield f"{row.line_number} {row.reason} {row.column}".strip()
