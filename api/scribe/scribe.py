"""Gives orders to the scribe, and hears what came of them, in the loop of the process that serves.

Every order is answered once: by the scribe, or by what is known when it has ended.
"""

import asyncio
import contextlib
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any, Final, NamedTuple

import msgspec
import structlog

from api.scribe.slots import (
    COMMIT_TAPS_MAX,
    FRAME_BYTES,
    READ_BYTES,
    READ_SLOTS,
    SLOTS,
    CommitOrder,
    Kind,
    Slots,
    pack_frame,
    unpack_frame,
)
from fare_engine.batch import Batch, Submission
from fare_engine.decision import Closing
from fare_engine.errors import LedgerUnavailable
from fare_engine.ledger.connections import BUSY_TIMEOUT_S
from fare_engine.ledger.sqlite import SqliteLedger
from fare_engine.tap import Tap

logger = structlog.get_logger(__name__)

BURST_BODY_BYTES: Final = 65_536
"""A body of more bytes belongs to a burst: some three hundred taps."""

RESTART_S: Final = 10.0
"""A scribe that ended is not started again before."""

STOP_S: Final = 30.0

TakeTaps = Callable[[list[Tap] | None], None]
TakeEnd = Callable[[LedgerUnavailable | None], None]

_TAPS: Final = msgspec.msgpack.Decoder(list[Tap])
_TEXTS: Final = msgspec.msgpack.Decoder(list[bytes])
_encode: Final = msgspec.msgpack.Encoder().encode
_CONSUMED: Final = Closing.CONSUMED


class Commit(NamedTuple):
    """A batch that stands in a slot, to be committed by the scribe.

    `submissions` are those whose answers it writes as well; `process` is the scribe it waits for.
    """

    process: int | None
    slot: int
    size: int
    rows: list[Any]
    submissions: list[Submission]


class Scribe:
    """One scribe for one ledger. Of one event loop; all but `close` return at once."""

    def __init__(
        self,
        ledger: SqliteLedger,
        zone: str,
        currency: str,
        lock_descriptor: int | None = None,
        *,
        busy_timeout_s: float = BUSY_TIMEOUT_S,
    ) -> None:
        self._ledger = ledger
        self._arguments = (str(ledger.path), str(busy_timeout_s), zone, currency)
        self._lock_descriptor = lock_descriptor
        self._loop = asyncio.get_running_loop()
        self._process: subprocess.Popen[bytes] | None = None
        self._channel: socket.socket | None = None
        self._slots: Slots | None = None
        self._is_ready = False
        self._not_before_s = 0.0
        self._free_to_read: list[int] = []
        self._free_to_commit: list[int] = []
        self._reads: dict[int, TakeTaps] = {}
        self._commits: dict[int, tuple[Commit, TakeEnd]] = {}
        self._received = b""

    @property
    def pid(self) -> int | None:
        """The process, while there is one."""
        return None if self._process is None else self._process.pid

    @property
    def is_ready(self) -> bool:
        """Whether it takes orders."""
        return self._is_ready

    def start(self) -> None:
        """Start it now, and not with the first burst; it takes orders a moment later."""
        with contextlib.ExitStack() as opened:
            try:
                ours, its = socket.socketpair()
                opened.callback(its.close)
                closing = opened.enter_context(contextlib.ExitStack())
                closing.callback(ours.close)
                slots = Slots.make()
                closing.callback(slots.close)
                self._process = self._open_process(its.fileno(), slots.descriptor)
            except OSError as error:
                logger.warning("scribe_not_started", error=str(error))
                self._not_before_s = time.monotonic() + RESTART_S
                return
            closing.pop_all()
        ours.setblocking(False)
        self._channel, self._slots = ours, slots
        self._loop.add_reader(ours.fileno(), self._receive)

    def _open_process(self, channel: int, memory: int) -> "subprocess.Popen[bytes]":
        lock = [] if self._lock_descriptor is None else [self._lock_descriptor]
        return subprocess.Popen(
            [
                *(sys.executable, "-P", "-m", "api.scribe.process"),
                *(*self._arguments, str(channel), str(memory)),
            ],
            pass_fds=[channel, memory, *lock],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            start_new_session=True,  # what is typed at the terminal is not meant for it
        )

    def read(self, body: bytes, take: TakeTaps) -> bool:
        """Have a body read; False when that is to be done without it.

        `take` is called with the taps, or with None: then they are more than plain, or the scribe
        has ended, and the body is to be read without it.
        """
        if not BURST_BODY_BYTES <= len(body) <= READ_BYTES or not self._can_work():
            return False
        if not self._free_to_read:
            return False
        slot = self._free_to_read.pop()
        self._write(slot, body)
        self._reads[slot] = take
        self._send(Kind.READ, slot, len(body))
        return True

    def prepare(self, batch: Batch) -> Commit | None:
        """Write a decided batch into a slot; None when it is to be committed without the scribe."""
        if batch.taps > COMMIT_TAPS_MAX or not self._can_work() or not self._free_to_commit:
            return None
        rows = self._ledger.encode_rows(batch.entries)
        if not rows:
            return None
        submissions, consumed, spans = find_answers(batch)
        content = _encode(CommitOrder(rows, consumed, spans))
        slot = self._free_to_commit.pop()
        self._write(slot, content)
        return Commit(self.pid, slot, len(content), rows, submissions)

    def commit(self, commit: Commit, take: TakeEnd) -> None:
        """Have a prepared batch committed; `take` is called when it is durable, or has failed.

        Its submissions then have their texts.
        """
        self._ledger.appending(commit.rows)
        self._commits[commit.slot] = commit, take
        if commit.process != self.pid:  # it has ended since
            self._loop.call_soon(self._fail, commit.slot)
            return
        self._send(Kind.COMMIT, commit.slot, commit.size)

    def drop(self, commit: Commit) -> None:
        """A prepared batch will not be committed."""
        if commit.process == self.pid:
            self._free_to_commit.append(commit.slot)

    def close(self) -> None:
        """End the scribe, after its last order."""
        self._not_before_s = float("inf")
        self._end()

    def _can_work(self) -> bool:
        """Whether it takes orders; if there is none it is started for the next burst."""
        if self._process is None and time.monotonic() >= self._not_before_s:
            self.start()
        return self._is_ready

    def _write(self, slot: int, content: bytes) -> None:
        assert self._slots is not None
        self._slots.write(slot, content)

    def _send(self, kind: Kind, slot: int, size: int) -> None:
        """Send a frame; there are never more on the way than the socket holds, one a slot."""
        assert self._channel is not None
        with contextlib.suppress(OSError):  # it has ended: `_receive` hears so, and answers for it
            self._channel.send(pack_frame(kind, slot, size))

    def _receive(self) -> None:
        assert self._channel is not None
        try:
            content = self._channel.recv(FRAME_BYTES * (SLOTS + 1))
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            content = b""
        if not content:
            self._ended()
            return
        content = self._received + content
        whole = len(content) // FRAME_BYTES * FRAME_BYTES
        self._received = content[whole:]
        for place in range(0, whole, FRAME_BYTES):
            self._take(*unpack_frame(content[place : place + FRAME_BYTES]))

    def _take(self, kind: int, slot: int, size: int) -> None:
        assert self._slots is not None
        if kind == Kind.READY:
            self._is_ready = True
            self._free_to_read = list(range(READ_SLOTS))
            self._free_to_commit = list(range(READ_SLOTS, SLOTS))
            logger.info("scribe_started", pid=self.pid)
            return
        content = self._slots.read(slot, size)
        if kind == Kind.READ:
            self._free_to_read.append(slot)
            self._reads.pop(slot)(_TAPS.decode(content) if content else None)
            return
        commit, take = self._commits.pop(slot)
        self._free_to_commit.append(slot)
        if kind == Kind.FAILED:
            take(LedgerUnavailable(content.decode()))
            return
        for submission, text in zip(commit.submissions, _TEXTS.decode(content), strict=True):
            submission.results.text = text
        take(None)

    def _ended(self) -> None:
        """The scribe has ended by itself: whoever waits for it is told."""
        self._not_before_s = time.monotonic() + RESTART_S
        status = self._end()
        logger.error("scribe_ended", status=status)
        reads, self._reads = self._reads, {}
        for take in reads.values():
            take(None)
        for slot in list(self._commits):
            self._fail(slot)

    def _fail(self, slot: int) -> None:
        found = self._commits.pop(slot, None)
        if found is not None:
            found[1](LedgerUnavailable("the process that writes to the ledger has ended"))

    def _end(self) -> int | None:
        """Close what there is of it, and wait until nothing of it can write any more."""
        self._is_ready = False
        if self._channel is not None:
            self._loop.remove_reader(self._channel.fileno())
            self._channel.close()
            self._channel = None
        status = None
        if self._process is not None:
            try:
                status = self._process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                status = self._process.wait()
            self._process = None
        if self._slots is not None:
            self._slots.close()
            self._slots = None
        self._received = b""
        return status


def find_answers(
    batch: Batch,
) -> tuple[list[Submission], list[tuple[str, str, int] | None], list[tuple[int, int]]]:
    """The submissions whose answers can be told from rows, with what the rows do not tell.

    Only where every tap of the batch was decided just now: an older answer stands elsewhere.
    """
    submissions: list[Submission] = []
    spans: list[tuple[int, int]] = []
    place = 0
    for submission in batch.submissions:
        if not isinstance(submission, Submission):
            return [], [], []
        if submission.takes_text:
            submissions.append(submission)
            spans.append((place, len(submission.taps)))
        place += len(submission.taps)
    if place != batch.taps or not submissions:
        return [], [], []
    consumed: list[tuple[str, str, int] | None] = []
    for step in batch.fresh.values():
        decision = step[0].decision
        entry = decision.entry
        if entry is not None and decision.closing == _CONSUMED:
            consumed.append((entry.tap_id, entry.station_id, entry.entered_at_ms))
        else:
            consumed.append(None)
    return submissions, consumed, spans
