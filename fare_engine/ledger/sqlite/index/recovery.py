"""Reading the end of the ledger into memory at the start, beside the first taps.

After a burst some hundred thousand rows have no index entries. To read them all takes a second; to
find a few taps among them takes a tenth of one, since one pass over the table finds all that a
batch asks for. So a server answers at once, and sooner as more of the rows stand in memory.
"""

import logging
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import msgspec

from fare_engine.ledger.sqlite.index.background import StartTask, Steps, Task
from fare_engine.ledger.sqlite.index.sizes import IndexSizes
from fare_engine.ledger.sqlite.index.tap_id_filter import raise_floors

logger = logging.getLogger(__name__)

SCAN_MAX: Final = 500
"""Values of one pass. For more it is sooner to wait for the rest."""

_READ_CHUNK: Final = (
    "SELECT json_group_array(row), json_group_array(number),"
    " json_group_array(tap_id), json_group_array(hex(token))"
    " FROM (SELECT * FROM taps WHERE row > ? AND row <= ? ORDER BY row LIMIT ?)"
)
_read_rows: Final = msgspec.json.Decoder(list[int]).decode
_read_numbers: Final = msgspec.json.Decoder(list[int | None]).decode
_read_strings: Final = msgspec.json.Decoder(list[str]).decode


class Recovery:
    """Rows of the ledger on their way into the memtable, found meanwhile wherever they stand.

    Up to `read_through` they stand in `tap_ids` and `tokens`; those behind it are looked for in
    the table. `floors` has the highest tap_id of each of their prefixes that was read. `learn` gets
    every token.
    """

    def __init__(
        self,
        after_row: int,
        through_row: int,
        sizes: IndexSizes,
        learn: Callable[[Iterable[bytes]], None],
    ) -> None:
        self.through_row = through_row
        self.read_through = after_row
        self.rows_max = through_row - after_row
        """As many rows at most; where numbers were left out there are fewer."""
        self.tap_ids: dict[str, int] = {}
        self.tokens: dict[bytes, int] = {}
        self.floors: dict[str, str] = {}
        self.is_done = False
        self._read_rows = sizes.read_rows
        self._learn = learn
        self._task: Task | None = None

    def start(self, connect: Callable[[], sqlite3.Connection], start: StartTask) -> None:
        """Read beside the writer, on a connection of its own."""
        self._task = start("ledger-recovery", self._read_beside(connect))

    @property
    def is_running(self) -> bool:
        """Whether it is still read beside the writer."""
        return self._task is not None and self._task.is_running

    def wait(self) -> None:
        """Wait until all is read, or has failed."""
        if self._task is not None:
            self._task.wait()

    def stop(self) -> None:
        """Read no further."""
        if self._task is not None:
            self._task.stop()

    def read(self, connection: sqlite3.Connection) -> Steps:
        """Read what is left, step by step."""
        while self.read_through < self.through_row:
            self._read_chunk(connection)
            yield
        self.is_done = True

    def find_taps(self, connection: sqlite3.Connection, tap_ids: Sequence[str]) -> dict[str, int]:
        """Where those of these taps stand that are among the rows."""
        return self._find(connection, "tap_id", "", tap_ids, self.tap_ids)

    def find_latest(
        self, connection: sqlite3.Connection, tokens: Sequence[bytes]
    ) -> dict[bytes, int]:
        """The rows of the latest taps among them that changed these tokens' states."""
        return self._find(connection, "token", "AND number IS NOT NULL", tokens, self.tokens)

    def _read_chunk(self, connection: sqlite3.Connection) -> None:
        span = (self.read_through, self.through_row, self._read_rows)
        texts = connection.execute(_READ_CHUNK, span).fetchone()
        rows, numbers = _read_rows(texts[0]), _read_numbers(texts[1])
        tap_ids, digits = map(_read_strings, texts[2:])
        tokens = list(map(bytes.fromhex, digits))
        self.tap_ids.update(zip(tap_ids, rows, strict=True))
        latest = zip(tokens, rows, numbers, strict=True)
        self.tokens.update((token, row) for token, row, number in latest if number is not None)
        raise_floors(self.floors, tap_ids)
        self._learn(tokens)
        self.read_through = rows[-1] if len(rows) == self._read_rows else self.through_row

    def _find(
        self,
        connection: sqlite3.Connection,
        column: str,
        condition: str,
        values: Sequence[Any],
        in_memory: dict[Any, int],
    ) -> dict[Any, int]:
        """The last rows with these values.

        The table is read first, from where memory ended then: what is read beside meanwhile is
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

    def _read_beside(self, connect: Callable[[], sqlite3.Connection]) -> Steps:
        try:
            connection = connect()
            try:
                yield from self.read(connection)
            finally:
                connection.close()
        except sqlite3.Error:
            logger.exception("the end of the ledger could not be read; it is tried again")
