"""What a file of recorded taps comes to: taps, and rows that are left out with the reason."""

from collections.abc import Callable, Iterator, Sequence
from enum import StrEnum
from typing import NamedTuple

MakeToken = Callable[[str, str], bytes]
"""From a medium's type and id to its token; the holder of the key passes it in."""

LISTED_FARE_MAX = 1_000_000
"""10 000 yuan: a listed fare above it is a slip of the source."""


class SkipReason(StrEnum):
    """Why a row became no tap. The names stand in reports."""

    NOT_METRO = "not_metro"
    BLANK_STATION = "blank_station"
    MALFORMED = "malformed"
    DUPLICATE = "duplicate"


class FileTap(NamedTuple):
    """One row that is a tap. A day has millions of them, so they are slim.

    `line_number` is the line of a text file, the row (from 1) of a Parquet file. `station_id` is
    None where the file names no station, `tap_id` where the tap has to be given one.
    """

    occurred_at_ms: int
    line_number: int
    gate_id: str
    station_id: str | None
    direction: int
    medium_type: str
    token: bytes
    tap_id: str | None
    listed_fare: int | None


class SkippedRow(NamedTuple):
    """One row that is left out: where it stands, and what about it.

    The message never repeats what the row holds: with columns out of place that could be the
    number of a card.
    """

    line_number: int
    reason: SkipReason
    column: str = ""
    message: str = ""


class RowFault(Exception):  # caught where the row's number is known
    """One row cannot be a tap."""

    def __init__(
        self, column: str, message: str, reason: SkipReason = SkipReason.MALFORMED
    ) -> None:
        super().__init__(message)
        self.column = column
        self.message = message
        self.reason = reason


FileRow = FileTap | SkippedRow
Fields = Sequence[str]
RawRow = tuple[int, Fields] | SkippedRow
"""The fields of a row as text, by the place of their column, or why they could not be read."""

RowParser = Callable[[int, Fields], FileTap]
"""Makes a tap of a row's fields; RowFault when it is none."""


def parse_rows(rows: Iterator[RawRow], parse: RowParser) -> Iterator[FileRow]:
    """The taps of a table, and every row that is none, in the order of the file."""
    for row in rows:
        if isinstance(row, SkippedRow):
            yield row
            continue
        number, fields = row
        try:
            yield parse(number, fields)
        except RowFault as fault:
            yield SkippedRow(number, fault.reason, fault.column, fault.message)


def parse_fare(text: str, column: str) -> int:
    """A listed fare in fen."""
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise RowFault(column, "must be whole fen, as 200")
    fare = int(text)
    if fare > LISTED_FARE_MAX:
        raise RowFault(column, f"must be at most {LISTED_FARE_MAX} fen")
    return fare
