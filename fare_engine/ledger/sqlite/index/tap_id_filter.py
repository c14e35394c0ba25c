"""The highest tap_id of every prefix: a higher one is new, and needs no lookup."""

from collections.abc import Iterable
from typing import Final

from fare_engine.discarded import Discarded

BATCHES_ASKED: Final = 2
"""The batch that asks, and one that is being committed meanwhile."""


class TapIdFilter:
    """The highest stored tap_id of each prefix (all before the last dot).

    Gates number their taps (gate, service date, sequence), so all but repeated taps have a higher
    id than any before them. Exact whatever the ids look like: one that is not higher, or has no
    prefix, is looked up. A prefix that is not remembered is read from the index tables once.

    Prefixes are remembered in two generations. One that is asked for moves to the young generation;
    when that is half of the limit it becomes the old one, and the former old one is dropped. That
    waits until the tables have all rows of its ids, since a dropped prefix is read from there. So
    there are no more prefixes than the limit and the rows of the memtable, and forgetting them
    costs a tap nothing.

    `floors` are the highest ids of rows that the tables may not have yet, by prefix: those of
    prefixes that were not read from the tables.
    """

    def __init__(self, prefixes_max: int, floors: Iterable[dict[str, str]] = ()) -> None:
        self._generation_max = max(1, prefixes_max // 2)
        self._young: dict[str, str] = {}
        self._old: dict[str, str] = {}
        self._floors = tuple(floors)
        self._batches = 0
        self._old_through: int | None = None
        self._discarded = Discarded()

    def __len__(self) -> int:
        return len(self._young) + len(self._old) + sum(map(len, self._floors))

    def begin_batch(self, last_row: int, merged_through: int) -> None:
        """A batch asks next; the ledger ends at `last_row`, the tables at `merged_through`."""
        self._batches += 1
        if self._old_through is None:
            if self._batches > BATCHES_ASKED:
                self._old_through = last_row  # what asked before has ended since
        elif len(self._young) >= self._generation_max and merged_through >= self._old_through:
            self._discarded.add(self._old, *self._floors)
            self._old, self._young, self._floors = self._young, {}, ()
            self._batches, self._old_through = 0, None

    def find_possible_repeats(self, tap_ids: Iterable[str]) -> tuple[list[str], set[str]]:
        """The ids that may be stored already, and the prefixes that have to be read first.

        An id that is new counts as stored from here on. Should its tap fail, what is remembered is
        too high, which costs later ids of the prefix a lookup, and never an answer.
        """
        possible: list[str] = []
        unknown: set[str] = set()
        young = self._young
        for tap_id in tap_ids:
            place = tap_id.rfind(".")
            prefix = tap_id[:place]
            known = young.get(prefix)
            if known is None or place <= 0:
                if place <= 0:
                    possible.append(tap_id)
                    continue
                known = self._old.pop(prefix, None)
                if known is None:
                    possible.append(tap_id)
                    unknown.add(prefix)
                    continue
                young[prefix] = known
            if tap_id > known:
                young[prefix] = tap_id
            else:
                possible.append(tap_id)
        return possible, unknown

    def learn(self, prefix: str, stored: str) -> None:
        """Remember the highest tap_id that the tables have of a prefix; empty for none."""
        self._young[prefix] = max(stored, *(floor.pop(prefix, "") for floor in self._floors), "")

    def free_some(self, rows: int) -> None:
        """Free a little of what was dropped; called after every commit of so many rows."""
        self._discarded.free_some(rows)


def raise_floors(floors: dict[str, str], tap_ids: Iterable[str]) -> None:
    """These ids are stored, or about to be: no prefix of theirs ends lower."""
    for tap_id in tap_ids:
        place = tap_id.rfind(".")
        if place > 0 and tap_id > floors.get(tap_id[:place], ""):
            floors[tap_id[:place]] = tap_id
