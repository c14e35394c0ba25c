"""Tables in text files: CSV and its relatives, plain or in gzip, a line at a time.

A row is a line. So a quote that is never closed, bytes that are no text, or a line without end
spoils its own row only, and a file of any size is read in the memory of one line.
"""

import csv
import gzip
import zlib
from collections.abc import Iterator, Sequence
from io import BufferedReader
from pathlib import Path
from typing import IO, Final

from fare_engine.errors import FileInvalid
from fare_engine.interchange.rows import RawRow, RowFault, SkippedRow, SkipReason
from fare_engine.interchange.streams import Stream, open_bytes

LINE_BYTES_MAX: Final = 65_536
DELIMITERS: Final = (",", "\t", ";", "|")
UNDECODABLE_ROWS_MAX: Final = 10
"""So many rows that are no text, and none before them that is: the file has another encoding."""

_GZIP: Final = b"\x1f\x8b"
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_UTF_16_MARKS: Final = (b"\xff\xfe", b"\xfe\xff")


class TextTable:
    """The rows of one text file. The header is read at once, the rest when it is asked for."""

    def __init__(
        self,
        path: Path,
        *,
        encoding: str = "utf-8",
        delimiter: str | None = None,
        stream: Stream | None = None,
    ) -> None:
        """The table of a path, or of its stream where that is open already."""
        self.path = path
        self.first_place = "line 1"
        self._encoding = encoding
        self._line_number = 1
        self._file = stream or open_bytes(path)
        self._stream = _unzip(self._file)
        try:
            header = self._read_header()
        except BaseException:
            self.close()
            raise
        self._delimiter = delimiter or max(DELIMITERS, key=header.count)
        try:
            self.columns: Sequence[str] = [name.strip() for name in self._split(header)]
        except RowFault as fault:
            self.close()
            raise FileInvalid(f"{path}: line 1: {fault.message}") from fault

    def close(self) -> None:
        """Close the file."""
        self._stream.close()
        self._file.close()  # which a gzip stream leaves open

    def list_rows(self) -> Iterator[RawRow]:
        """The rows below the header; a line without any content is none."""
        width = len(self.columns)
        # A file in another encoding is one fault, not a million of them: the first rows show it.
        undecodable: list[SkippedRow] | None = []
        for raw in self._read_lines():
            if not raw.strip():
                continue
            number = self._line_number
            try:
                fields = self._split_row(raw, width)
            except UnicodeDecodeError as error:
                message = f"is not {self._encoding} text (byte {error.start + 1} of the line)"
                skipped = SkippedRow(number, SkipReason.MALFORMED, "", message)
                if undecodable is None:
                    yield skipped
                    continue
                undecodable.append(skipped)
                if len(undecodable) == UNDECODABLE_ROWS_MAX:
                    raise self._encoding_fault(undecodable[0]) from error
                continue
            except RowFault as fault:
                row: RawRow = SkippedRow(number, fault.reason, fault.column, fault.message)
            else:
                row = number, fields
            if undecodable is not None:
                yield from undecodable
                undecodable = None
            yield row
        if undecodable:
            raise self._encoding_fault(undecodable[0])

    def _split_row(self, raw: bytes, width: int) -> list[str]:
        if len(raw) > LINE_BYTES_MAX:
            raise RowFault("", f"is longer than {LINE_BYTES_MAX} bytes")
        if b"\0" in raw:
            raise RowFault("", f"holds a NUL byte (byte {raw.index(0) + 1} of the line)")
        fields = self._split(raw.decode(self._encoding).rstrip("\r\n"))
        if len(fields) != width:
            raise RowFault("", f"has {len(fields)} fields where the header has {width}")
        return fields

    def _split(self, line: str) -> list[str]:
        if '"' not in line:
            return line.split(self._delimiter)
        try:
            return next(csv.reader([line], delimiter=self._delimiter, strict=True))
        except csv.Error as error:
            raise RowFault("", f"is not quoted as CSV is: {error}") from error

    def _read_header(self) -> str:
        raw = next(self._read_lines(first_number=1), b"")
        if not raw:
            raise FileInvalid(f"{self.path}: is empty")
        if raw.startswith(_UTF_16_MARKS):
            raise FileInvalid(f"{self.path}: is UTF-16 text; save it as UTF-8")
        if b"\0" in raw:
            raise FileInvalid(
                f"{self.path}: line 1: holds a NUL byte; this is no text file, "
                "nor gzip or Parquet, which are recognised by their content"
            )
        if len(raw) > LINE_BYTES_MAX:
            raise FileInvalid(f"{self.path}: line 1: is longer than {LINE_BYTES_MAX} bytes")
        try:
            header = raw.removeprefix(_BYTE_ORDER_MARK).decode(self._encoding).rstrip("\r\n")
        except UnicodeDecodeError as error:
            raise FileInvalid(
                f"{self.path}: line 1: is not {self._encoding} text "
                f"(byte {error.start + 1} of the line); a mapping may name another encoding"
            ) from error
        if "\r" in header:
            raise FileInvalid(f"{self.path}: line 1: lines must end in LF or CR LF, not CR alone")
        if not header.strip():
            raise FileInvalid(f"{self.path}: line 1: must name the columns, and is blank")
        return header

    def _read_lines(self, first_number: int = 2) -> Iterator[bytes]:
        """Lines with their end; of one that is too long only as much as shows it."""
        number = first_number - 1
        readline = self._stream.readline
        try:
            while raw := readline(LINE_BYTES_MAX + 1):
                number += 1
                self._line_number = number
                if len(raw) > LINE_BYTES_MAX:
                    rest = raw
                    while rest and not rest.endswith(b"\n"):
                        rest = readline(LINE_BYTES_MAX)
                yield raw
        except EOFError as error:
            raise FileInvalid(
                f"{self.path}: the gzip file is cut off after line {number}"
            ) from error
        except (gzip.BadGzipFile, zlib.error) as error:
            raise FileInvalid(
                f"{self.path}: the gzip file is damaged after line {number}: {error}"
            ) from error
        except OSError as error:
            raise FileInvalid(
                f"{self.path}: cannot be read after line {number}: {error.strerror}"
            ) from error

    def _encoding_fault(self, first: SkippedRow) -> FileInvalid:
        return FileInvalid(
            f"{self.path}: line {first.line_number}: {first.message}, nor are the rows after "
            'it; save the file as UTF-8, or name its encoding in a mapping (encoding = "gb18030")'
        )


def _unzip(stream: Stream) -> IO[bytes]:
    if not stream.starts_with(_GZIP):
        return stream
    # Buffered once more: the lines of a GzipFile come through Python code.
    return BufferedReader(gzip.GzipFile(fileobj=stream), 2**17)
