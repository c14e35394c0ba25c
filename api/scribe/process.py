"""The scribe's own process: `python -m api.scribe.process`, started by `api.scribe.scribe` alone.

It takes one order after the other and ends when the other side of its socket is closed.
"""

import gc
import signal
import socket
import sys
from pathlib import Path
from typing import Any, Final

import msgspec

from api.answers import AnswerWriter, write_batch
from api.scribe.slots import FRAME_BYTES, CommitOrder, Kind, Slots, pack_frame, unpack_frame
from api.wire_shapes import read_plain
from fare_engine.decision import Reason
from fare_engine.errors import LedgerUnavailable
from fare_engine.ledger.appender import RowAppender
from fare_engine.ledger.rows import COLUMNS, WIDTH, Flag

_PLACES: Final = {name: place for place, name in enumerate(COLUMNS)}
_REASONS: Final = {int(reason): reason for reason in Reason}
_ORDER: Final = msgspec.msgpack.Decoder(CommitOrder)
_encode: Final = msgspec.msgpack.Encoder().encode


class Scribe:
    """Reads bodies, appends rows and writes answers, as it is told."""

    def __init__(self, appender: RowAppender, writer: AnswerWriter) -> None:
        self._appender = appender
        self._writer = writer
        self._stations = appender.list_stations()

    def read(self, body: bytes) -> bytes:
        """The taps of a body, or nothing when they are not plain."""
        taps = read_plain(body)
        return b"" if taps is None else _encode(taps)

    def commit(self, content: bytes) -> bytes:
        """Append rows, then write the answers. LedgerUnavailable: nothing is stored."""
        order = _ORDER.decode(content)
        self._appender.append(WIDTH, order.rows)
        written = self._write(order) if order.spans else []
        return _encode([write_batch(written[at : at + rows]) for at, rows in order.spans])

    def _write(self, order: CommitOrder) -> list[str]:
        tell, stations, reasons = self._writer.tell, self._stations, _REASONS
        opens, suspect = int(Flag.GATE_OPENS), int(Flag.CLOCK_SUSPECT)

        def column(name: str) -> list[Any]:
            return order.rows[_PLACES[name] :: WIDTH]

        return [
            tell(
                tap_id,
                reasons[reason],
                flags & opens != 0,
                fare,
                fare_waived,
                stations[station],
                at_ms,
                consumed,
                policy_version,
                tariff_version,
                decided_at_ms,
                flags & suspect != 0,
            )
            for (
                tap_id,
                reason,
                flags,
                fare,
                fare_waived,
                station,
                at_ms,
                consumed,
                policy_version,
                tariff_version,
                decided_at_ms,
            ) in zip(
                column("tap_id"),
                column("reason"),
                column("flags"),
                column("fare"),
                column("fare_waived"),
                column("station"),
                column("occurred_at"),
                order.consumed,
                column("policy_version"),
                column("tariff_version"),
                column("decided_at"),
                strict=True,
            )
        ]


def work(scribe: Scribe, channel: socket.socket, slots: Slots) -> None:
    """Take orders until the other side closes the socket."""
    channel.sendall(pack_frame(Kind.READY))
    while len(content := channel.recv(FRAME_BYTES, socket.MSG_WAITALL)) == FRAME_BYTES:
        kind, slot, size = unpack_frame(content)
        told = slots.read(slot, size)
        answer = Kind(kind)
        if answer == Kind.READ:
            result = scribe.read(told)
        else:
            try:
                result = scribe.commit(told)
            except LedgerUnavailable as error:
                answer, result = Kind.FAILED, str(error).encode()
        slots.write(slot, result)
        channel.sendall(pack_frame(answer, slot, len(result)))


def main() -> None:
    """Serve one process; the arguments are what `api.scribe.scribe` gives."""
    path, busy_timeout_s, zone, currency, channel, memory = sys.argv[1:]
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # it ends after its last order, with who gives them
    appender = RowAppender(Path(path), busy_timeout_s=float(busy_timeout_s))
    scribe = Scribe(appender, AnswerWriter(zone, currency))
    gc.collect()
    gc.disable()  # like the process that serves: what an order makes has no cycles
    try:
        work(scribe, socket.socket(fileno=int(channel)), Slots(int(memory)))
    except BrokenPipeError:
        pass  # nobody waits for the result any more; what is durable is found by who asks next
    finally:
        appender.close()


if __name__ == "__main__":
    main()
