"""What lies between the process that serves and its scribe: slots of memory, and frames."""

import mmap
import os
from enum import IntEnum
from struct import Struct
from typing import Any, Final, NamedTuple, Self

import msgspec

READ_SLOTS: Final = 16
READ_BYTES: Final = 2**20
"""A longer body is read without a scribe."""

COMMIT_SLOTS: Final = 2
COMMIT_BYTES: Final = 8 * 2**20
COMMIT_TAPS_MAX: Final = COMMIT_BYTES // 1_024
"""A row and its answer take less than a kibibyte each, with ids as long as they may be."""

SLOTS: Final = READ_SLOTS + COMMIT_SLOTS
_BYTES: Final = READ_SLOTS * READ_BYTES + COMMIT_SLOTS * COMMIT_BYTES


IS_AVAILABLE: Final = hasattr(os, "memfd_create")
"""Whether this system has memory that two processes can share and no file stands for: Linux."""


class Kind(IntEnum):
    """What a frame says of its slot."""

    READY = 0
    """The scribe waits for orders; no slot is meant."""
    READ = 1
    """A body to read; in return its taps, or nothing when they are not plain."""
    COMMIT = 2
    """A `CommitOrder`; in return the texts of its answers, when the rows are durable."""
    FAILED = 3
    """In return for a `COMMIT`: nothing is stored, and the text says why."""


class Frame(NamedTuple):
    """Whose turn it is at a slot that holds so many bytes."""

    kind: int
    slot: int
    size: int


_FRAME: Final = Struct("<HHI")
FRAME_BYTES: Final = _FRAME.size


def pack_frame(kind: Kind, slot: int = 0, size: int = 0) -> bytes:
    """A frame for the socket."""
    return _FRAME.pack(kind, slot, size)


def unpack_frame(content: bytes) -> Frame:
    """A frame from the socket."""
    return Frame._make(_FRAME.unpack(content))


class CommitOrder(msgspec.Struct, array_like=True, gc=False):
    """Rows to append, one value after the other, and which of them answer one batch together.

    `consumed` has, a row, the entry that it closed (`api.answers.Entered`) or None; `spans` the
    first row and the number of rows of each answer that is to be written.
    """

    rows: list[Any]
    consumed: list[Any]
    spans: list[tuple[int, int]]


class Slots:
    """The shared memory; both processes map the same."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self._memory = mmap.mmap(descriptor, _BYTES)

    @classmethod
    def make(cls) -> Self:
        """New memory, of no file; it costs what is written to it."""
        descriptor = os.memfd_create("fare-engine-scribe")
        os.ftruncate(descriptor, _BYTES)
        return cls(descriptor)

    def close(self) -> None:
        """Give the memory back."""
        self._memory.close()
        os.close(self.descriptor)

    def write(self, slot: int, content: bytes) -> None:
        """Put something into a slot; ValueError when it is too large for it."""
        start, size = _place(slot)
        if len(content) > size:
            raise ValueError(f"{len(content)} bytes do not fit a slot of {size}")
        self._memory[start : start + len(content)] = content

    def read(self, slot: int, size: int) -> bytes:
        """What stands in a slot."""
        start, _ = _place(slot)
        return self._memory[start : start + size]


def _place(slot: int) -> tuple[int, int]:
    """Where a slot begins, and its size."""
    if slot < READ_SLOTS:
        return slot * READ_BYTES, READ_BYTES
    return READ_SLOTS * READ_BYTES + (slot - READ_SLOTS) * COMMIT_BYTES, COMMIT_BYTES
