"""The write-ahead log and its index as files, read without opening the ledger by them.

SQLite takes the log up to the first frame that does not fit and says nothing of what stands behind:
for it a damaged log is a shorter one. The formats are those of https://sqlite.org/walformat.html.
"""

import os
import struct
from pathlib import Path
from typing import Final, NamedTuple

from fare_engine.ledger.files import open_file

HEADER_BYTES: Final = 32
FRAME_HEADER_BYTES: Final = 24
_MAGIC: Final = 0x377F0682  # the lowest bit says the byte order of the checksums
_INDEX_VERSION: Final = 3_007_000
_INDEX_HEADER: Final = struct.Struct("=IIIBBHIIII8sII")
_INDEX_FOLDED_AT: Final = 2 * _INDEX_HEADER.size
_WORD: Final = 2**32


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
    version, _, _, is_set, _, _, frames, _, _, _, salts, *checksum = _INDEX_HEADER.unpack(
        content[:size]
    )
    if version != _INDEX_VERSION or not is_set:
        return None
    if _add_words((0, 0), struct.unpack("=10I", content[:40])) != tuple(checksum):
        return None
    (folded,) = struct.unpack_from("=I", content, _INDEX_FOLDED_AT)
    return LogIndex(salts, frames, folded)


class LogFile:
    """The log, frame by frame; numbers of frames begin with 1. Close it."""

    def __init__(self, path: Path) -> None:
        self._descriptor = open_file(path, os.O_RDONLY)
        header = os.pread(self._descriptor, HEADER_BYTES, 0).ljust(HEADER_BYTES, b"\0")
        magic, _, page_bytes, _ = struct.unpack(">4I", header[:16])
        self._order = ">" if magic & 1 else "<"
        words = struct.unpack(f"{self._order}6I", header[:24])
        is_whole = magic & ~1 == _MAGIC and _add_words((0, 0), words) == struct.unpack(
            ">2I", header[24:]
        )
        self.salts = header[16:24] if is_whole else None
        """What the frames that count carry; None where SQLite takes this for no log."""
        self._page_bytes = page_bytes if is_whole else _guess_page_bytes(page_bytes)
        self._frame_bytes = FRAME_HEADER_BYTES + self._page_bytes
        self.frames = max(os.fstat(self._descriptor).st_size - HEADER_BYTES, 0) // self._frame_bytes
        """So many fit in the file; the last ones may be of an earlier use of it."""

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)

    def read_frame(self, number: int) -> Frame:
        """The header of a frame."""
        head = os.pread(self._descriptor, FRAME_HEADER_BYTES, self._find(number))
        _, pages, salts, first, second = struct.unpack(">II8sII", head)
        return Frame(head[:8], pages != 0, salts, (first, second))

    def follows(self, before: Frame, number: int) -> bool:
        """Whether a frame was written right behind another one: checksums are a chain."""
        frame = self.read_frame(number)
        start = self._find(number) + FRAME_HEADER_BYTES
        page = os.pread(self._descriptor, self._page_bytes, start)
        content = frame.head + page
        words = struct.unpack(f"{self._order}{len(content) // 4}I", content)
        return frame.salts == before.salts and _add_words(before.checksum, words) == frame.checksum

    def _find(self, number: int) -> int:
        return HEADER_BYTES + (number - 1) * self._frame_bytes


def _guess_page_bytes(stored: int) -> int:
    is_possible = 512 <= stored <= 65_536 and stored & (stored - 1) == 0
    return stored if is_possible else 4_096


def _add_words(checksum: tuple[int, int], words: tuple[int, ...]) -> tuple[int, int]:
    first, second = checksum
    for place in range(0, len(words), 2):
        first = (first + words[place] + second) % _WORD
        second = (second + words[place + 1] + first) % _WORD
    return first, second
