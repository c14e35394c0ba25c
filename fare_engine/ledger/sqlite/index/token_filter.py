"""A mark for every token that the ledger has seen: a stranger without one needs no look-up."""

import logging
import sqlite3
import threading
from collections.abc import Callable, Iterable
from typing import Final

logger = logging.getLogger(__name__)

PLACES: Final = 2**26
"""One byte each, 64 MiB. Two tokens may share a place: then a stranger is looked up in vain, one
in seventy with a million tokens, one in seven with ten."""

_CHUNK: Final = (
    "SELECT group_concat(hex(token)), max(token) FROM (SELECT DISTINCT token FROM token_rows"
    " WHERE token > ? ORDER BY token LIMIT 5000)"
)
"""In one step: between two steps a thread waits for the interpreter, for each token of a burst, and
its view of the ledger keeps the log from being folded."""


class KnownTokens:
    """Tells strangers from tokens that the ledger may hold.

    What the index tables hold is read once, beside the writer; until that has ended every token may
    be known. The ledger tells the rest as it stores it.
    """

    def __init__(self, places: int = PLACES) -> None:
        self._marks = bytearray(places)
        self._is_complete = False
        self._stopping = False
        self._thread: threading.Thread | None = None

    def read_beside(self, connect: Callable[[], sqlite3.Connection]) -> None:
        """Read the tokens of the index tables in a thread of their own."""
        self._thread = threading.Thread(
            target=self._read, args=(connect,), name="ledger-tokens", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Read no further."""
        self._stopping = True
        if self._thread is not None:
            self._thread.join()

    def add(self, tokens: Iterable[bytes]) -> None:
        """These are stored."""
        marks, last = self._marks, len(self._marks) - 1
        for token in tokens:
            marks[hash(token) & last] = 1

    def pick(self, tokens: list[bytes]) -> list[bytes]:
        """Those among these tokens that the ledger may hold."""
        if not self._is_complete:
            return tokens
        marks, last = self._marks, len(self._marks) - 1
        return [token for token in tokens if marks[hash(token) & last]]

    def _read(self, connect: Callable[[], sqlite3.Connection]) -> None:
        try:
            connection = connect()
            try:
                digits, reached = connection.execute(_CHUNK, (b"",)).fetchone()
                while digits is not None:
                    if self._stopping:
                        return
                    self.add(map(bytes.fromhex, digits.split(",")))
                    digits, reached = connection.execute(_CHUNK, (reached,)).fetchone()
            finally:
                connection.close()
        except sqlite3.Error:
            logger.exception("the tokens of the ledger could not be read; each is looked up")
        else:
            self._is_complete = True
