"""Every token the ledger has seen, while they are few enough: a stranger needs no look-up."""

import logging
import sqlite3
import threading
from collections.abc import Callable, Iterable
from typing import Final

logger = logging.getLogger(__name__)

TOKENS_MAX: Final = 1_000_000
"""About 90 MB. A network with more media looks up those that are in no memory, as it must."""

_CHUNK: Final = (
    "SELECT group_concat(hex(token)), max(token) FROM (SELECT DISTINCT token FROM token_rows"
    " WHERE token > ? ORDER BY token LIMIT 5000)"
)
"""In one step: between two steps a thread waits for the interpreter, for each token of a burst, and
its view of the ledger keeps the log from being folded."""


class KnownTokens:
    """Tells strangers from tokens that the ledger may hold.

    What the index tables hold is read once, beside the writer; until that has ended, and for good
    once there are too many, every token may be known. The ledger tells the rest as it stores it.
    """

    def __init__(self, tokens_max: int = TOKENS_MAX) -> None:
        self._tokens_max = tokens_max
        self._indexed: set[bytes] | None = None
        self._since: set[bytes] = set()
        self._too_many = False
        self._thread: threading.Thread | None = None

    def read_beside(self, connect: Callable[[], sqlite3.Connection]) -> None:
        """Read the tokens of the index tables in a thread of their own."""
        self._thread = threading.Thread(
            target=self._read, args=(connect,), name="ledger-tokens", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Read no further."""
        self._give_up()
        if self._thread is not None:
            self._thread.join()

    def add(self, tokens: Iterable[bytes]) -> None:
        """These are stored."""
        if self._too_many:
            return
        self._since.update(tokens)
        if len(self._since) + len(self._indexed or ()) > self._tokens_max:
            self._give_up()

    def pick(self, tokens: list[bytes]) -> list[bytes]:
        """Those among these tokens that the ledger may hold."""
        indexed, since = self._indexed, self._since
        if indexed is None or self._too_many:
            return tokens
        return [token for token in tokens if token in indexed or token in since]

    def _give_up(self) -> None:
        self._too_many = True
        self._indexed = None
        self._since = set()

    def _read(self, connect: Callable[[], sqlite3.Connection]) -> None:
        tokens: set[bytes] = set()
        try:
            connection = connect()
            try:
                digits, reached = connection.execute(_CHUNK, (b"",)).fetchone()
                while digits is not None:
                    tokens.update(map(bytes.fromhex, digits.split(",")))
                    if self._too_many or len(tokens) > self._tokens_max:
                        self._give_up()
                        return
                    digits, reached = connection.execute(_CHUNK, (reached,)).fetchone()
            finally:
                connection.close()
        except sqlite3.Error:
            logger.exception("the tokens of the ledger could not be read; each is looked up")
        else:
            self._indexed = tokens
