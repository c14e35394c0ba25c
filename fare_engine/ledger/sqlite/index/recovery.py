"""Reading the end of the ledger into memory at the start, beside the first taps.

After a burst some hundred thousand rows have no index entries. To read them all takes a second; to
find a few taps among them takes a tenth of one, since one pass over the table finds all that a
batch asks for. So a server answers at once, and sooner as more of the rows stand in memory.
"""

import logging
import sqlite3
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import msgspec

from fare_engine.ledger.sqlite.index.memtable import HighestTapIds

logger = logging.getLogger(__name__)

AT_ONCE_ROWS: Final = 20_000
"""So few rows are read before anything else: a few hundredths of a second."""

SCAN_MAX: Final = 500
"""Values of one pass. Who looks for more is served sooner by waiting for the rest."""

_CHUNK_ROWS: Final = 2_000
_READ_CHUNK: Final = (
    "SELECT json_group_array(number),"
    " json_group_array(tap_id), json_group_array(hex(token))"
    " FROM (SELECT * FROM taps WHERE row > ? AND row <= ? ORDER BY row)"
)
"""In one step: between two steps a thread waits for the interpreter, for each row of a burst."""

_read_numbers: Final = msgspec.json.Decoder(list[int | None]).decode
_read_strings: Final = msgspec.json.Decoder(list[str]).decode


class TailReading:
    """Rows of the ledger on their way into memory, found meanwhile wherever they stand.

    Up to `read_through` they stand in `tap_ids` and `tokens`, as in `Tail`; behind it they are
    looked for in the table, by whoever asks. `highest` has the greatest tap_ids of their prefixes
    in the whole ledger, once all is read.
    """

    def __init__(self, after_row: int, through_row: int) -> None:
        self.through_row = through_row
        self.read_through = after_row
        self.tap_ids: dict[str, int] = {}
        self.tokens: dict[bytes, int] = {}
        self.highest = HighestTapIds()
        self.is_done = False
        self._stopping = False
        self._thread: threading.Thread | None = None

    def read_beside(
        self, connect: Callable[[], sqlite3.Connection], learn: Callable[[Iterable[bytes]], None]
    ) -> None:
        """Read in a thread of its own; `learn` is told every token."""
        self._thread = threading.Thread(
            target=self._read_alone, args=(connect, learn), name="ledger-tail", daemon=True
        )
        self._thread.start()

    @property
    def is_running(self) -> bool:
        """Whether the thread still reads."""
        return self._thread is not None and self._thread.is_alive()

    def wait(self) -> None:
        """Wait for the thread."""
        if self._thread is not None:
            self._thread.join()

    def stop(self) -> None:
        """Read no further."""
        self._stopping = True
        self.wait()

    def read(
        self, connection: sqlite3.Connection, learn: Callable[[Iterable[bytes]], None]
    ) -> None:
        """Read what is left."""
        while self.read_through < self.through_row:
            if self._stopping:
                return
            learn(self.read_chunk(connection))
        for prefix, latest in self.highest.items():
            self.highest.learn(prefix, max(latest, read_highest(connection, prefix)))
        self.is_done = True

    def read_chunk(self, connection: sqlite3.Connection) -> list[bytes]:
        """Read the next rows; returns their tokens."""
        through = min(self.read_through + _CHUNK_ROWS, self.through_row)
        texts = connection.execute(_READ_CHUNK, (self.read_through, through)).fetchone()
        rows = range(self.read_through + 1, through + 1)
        numbers = _read_numbers(texts[0])
        tap_ids, digits = map(_read_strings, texts[1:])
        tokens = list(map(bytes.fromhex, digits))
        self.tap_ids.update(zip(tap_ids, rows, strict=True))
        latest = zip(tokens, rows, numbers, strict=True)
        self.tokens.update((token, row) for token, row, number in latest if number is not None)
        self.highest.raise_to(tap_ids)
        self.read_through = through
        return tokens

    def find_taps(self, connection: sqlite3.Connection, tap_ids: Sequence[str]) -> dict[str, int]:
        """Where those of these taps stand that are among the rows."""
        return self._find(connection, "tap_id", "", tap_ids, self.tap_ids)

    def find_latest(
        self, connection: sqlite3.Connection, tokens: Sequence[bytes]
    ) -> dict[bytes, int]:
        """The rows of the latest taps among them that changed these tokens' states."""
        return self._find(connection, "token", "AND number IS NOT NULL", tokens, self.tokens)

    def _find(
        self,
        connection: sqlite3.Connection,
        column: str,
        condition: str,
        values: Sequence[Any],
        in_memory: dict[Any, int],
    ) -> dict[Any, int]:
        """The greatest rows with these values.

        The table is read first, from where memory ended then: what the thread reads meanwhile is
        found in both.
        """
        after_row = self.read_through
        in_table: dict[Any, int] = {}
        for place in range(0, len(values), SCAN_MAX):
            chunk = values[place : place + SCAN_MAX]
            in_table.update(
                connection.execute(
                    f"SELECT {column}, row FROM taps WHERE row > ? AND row <= ? {condition}"
                    f" AND {column} IN ({', '.join('?' * len(chunk))}) ORDER BY row",
                    (after_row, self.through_row, *chunk),
                )
            )
        found = {value: in_memory[value] for value in values if value in in_memory}
        return found | in_table

    def _read_alone(
        self, connect: Callable[[], sqlite3.Connection], learn: Callable[[Iterable[bytes]], None]
    ) -> None:
        try:
            connection = connect()
            try:
                self.read(connection, learn)
            finally:
                connection.close()
        except sqlite3.Error:
            logger.exception("the end of the ledger could not be read; it is tried again")


def read_highest(connection: sqlite3.Connection, prefix: str) -> str:
    """No tap_id of this prefix in the index table is greater; empty when there is none.

    Ids with a longer prefix may stand in the same stretch: then this is too high, which costs
    look-ups and never a tap.
    """
    stored: str | None = connection.execute(
        "SELECT max(tap_id) FROM tap_ids WHERE tap_id >= ? AND tap_id < ?",
        (f"{prefix}.", f"{prefix}/"),  # '/' follows '.' in every encoding of ASCII
    ).fetchone()[0]
    return stored or ""
