"""A filter of all tokens that the ledger has seen: an unseen one needs no lookup."""

import logging
import sqlite3
from collections.abc import Callable, Iterable
from mmap import MAP_ANONYMOUS, MAP_PRIVATE, mmap
from typing import Final

from fare_engine.ledger.sqlite.index.background import Steps

logger = logging.getLogger(__name__)

_READ_TOKENS: Final = (
    "SELECT group_concat(hex(token)), max(token) FROM (SELECT DISTINCT token FROM token_rows"
    " WHERE token > ? ORDER BY token LIMIT 5000)"
)
"""In one statement, whose view of the ledger is short: it keeps the log from being folded."""


class TokenFilter:
    """A byte for each slot that a token's hash may name: set, or no such token was ever stored.

    What the index tables hold is read once, beside the writer; until that has ended every token may
    be stored. What is stored meanwhile is added as it is. Nothing is ever taken out.
    """

    def __init__(self, slots: int) -> None:
        # The system gives memory to what was written: a ledger with few tokens takes little.
        self._slots = mmap(-1, slots, MAP_PRIVATE | MAP_ANONYMOUS)
        self.is_complete = False

    def add(self, tokens: Iterable[bytes]) -> None:
        """These are stored."""
        slots, last = self._slots, len(self._slots) - 1
        for token in tokens:
            slots[hash(token) & last] = 1

    def find_possible(self, tokens: list[bytes]) -> list[bytes]:
        """Those among these tokens that may be stored."""
        if not self.is_complete:
            return tokens
        slots, last = self._slots, len(self._slots) - 1
        return [token for token in tokens if slots[hash(token) & last]]

    def read(self, connect: Callable[[], sqlite3.Connection]) -> Steps:
        """Add the tokens of the index tables, step by step."""
        try:
            connection = connect()
            try:
                digits, reached = connection.execute(_READ_TOKENS, (b"",)).fetchone()
                while digits is not None:
                    self.add(map(bytes.fromhex, digits.split(",")))
                    yield
                    digits, reached = connection.execute(_READ_TOKENS, (reached,)).fetchone()
            finally:
                connection.close()
        except sqlite3.Error:
            logger.exception("the tokens of the ledger could not be read; each is looked up")
        else:
            self.is_complete = True
