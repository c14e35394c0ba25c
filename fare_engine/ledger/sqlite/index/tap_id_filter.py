"""The highest tap_id of every prefix: a higher one is new, and needs no lookup."""

from collections.abc import Iterable


class TapIdFilter:
    """The highest stored tap_id of each prefix (all before the last dot).

    Gates number their taps (gate, service date, sequence), so all but repeated taps have a higher
    id than any before them. Exact whatever the ids look like: one that is not higher, or has no
    prefix, is looked up. A prefix that is not remembered is read from the ledger once; those of
    rows in the memtable are always remembered.
    """

    def __init__(self, prefixes_max: int) -> None:
        self._highest: dict[str, str] = {}
        self._prefixes_max = prefixes_max

    def find_possible_repeats(self, tap_ids: Iterable[str]) -> tuple[list[str], set[str]]:
        """The ids that may be stored already, and the prefixes that have to be read first.

        An id that is new counts as stored from here on. Should its tap fail, what is remembered is
        too high, which costs later ids of the prefix a lookup, and never an answer.
        """
        possible: list[str] = []
        unknown: set[str] = set()
        highest = self._highest
        for tap_id in tap_ids:
            place = tap_id.rfind(".")
            prefix = tap_id[:place]
            known = highest.get(prefix)
            if known is None or place <= 0:
                possible.append(tap_id)
                if place > 0:
                    unknown.add(prefix)
            elif tap_id > known:
                highest[prefix] = tap_id
            else:
                possible.append(tap_id)
        return possible, unknown

    @property
    def is_full(self) -> bool:
        """Whether the prefixes of long past days should be forgotten."""
        return len(self._highest) >= self._prefixes_max

    def find(self, prefix: str) -> str | None:
        """The highest tap_id of a prefix; None where it is not remembered."""
        return self._highest.get(prefix)

    def learn(self, prefix: str, tap_id: str) -> None:
        """Remember the highest stored tap_id of a prefix; an empty one when there is none."""
        self._highest[prefix] = tap_id

    def add(self, tap_ids: Iterable[str]) -> None:
        """These count as stored now."""
        highest = self._highest
        for tap_id in tap_ids:
            place = tap_id.rfind(".")
            if place > 0 and tap_id > highest.get(tap_id[:place], ""):
                highest[tap_id[:place]] = tap_id

    def forget_all(self) -> None:
        """Every prefix has to be read again."""
        self._highest.clear()

    def items(self) -> list[tuple[str, str]]:
        """Every prefix that is remembered now, with its highest tap_id."""
        return list(self._highest.items())
