"""Fields of a file or a document, read one by one, with a fault for all that should not be so.

The values are those of TOML and JSON. Entries of lists are counted from 1.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from math import isfinite
from typing import TypeVar

from fare_engine.calendar import to_ms

_Content = TypeVar("_Content")

_MOMENT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?"
    r"([Zz]|[+-][0-9]{2}:[0-9]{2})"
)
"""RFC 3339: the library also reads weeks, days of a year, and times without colons."""

_KINDS = {
    str: "text",
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    list: "a list",
    dict: "a table",
    type(None): "nothing",
}


def _kind(value: object) -> str:
    return _KINDS.get(type(value), "a date or time")


class FieldReader:
    """Reads the fields of one table and writes down faults instead of stopping at the first.

    A field that is missing or of the wrong type yields an empty value, so that reading goes on;
    the caller looks at the faults at the end. `finish` names the fields that were never read.
    """

    def __init__(
        self, fields: Mapping[str, object], place: str, faults: list[tuple[str, str]]
    ) -> None:
        self._fields = fields
        self._place = place
        self._faults = faults
        self._known: set[str] = set()

    def fault(self, field: str, message: str) -> None:
        """Writes down a fault of a field of this table."""
        self._faults.append((f"{self._place}{field}", message))

    def finish(self) -> None:
        """Names every field that the format does not know."""
        for field in self._fields:
            if field not in self._known:
                self.fault(field, f"unknown field; known here are {', '.join(sorted(self._known))}")

    def has(self, field: str) -> bool:
        """Whether the table has the field at all."""
        return field in self._fields

    def list_names(self) -> list[str]:
        """The names of all fields, where they are the writer's own."""
        return list(self._fields)

    def holds(self, field: str, value: object) -> bool:
        """Whether the field has exactly this value."""
        self._known.add(field)
        return self._fields.get(field) == value

    def holds_table(self, field: str) -> bool:
        """Whether the field is a table."""
        self._known.add(field)
        return isinstance(self._fields.get(field), Mapping)

    def get_text(self, field: str) -> str:
        """A text that must be there and not be empty."""
        value = self._read(field, str, required=True)
        if value == "":
            self.fault(field, "must not be empty")
        return value or ""

    def find_text(self, field: str) -> str | None:
        """A text that may be left out."""
        return self._read(field, str)

    def get_integer(self, field: str) -> int:
        """A whole number that must be there."""
        return self._read(field, int, required=True) or 0

    def find_integer(self, field: str) -> int | None:
        """A whole number that may be left out."""
        return self._read(field, int)

    def get_number(self, field: str) -> float:
        """A number, whole or not, that must be there."""
        return self._read_number(field, required=True) or 0

    def find_number(self, field: str) -> float | None:
        """A number that may be left out."""
        return self._read_number(field, required=False)

    def get_moment_ms(self, field: str) -> int:
        """A moment that must be there, in milliseconds since 1970."""
        if field not in self._fields:
            self._known.add(field)
            self.fault(field, "missing; must be a date and time with an offset")
        return self.find_moment_ms(field) or 0

    def find_moment_ms(self, field: str) -> int | None:
        """A moment that may be left out: RFC 3339 with an offset, as text or as TOML's own."""
        self._known.add(field)
        value = self._fields.get(field)
        if value is None:
            return None
        if isinstance(value, str):
            try:
                value = datetime.fromisoformat(value) if _MOMENT.fullmatch(value) else None
            except ValueError:
                value = None
        if not isinstance(value, datetime) or value.tzinfo is None:
            self.fault(
                field, "must be a date and time with an offset, as 2021-11-24T00:00:00+08:00"
            )
            return None
        return to_ms(value)

    def get_table(self, field: str) -> "FieldReader":
        """A table inside this one that must be there."""
        fields = self._read(field, dict, required=True)
        # Of a table that is not there, only its absence is a fault, not that of its fields.
        faults = self._faults if fields is not None else []
        return FieldReader(fields or {}, f"{self._place}{field}.", faults)

    def find_table(self, field: str) -> "FieldReader | None":
        """A table inside this one that may be left out."""
        fields = self._read(field, dict)
        if fields is None:
            return None
        return FieldReader(fields, f"{self._place}{field}.", self._faults)

    def list_entries(self, field: str) -> list[tuple[str, object]]:
        """The entries of a list, each with its place; a list that is left out is empty."""
        entries = self._read(field, list) or []
        return [(f"{field}[{place}]", entry) for place, entry in enumerate(entries, start=1)]

    def list_tables(self, field: str) -> list["FieldReader"]:
        """The tables of a list; a list that is left out is empty."""
        tables = []
        for place, entry in self.list_entries(field):
            if isinstance(entry, dict):
                tables.append(FieldReader(entry, f"{self._place}{place}.", self._faults))
            else:
                self.fault(place, f"must be a table, not {_kind(entry)}")
        return tables

    def list_texts(self, field: str) -> list[str]:
        """A list of texts that must be there; a text that stands in it twice is a fault."""
        if field not in self._fields:
            self._known.add(field)
            self.fault(field, "missing; must be a list")
            return []
        texts: list[str] = []
        for place, entry in self.list_entries(field):
            if not isinstance(entry, str):
                self.fault(place, f"must be text, not {_kind(entry)}")
            elif entry in texts:
                self.fault(place, f"{entry!r} stands in the list twice")
            else:
                texts.append(entry)
        return texts

    def _read_number(self, field: str, *, required: bool) -> float | None:
        whole = self._fields.get(field)
        if type(whole) is int:
            self._known.add(field)
            return whole
        value = self._read(field, float, required=required)
        if value is not None and not isfinite(value):
            self.fault(field, "must be a finite number")
            return None
        return value

    def _read(self, field: str, kind: type[_Content], *, required: bool = False) -> _Content | None:
        self._known.add(field)
        value = self._fields.get(field)
        if value is None and (field not in self._fields or not required):
            if required:
                self.fault(field, f"missing; must be {_KINDS[kind]}")
            return None
        # `type` and not `isinstance`: true is no whole number here.
        if type(value) is not kind:
            self.fault(field, f"must be {_KINDS[kind]}, not {_kind(value)}")
            return None
        return value
