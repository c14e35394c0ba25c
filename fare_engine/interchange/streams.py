"""The bytes of a file from its beginning, whatever kind of file it is: also a pipe."""

import sys
from io import BufferedReader, RawIOBase
from pathlib import Path
from typing import IO, Final

from fare_engine.errors import FileInvalid

STANDARD_INPUT: Final = Path("-")
_HEAD_BYTES: Final = 4
_BUFFER_BYTES: Final = 2**17


def open_bytes(path: Path) -> "Stream":
    """A file opened once, `-` for standard input; FileInvalid when it cannot be read."""
    try:
        inner = sys.stdin.buffer if path == STANDARD_INPUT else path.open("rb")
        return Stream(inner)
    except OSError as error:
        raise FileInvalid(f"{path}: cannot be read: {error.strerror}") from error


class _Rejoined(RawIOBase):
    """A stream of which the first bytes were read already."""

    def __init__(self, head: bytes, rest: IO[bytes]) -> None:
        self._head = head
        self._rest = rest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        data = self._head or self._rest.read(len(buffer))
        taken = data[: len(buffer)]
        self._head = self._head[len(taken) :]
        buffer[: len(taken)] = taken
        return len(taken)

    def close(self) -> None:
        super().close()
        self._rest.close()


class Stream(BufferedReader):
    """The bytes of a file; what it begins with can be looked at and is still there to read.

    A pipe cannot be opened twice, nor read again.
    """

    def __init__(self, inner: IO[bytes]) -> None:
        # `read` waits for all four, or for the end: a pipe may bring them one by one.
        self._head = inner.read(_HEAD_BYTES)
        super().__init__(_Rejoined(self._head, inner), _BUFFER_BYTES)

    def starts_with(self, mark: bytes) -> bool:
        """Whether the file begins with these bytes, four at most."""
        return self._head.startswith(mark)
