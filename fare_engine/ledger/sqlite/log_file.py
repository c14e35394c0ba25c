"""The write-ahead log and its index as files, read without opening the ledger by them.

SQLite takes the log up to the first frame that does not fit and says nothing of what stands behind:
for it a damaged log is a shorter one. The formats are those of https://sqlite.org/walformat.html.
"""

import os
import struct
from pathlib import Path
from typing import Final, NamedTuple, Self

from fare_engine.ledger.files import open_file

SALTS_AT: Final = 16
"""Where the salts stand in the header of the log: they are others with each use of the file."""

SALTS_BYTES: Final = 8
_HEADER_BYTES: Final = 32
_FRAME_HEADER_BYTES: Final = 24
_MAGIC: Final = 0x377F0682  # the lowest bit says the byte order of the checksums
_INDEX_VERSION: Final = 3_007_000
_INDEX_HEADER: Final = struct.Struct("=I8xBxHII8x8sII")
_INDEX_FOLDED_AT: Final = 2 * _INDEX_HEADER.size
_WORD: Final = 2**32


def name_log(ledger_path: Path) -> Path:
    """Where the write-ahead log of a ledger stands."""
    return ledger_path.with_name(f"{ledger_path.name}-wal")


def name_log_index(ledger_path: Path) -> Path:
    """Where the index of that log stands."""
    return ledger_path.with_name(f"{ledger_path.name}-shm")


class IndexHeader(NamedTuple):
    """The header of the log's index: of `frames` in the log, and of `pages` in the ledger."""

    version: int
    is_set: int
    page_bytes: int
    frames: int
    pages: int
    salts: bytes
    checksum_first: int
    checksum_second: int

    @classmethod
    def read(cls, descriptor: int) -> Self | None:
        """The first copy of the header; None where the file is too short for it.

        Somebody may be writing it: what has to be sure is compared with the second copy.
        """
        content = os.pread(descriptor, _INDEX_HEADER.size, 0)
        return cls.unpack(content) if len(content) == _INDEX_HEADER.size else None

    @classmethod
    def unpack(cls, content: bytes) -> Self:
        """The header at the beginning of these bytes."""
        return cls._make(_INDEX_HEADER.unpack_from(content))

    def measure_log(self) -> int:
        """How many bytes the log has at least."""
        if not self.frames:
            return 0
        return _HEADER_BYTES + self.frames * (_FRAME_HEADER_BYTES + self.page_bytes)


class LogIndex(NamedTuple):
    """What the last process knew of the log: these frames were synced before it answered."""

    salts: bytes
    frames: int
    folded: int


class Frame(NamedTuple):
    """The header of a frame. `is_commit`: a transaction ends with it."""

    head: bytes
    is_commit: bool
    salts: bytes
    checksum: tuple[int, int]


def find_log_index(path: Path) -> LogIndex | None:
    """What the index of the log says; None where there is none, or none that can be trusted.

    It is memory that processes share, and survives them all. After a power failure it may be
    older than the log, and is never newer.
    """
    if not path.exists():
        return None
    descriptor = open_file(path, os.O_RDONLY)
    try:
        content = os.read(descriptor, _INDEX_FOLDED_AT + 4)
    finally:
        os.close(descriptor)
    size = _INDEX_HEADER.size
    if len(content) < _INDEX_FOLDED_AT + 4 or content[:size] != content[size : 2 * size]:
        return None  # never used, or a commit was writing it
    header = IndexHeader.unpack(content)
    if header.version != _INDEX_VERSION or not header.is_set:
        return None
    checksum = header.checksum_first, header.checksum_second
    if _add_words((0, 0), struct.unpack_from("=10I", content)) != checksum:
        return None
    (folded,) = struct.unpack_from("=I", content, _INDEX_FOLDED_AT)
    return LogIndex(header.salts, header.frames, folded)


class _Header(NamedTuple):
    """The header of the log. `salts` are None where SQLite takes the file for no log."""

    order: str
    page_bytes: int
    salts: bytes | None


def find_salts(descriptor: int) -> bytes | None:
    """What the frames of a log carry that count; None where SQLite takes the file for no log."""
    return _read_header(descriptor).salts


def _read_header(descriptor: int) -> _Header:
    content = os.pread(descriptor, _HEADER_BYTES, 0).ljust(_HEADER_BYTES, b"\0")
    magic, _, page_bytes, _ = struct.unpack_from(">4I", content)
    order = ">" if magic & 1 else "<"
    checksum = _add_words((0, 0), struct.unpack_from(f"{order}6I", content))
    if magic & ~1 != _MAGIC or checksum != struct.unpack_from(">2I", content, 24):
        return _Header(order, _guess_page_bytes(page_bytes), None)
    return _Header(order, page_bytes, content[SALTS_AT : SALTS_AT + SALTS_BYTES])


class LogFile:
    """The log, frame by frame; numbers of frames begin with 1. Close it."""

    def __init__(self, path: Path) -> None:
        self._descriptor = open_file(path, os.O_RDONLY)
        self._order, self._page_bytes, self.salts = _read_header(self._descriptor)
        self._frame_bytes = _FRAME_HEADER_BYTES + self._page_bytes
        size = os.fstat(self._descriptor).st_size
        self.frames = max(size - _HEADER_BYTES, 0) // self._frame_bytes
        """So many fit in the file; the last ones may be of an earlier use of it."""

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)

    def read_frame(self, number: int) -> Frame:
        """The header of a frame."""
        head = os.pread(self._descriptor, _FRAME_HEADER_BYTES, self._find(number))
        _, pages, salts, first, second = struct.unpack(">II8sII", head)
        return Frame(head[:8], pages != 0, salts, (first, second))

    def follows(self, before: Frame, number: int) -> bool:
        """Whether a frame was written right behind another one: checksums are a chain."""
        frame = self.read_frame(number)
        start = self._find(number) + _FRAME_HEADER_BYTES
        page = os.pread(self._descriptor, self._page_bytes, start)
        content = frame.head + page
        words = struct.unpack(f"{self._order}{len(content) // 4}I", content)
        return frame.salts == before.salts and _add_words(before.checksum, words) == frame.checksum

    def _find(self, number: int) -> int:
        return _HEADER_BYTES + (number - 1) * self._frame_bytes


def _guess_page_bytes(stored: int) -> int:
    is_possible = 512 <= stored <= 65_536 and stored & (stored - 1) == 0
    return stored if is_possible else 4_096


def _add_words(checksum: tuple[int, int], words: tuple[int, ...]) -> tuple[int, int]:
    first, second = checksum
    for place in range(0, len(words), 2):
        first = (first + words[place] + second) % _WORD
        second = (second + words[place + 1] + first) % _WORD
    return first, second
