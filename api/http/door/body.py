"""Bodies as they come over a connection, in pieces of any size, each byte touched a few times.

A body says where it ends, so that what follows it is read only when its turn has come.
"""

import re
from typing import Final, NamedTuple, NoReturn

from api.http.door.head import LimitExceeded, check_headers, malformed
from api.http.rights import LARGE_BODIES, ROUTE_RIGHTS, check_right
from api.runtime.settings import Settings
from fare_engine.access_key import Key

CHUNK_LINE_BYTES_MAX: Final = 256
"""The line before a chunk: its length, and an extension, which means nothing here."""
EXTENSION_BYTES_MAX: Final = 16_384
"""Extensions of all chunks of a body."""
CHUNKS_AT_ONCE: Final = 512
"""Chunks read before other connections have their turn."""

_SIZE: Final = re.compile(rb"([0-9A-Fa-f]{1,16})([ \t]*;[\t -~\x80-\xff]*)?")
_TRAILER: Final = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\t -~\x80-\xff]*")


class BytesMax(NamedTuple):
    """How many bytes a body may have, and the setting that says so."""

    bytes_max: int
    setting: str

    def refuse(self) -> NoReturn:
        """Refuse a body of more bytes."""
        detail = f"a request body may have {self.bytes_max} bytes"
        raise LimitExceeded(self.setting, "body-too-large", detail)


def find_bytes_max(
    key: Key, method: str, path: str, settings: Settings, usual: BytesMax
) -> BytesMax:
    """The limit of a body; Refused where a key may not send one as large as the route takes."""
    if (method, path) not in LARGE_BODIES:
        return usual
    check_right(key, ROUTE_RIGHTS[method, path])
    return BytesMax(settings.tariff_bytes_max, "tariff_bytes_max")


class LengthBody:
    """A body whose length was told, and is within the limit."""

    has_more = False

    def __init__(self, length: int) -> None:
        self._length = length
        self.content = bytearray()
        self.is_complete = False

    def feed(self, data: bytes, at: int) -> int:
        """Take what belongs to the body from `data`, beginning at `at`; where it ends."""
        end = min(len(data), at + self._length - len(self.content))
        self.content += memoryview(data)[at:end]
        self.is_complete = len(self.content) == self._length
        return end


class ChunkedBody:
    """A body in chunks; Refused as soon as it is over a limit or no chunk can be read."""

    def __init__(self, settings: Settings, bytes_max: BytesMax) -> None:
        self._settings = settings
        self._bytes_max = bytes_max
        self._chunk_bytes = 0  # of the chunk that is being read, still to come
        self._is_in_chunk = False
        self._extension_bytes = 0
        self._trailers = self._trailer_bytes = 0
        self._is_in_trailers = False
        self.content = bytearray()
        self.is_complete = False
        self.has_more = False
        """Whether there is more to read in what was fed."""

    def feed(self, data: bytes, at: int) -> int:
        """Take what belongs to the body from `data`, beginning at `at`; where it ends.

        What is behind that is to be fed again, with what comes next.
        """
        self.has_more = False
        for _ in range(CHUNKS_AT_ONCE):
            before = at
            if self._is_in_chunk:
                at = self._read_chunk(data, at)
            elif self._is_in_trailers:
                at = self._read_trailer(data, at)
            else:
                at = self._read_size(data, at)
            if self.is_complete or at == before:
                return at
        self.has_more = True
        return at

    def _read_size(self, data: bytes, at: int) -> int:
        end = self._find_line_end(data, at, CHUNK_LINE_BYTES_MAX)
        if end is None:
            return at
        match = _SIZE.fullmatch(data, at, end)
        if match is None:
            raise malformed("a chunk begins with its length")
        self._extension_bytes += len(match[2] or b"")
        if self._extension_bytes > EXTENSION_BYTES_MAX:
            raise malformed("the extensions of the chunks are too long")
        size = int(match[1], 16)
        if len(self.content) + size > self._bytes_max.bytes_max:
            self._bytes_max.refuse()
        self._chunk_bytes = size
        self._is_in_chunk, self._is_in_trailers = size > 0, size == 0
        return end + 2

    def _read_chunk(self, data: bytes, at: int) -> int:
        end = min(len(data), at + self._chunk_bytes)
        self.content += memoryview(data)[at:end]
        self._chunk_bytes -= end - at
        if self._chunk_bytes:
            return end
        line_end = data[end : end + 2]
        if not b"\r\n".startswith(line_end):
            raise malformed("a chunk is not as long as it says")
        if len(line_end) < 2:
            return end
        self._is_in_chunk = False
        return end + 2

    def _read_trailer(self, data: bytes, at: int) -> int:
        """Read one header behind the body: it is counted, and means nothing here."""
        end = self._find_line_end(data, at, self._settings.header_bytes_max - self._trailer_bytes)
        if end is None:
            return at
        if end == at:
            self.is_complete = True
            return end + 2
        if _TRAILER.fullmatch(data, at, end) is None:
            raise malformed("a trailer is a name and a value")
        self._trailers += 1
        self._trailer_bytes += end + 2 - at
        check_headers(self._trailers, self._trailer_bytes, self._settings)
        return end + 2

    def _find_line_end(self, data: bytes, at: int, bytes_max: int) -> int | None:
        """Where a line ends; None when it does not end yet."""
        end = data.find(b"\r\n", at)
        length = (len(data) if end < 0 else end) - at
        if length > bytes_max:
            if self._is_in_trailers:
                check_headers(0, self._trailer_bytes + length, self._settings)
            else:
                raise malformed(f"the line before a chunk may have {CHUNK_LINE_BYTES_MAX} bytes")
        if end < 0 and data.find(b"\n", at) >= 0:
            raise malformed("a line ends with CR and LF")
        return None if end < 0 else end
