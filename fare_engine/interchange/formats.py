"""The formats of tap files, recognised by the columns that a file names."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

from fare_engine.errors import ConfigurationError, FileInvalid
from fare_engine.id_pattern import IdPattern
from fare_engine.interchange import own, shenzhen
from fare_engine.interchange.mapping import NO_MAPPING, FileMapping
from fare_engine.interchange.rows import FileRow, MakeToken, RowParser, parse_rows
from fare_engine.interchange.streams import open_bytes
from fare_engine.interchange.tables import ColumnPlaces, Table
from fare_engine.interchange.text_table import TextTable
from fare_engine.network import MediumType

_PARQUET: Final = b"PAR1"

MediaPatterns = Mapping[str, IdPattern]


@dataclass(frozen=True)
class Format:
    """One kind of columns: whether a file has them, and what makes taps of its rows."""

    name: str
    list_missing: Callable[[ColumnPlaces, FileMapping], list[str]]
    make_parser: Callable[[ColumnPlaces, FileMapping, MakeToken, MediaPatterns], RowParser]
    medium: MediumType | None = None
    """The type of all its media, unless a mapping names another; None: each row names its own."""
    column_names: Mapping[str, str] = field(default_factory=dict)
    """What it calls the engine's own columns."""


FORMATS: Final = {
    own.NAME: Format(own.NAME, own.list_missing, own.make_parser),
    shenzhen.NAME: Format(
        shenzhen.NAME,
        shenzhen.list_missing,
        shenzhen.make_parser,
        shenzhen.MEDIUM,
        shenzhen.COLUMN_NAMES,
    ),
}


class TapFile:
    """A file of recorded taps, opened: its format is known, its rows are still to be read."""

    def __init__(self, table: Table, form: Format, mapping: FileMapping) -> None:
        self.path = table.path
        self.format_name = form.name
        self.mapping = mapping
        self.medium = None if mapping.medium_type else form.medium
        self.unused_columns: list[str] = []
        self._table = table
        self._form = form

    def name_column(self, column: str) -> str:
        """What the format calls one of the engine's own columns."""
        return self._form.column_names.get(column, column)

    def list_rows(self, make_token: MakeToken, media: MediaPatterns) -> Iterator[FileRow]:
        """Taps and skipped rows in the order of the file, read as they are asked for.

        `media` are the media types that may stand in it, with the pattern of their ids.
        """
        code = self.mapping.medium_type or (self.medium.code if self.medium else None)
        if code is not None and code not in media:
            raise FileInvalid(
                f"{self.path}: its media are of type {code!r}, and the catalogue has only "
                f"{', '.join(sorted(media))}; a mapping may name one of them (medium_type = …)"
            )
        places = ColumnPlaces(self._table, self.mapping.columns)
        parse = self._form.make_parser(places, self.mapping, make_token, media)
        self.unused_columns = places.list_unused()
        return parse_rows(self._table.list_rows(), parse)

    def close(self) -> None:
        """Close the file."""
        self._table.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_tap_file(
    path: Path, *, format_name: str | None = None, mapping: FileMapping = NO_MAPPING
) -> TapFile:
    """Open a file of taps; FileInvalid when it is none, or not of the format that was named."""
    name = format_name or mapping.format_name
    if name is not None and name not in FORMATS:
        raise FileInvalid(f"{path}: there is no format {name!r}; there are {', '.join(FORMATS)}")
    table = _open_table(path, mapping)
    try:
        places = ColumnPlaces(table, mapping.columns)
        form = _find_format(places, mapping) if name is None else FORMATS[name]
        missing = form.list_missing(places, mapping)
        if missing:
            raise FileInvalid(places.format_missing(missing))
        return TapFile(table, form, mapping)
    except BaseException:
        table.close()
        raise


def _open_table(path: Path, mapping: FileMapping) -> Table:
    stream = open_bytes(path)
    if stream.starts_with(_PARQUET):
        stream.close()
        if not path.is_file():
            raise FileInvalid(f"{path}: Parquet is read from its end, which a pipe has not yet")
        return _open_parquet(path)
    return TextTable(path, encoding=mapping.encoding, delimiter=mapping.delimiter, stream=stream)


def _open_parquet(path: Path) -> Table:
    try:
        from fare_engine.interchange.parquet_table import ParquetTable  # noqa: PLC0415 - an extra
    except ModuleNotFoundError as error:
        if error.name != "polars":
            raise
        raise ConfigurationError(
            f"{path}: a Parquet file needs polars, which is not installed; it comes with the "
            "extra parquet: pip install 'fare-engine[parquet]'"
        ) from error
    return ParquetTable(path)


def _find_format(places: ColumnPlaces, mapping: FileMapping) -> Format:
    """The format that the columns fit; where none fits whole, the one that lacks least."""
    return min(FORMATS.values(), key=lambda form: len(form.list_missing(places, mapping)))
