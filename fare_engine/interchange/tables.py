"""A table in a file: named columns and rows of text, in any kind of file."""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, Protocol

from fare_engine.errors import FileInvalid
from fare_engine.interchange.rows import RawRow

COLUMNS_SHOWN_MAX: Final = 20
NAME_LENGTH_MAX: Final = 40
_NUMBER: Final = re.compile(r"[0-9](?:[ -]?[0-9]){4}")


class Table(Protocol):
    """The rows of one file, read as they are asked for."""

    path: Path
    columns: Sequence[str]
    """The names of the header, as they stand in it."""
    first_place: str
    """Where the columns are named, for messages."""

    def list_rows(self) -> Iterator[RawRow]:
        """The rows of the file from its beginning, those that cannot be read among them."""

    def close(self) -> None:
        """Close the file."""


class ColumnPlaces:
    """Where the columns stand that a format knows, in any order.

    Spaces around a name and capitals do not count. `renamed` maps a column of the format to
    its name in the file.
    """

    def __init__(self, table: Table, renamed: Mapping[str, str]) -> None:
        self._table = table
        self._renamed = renamed
        self._places: dict[str, int] = {}
        self._asked: set[str] = set()
        self._known: set[str] = set()
        for place, name in enumerate(table.columns):
            plain = _plain(name)
            if plain and plain in self._places:
                raise FileInvalid(
                    f"{table.path}: {table.first_place}: column {format_name(name)!r} stands "
                    "there twice"
                )
            self._places[plain] = place

    def find(self, column: str) -> int | None:
        """The place of a column that may be missing."""
        name = _plain(self._renamed.get(column, column))
        self._asked.add(name)
        return self._places.get(name)

    def get(self, column: str) -> int:
        """The place of a column that must be there."""
        place = self.find(column)
        if place is None:
            raise FileInvalid(self.format_missing([column]))
        return place

    def list_missing(self, columns: Sequence[str]) -> list[str]:
        """Those of these columns that the file does not have."""
        names = {column: _plain(self._renamed.get(column, column)) for column in columns}
        self._known.update(names.values())
        return [column for column, name in names.items() if name not in self._places]

    def list_unused(self) -> list[str]:
        """The file's columns that were never read."""
        unused = [name for name in self._table.columns if _plain(name) not in self._asked]
        return [format_name(name) for name in unused]

    def format_missing(self, missing: Sequence[str]) -> str:
        """A message that names what is missing and what is there.

        Where no column is one that a format knows, the file may have no header: its first row is
        not shown, since there are numbers of cards in it.
        """
        there = "the file names no column that is known here: has it a header?"
        if self._known & self._places.keys():
            shown = self._table.columns[:COLUMNS_SHOWN_MAX]
            there = f"the file has {', '.join(map(format_name, shown))}"
        needed = ", ".join(_format_column(column, self._renamed) for column in missing)
        return f"{self._table.path}: {self._table.first_place}: missing column {needed}; {there}"


def format_name(name: str) -> str:
    """The name of a column for a message; what may be a number or a text of a row is left out."""
    plain = name.strip()
    return plain if len(plain) <= NAME_LENGTH_MAX and not _NUMBER.search(plain) else "…"


def _plain(name: str) -> str:
    return name.strip().lower()


def _format_column(column: str, renamed: Mapping[str, str]) -> str:
    return f"{renamed[column]} (for {column})" if column in renamed else column
