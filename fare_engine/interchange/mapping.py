"""Mappings: what the columns, stations and gates of an operator's file mean here.

A small TOML file; every part may be left out::

    format = "shenzhen"             # or "own"; else recognised by the header
    encoding = "gb18030"            # else UTF-8
    delimiter = ";"                 # else recognised by the header
    medium_type = "tianfutong"      # the type of every medium in the file

    [columns]                       # a column of the format = its name in the file
    card_no = "卡号"

    [directions]                    # the words of the file, in place of the format's own
    entry = ["进站", "补进"]
    exit = ["出站"]

    [stations]                      # a station in the file = its station_id
    "孵化园站" = "FHY"

    [gates]                         # a gate in the file = its gate_id
    "263027121" = "FHY-A-01"
"""

import codecs
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from fare_engine.errors import FileInvalid
from fare_engine.field_reader import FieldReader
from fare_engine.network import Direction


@dataclass(frozen=True)
class FileMapping:
    """What a file's own words stand for. What is not given here is as its format has it."""

    format_name: str | None = None
    encoding: str = "utf-8"
    delimiter: str | None = None
    medium_type: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    directions: Mapping[str, Direction] = field(default_factory=dict)
    stations: Mapping[str, str] = field(default_factory=dict)
    gates: Mapping[str, str] = field(default_factory=dict)


NO_MAPPING = FileMapping()


def read_mapping(path: Path) -> FileMapping:
    """A mapping from an operator's file; FileInvalid names all that is wrong with it."""
    try:
        content = path.read_text("utf-8-sig")
        fields = tomllib.loads(content)
    except OSError as error:
        raise FileInvalid(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise FileInvalid(f"{path}: is not UTF-8 text (byte {error.start + 1})") from error
    except tomllib.TOMLDecodeError as error:
        raise FileInvalid(f"{path}: is not TOML: {error}") from error
    faults: list[tuple[str, str]] = []
    table = FieldReader(fields, "", faults)
    mapping = FileMapping(
        format_name=table.find_text("format"),
        encoding=_read_encoding(table),
        delimiter=_read_delimiter(table),
        medium_type=table.find_text("medium_type"),
        columns=_read_words(table, "columns"),
        directions=_read_directions(table),
        stations=_read_words(table, "stations"),
        gates=_read_words(table, "gates"),
    )
    table.finish()
    if faults:
        lines = (f"{path}: {place}: {message}" for place, message in faults)
        raise FileInvalid("\n".join(lines))
    return mapping


def _read_encoding(table: FieldReader) -> str:
    name = table.find_text("encoding") or "utf-8"
    try:
        info = codecs.lookup(name)
        # Lines and fields are split before they are decoded.
        readable = info.encode("\n,")[0] == b"\n,"
    except (LookupError, ValueError, TypeError, AttributeError):
        readable = False
    if not readable:
        table.fault("encoding", f"{name!r} is no encoding whose lines can be split")
    return name


def _read_delimiter(table: FieldReader) -> str | None:
    delimiter = table.find_text("delimiter")
    if delimiter is not None and (len(delimiter) != 1 or delimiter in '"\r\n\0'):
        table.fault("delimiter", "must be one character, and no quote or end of line")
    return delimiter


def _read_words(table: FieldReader, field_name: str) -> dict[str, str]:
    """A table with the file's words (or a format's columns) as names, and texts as values."""
    words = table.find_table(field_name)
    if words is None:
        return {}
    return {word: words.get_text(word).strip() for word in words.list_names()}


def _read_directions(table: FieldReader) -> dict[str, Direction]:
    inner = table.find_table("directions")
    if inner is None:
        return {}
    words: dict[str, Direction] = {}
    for name, direction in (("entry", Direction.ENTRY), ("exit", Direction.EXIT)):
        for word in inner.list_texts(name):
            if word.strip() in words:
                inner.fault(name, f"{word!r} stands for the other direction too")
            words[word.strip()] = direction
    inner.finish()
    return words
