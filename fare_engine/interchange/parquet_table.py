"""Tables in Parquet files, some ten thousand rows at a time.

The only module that needs polars, an extra: imported when a Parquet file is opened.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import polars as pl

from fare_engine.errors import FileInvalid
from fare_engine.interchange.rows import RawRow

CHUNK_ROWS: Final = 50_000


class ParquetTable:
    """The rows of one Parquet file, as text like those of any other table.

    What is null, and a column of lists or structures, is read as an empty field; binary is read
    as hexadecimal digits, a time with a zone in UTC, one without a zone as it stands.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.first_place = "its schema"
        try:
            self._frame = pl.scan_parquet(path, glob=False)
            self._schema = self._frame.collect_schema()
        except (pl.exceptions.PolarsError, OSError) as error:
            raise FileInvalid(f"{path}: is no Parquet file that can be read") from error
        self.columns: Sequence[str] = self._schema.names()

    def close(self) -> None:
        """Nothing is held open between two chunks."""

    def list_rows(self) -> Iterator[RawRow]:
        """The rows of the file, numbered from 1."""
        as_text = self._frame.select(
            self._read_as_text(name, dtype) for name, dtype in self._schema.items()
        )
        number = 0
        while True:
            try:
                chunk = as_text.slice(number, CHUNK_ROWS).collect()
            except (pl.exceptions.PolarsError, OSError) as error:
                raise FileInvalid(f"{self.path}: cannot be read after row {number}") from error
            for fields in chunk.iter_rows():
                number += 1
                yield number, fields
            if chunk.height < CHUNK_ROWS:
                return

    def _read_as_text(self, name: str, dtype: pl.DataType) -> pl.Expr:
        column = pl.col(name)
        if isinstance(dtype, pl.Datetime):
            pattern = "%Y-%m-%d %H:%M:%S%.3f"
            if dtype.time_zone is not None:
                column, pattern = column.dt.convert_time_zone("UTC"), "%Y-%m-%dT%H:%M:%S%.3fZ"
            column = column.dt.to_string(pattern)
        elif dtype == pl.Binary:
            column = column.bin.encode("hex")
        elif dtype.is_nested():
            return pl.lit("").alias(name)
        return column.cast(pl.String).fill_null("")
