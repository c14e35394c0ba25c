"""Somebody who follows what engines commit, in pieces: must miss nothing, see nothing twice."""

import random
from collections.abc import Iterator
from typing import Final

from fare_engine.ports import START, Ledger
from simulator.deterministic.virtual_time import VirtualLoop

LOOKS_EVERY_S: Final = (0.5, 40.0)
PIECES: Final = (1, 3, 100)


class Follower:
    """Reads a ledger from its beginning to its end."""

    def __init__(self, loop: VirtualLoop, ledger: Ledger, seed: int) -> None:
        self._loop = loop
        self._ledger = ledger
        self._chance = random.Random(f"follower {seed}")
        self._cursor = START
        self._followed: list[int] = []
        self._later()

    def list_wrong(self, stored: set[int]) -> Iterator[str]:
        """Read to the end; which rows were missed, or came twice, in a line each."""
        while self._look():
            pass
        missed = stored.difference(self._followed)
        if missed:
            yield f"rows that a follower missed: {sorted(missed)}"
        if len(self._followed) != len(set(self._followed)):
            yield "a follower saw rows twice"

    def _later(self) -> None:
        self._loop.call_later(self._chance.uniform(*LOOKS_EVERY_S), self._look_again)

    def _look_again(self) -> None:
        self._look()
        self._later()

    def _look(self) -> bool:
        followed = self._ledger.follow(self._cursor, self._chance.choice(PIECES))
        self._cursor = followed.cursor
        self._followed += [verdict.row for verdict in followed.verdicts]
        return bool(followed.verdicts)
