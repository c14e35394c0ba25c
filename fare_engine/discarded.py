"""Large dictionaries that are not needed any more, freed a little at a time."""

from typing import Any, Final

FREED_KEYS: Final = 1_000
"""Keys that are freed with a batch: to free a million at once takes a second."""


class Discarded:
    """Dictionaries to free. More are freed with a batch than it can add, so they end some day."""

    def __init__(self) -> None:
        self._dictionaries: list[dict[Any, Any]] = []

    def __len__(self) -> int:
        return sum(map(len, self._dictionaries))

    def add(self, *dictionaries: dict[Any, Any]) -> None:
        """Nobody asks these any more."""
        self._dictionaries += filter(None, dictionaries)

    def free_some(self, rows: int) -> None:
        """Free a little; called with every batch of so many rows."""
        dictionaries = self._dictionaries
        left = max(FREED_KEYS, 4 * rows)
        while dictionaries and left:
            keys = dictionaries[-1]
            count = min(left, len(keys))
            for _ in range(count):
                keys.popitem()
            left -= count
            if not keys:
                dictionaries.pop()
