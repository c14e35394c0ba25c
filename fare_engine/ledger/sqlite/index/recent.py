"""Where keys stand that were seen lately; in a burst hardly any of them is asked for again."""

from collections.abc import Iterator
from typing import Final, Generic, TypeVar

K = TypeVar("K")

SMALL_MAX: Final = 1_000
"""Keys of a small table; a batch of so many stays one of its own."""

TABLES_MAX: Final = 16
"""Small tables that are looked through for one key."""


class Recent(Generic[K]):
    """Rows by key, the latest row of a key first.

    What comes goes into small tables, which lie in the processor's cache and never grow. They are
    put into the large one when something is looked for and they are many: a burst in which nobody
    is, is spared a distant place in memory for each of its keys.
    """

    def __init__(self, rows: dict[K, int] | None = None) -> None:
        self._large: dict[K, int] = {} if rows is None else rows
        self._small: list[dict[K, int]] = []

    def __len__(self) -> int:
        """At least as many keys as there are: one may stand in two tables."""
        return len(self._large) + sum(map(len, self._small))

    def __iter__(self) -> Iterator[K]:
        """All keys, some perhaps twice."""
        for table in (self._large, *self._small):
            yield from table

    def add(self, rows: dict[K, int]) -> None:
        """These keys were seen now. The table is kept; its owner must not change it any more."""
        small = self._small
        if small and len(small[-1]) + len(rows) <= SMALL_MAX:
            small[-1].update(rows)
        else:
            small.append(rows)

    def extend(self, later: "Recent[K]") -> None:
        """Everything in the other was seen after what is here; the other is given up."""
        self._small += [later._large, *later._small] if later._large else later._small

    def give_up_some(self) -> bool:
        """Forget about so many keys as a small table has; False once nothing is left.

        To free all keys of a burst at once takes longer than a gate should wait.
        """
        if self._small:
            self._small.pop()
            return True
        large = self._large
        for _ in range(min(SMALL_MAX, len(large))):
            large.popitem()
        return bool(large)

    def find(self, key: K) -> int | None:
        """The row of a key."""
        if len(self._small) > TABLES_MAX:
            self._merge()
        for table in reversed(self._small):
            row = table.get(key)
            if row is not None:
                return row
        return self._large.get(key)

    def _merge(self) -> None:
        for table in self._small:
            self._large.update(table)
        self._small = []
