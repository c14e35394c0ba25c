"""Token states in the memory of one process."""

from collections.abc import Iterable, Mapping

from fare_engine.discarded import Discarded
from fare_engine.journey import TokenState

STATES_MAX = 4_000_000
"""About a gibibyte; beyond it the states longest untouched are read from the ledger again."""


class MemoryStates:
    """Remembers the states touched last, in two generations.

    A state that is used moves to the young generation; when that is half of the limit, it becomes
    the old one and the former old one is dropped, and freed a little with each batch. So forgetting
    delays no tap.
    """

    def __init__(self, states_max: int = STATES_MAX) -> None:
        self._generation_max = max(1, states_max // 2)
        self._young: dict[bytes, TokenState] = {}
        self._old: dict[bytes, TokenState] = {}
        self._discarded = Discarded()

    def __len__(self) -> int:
        return len(self._young) + len(self._old.keys() - self._young.keys())

    def find(self, tokens: Iterable[bytes]) -> dict[bytes, TokenState]:
        """The states that are remembered."""
        found = {}
        young, old = self._young, self._old
        for token in tokens:
            state = young.get(token) or old.get(token)
            if state is not None:
                found[token] = state
        return found

    def apply(self, states: Mapping[bytes, TokenState]) -> None:
        """Remember states that are durable."""
        self._young.update(states)
        self._discarded.free_some(len(states))
        if len(self._young) >= self._generation_max:
            self._discarded.add(self._old)
            self._old, self._young = self._young, {}

    def forget(self, tokens: Iterable[bytes]) -> None:
        """Drop what is remembered of these tokens."""
        for token in tokens:
            self._young.pop(token, None)
            self._old.pop(token, None)
