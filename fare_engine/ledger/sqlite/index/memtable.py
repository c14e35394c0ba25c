"""The end of the ledger that no index table covers yet, and what is known of tap_ids.

An index on tap_ids costs a random page a tap when it is kept up row by row. So the latest rows are
looked up in memory, and their index entries follow in sorted runs (`runs` beside this file).
"""

from collections.abc import Iterable

from fare_engine.ledger.sqlite.index.recent import Recent

PREFIXES_MAX = 200_000
"""Gates times service dates whose greatest tap_id is remembered: fifty days of 4,000 gates."""


class Tail:
    """Where the rows stand that were written since the last run: by tap_id and by token.

    While a run is being written its rows are looked up here too (`draining`).
    """

    def __init__(self) -> None:
        self.tap_ids: Recent[str] = Recent()
        self.tokens: Recent[bytes] = Recent()
        self.draining_tap_ids: Recent[str] = Recent()
        self.draining_tokens: Recent[bytes] = Recent()
        self._given_up: list[Recent[str] | Recent[bytes]] = []

    def __len__(self) -> int:
        return len(self.tap_ids)

    def find_tap(self, tap_id: str) -> int | None:
        """The row of a tap, when it is among the latest."""
        return self.tap_ids.find(tap_id) or self.draining_tap_ids.find(tap_id)

    def find_latest(self, tokens: Iterable[bytes]) -> tuple[dict[bytes, int], list[bytes]]:
        """The rows of the latest taps that changed these tokens' states, and who has none here."""
        latest: dict[bytes, int] = {}
        elsewhere: list[bytes] = []
        find, find_draining = self.tokens.find, self.draining_tokens.find
        for token in tokens:
            row = find(token) or find_draining(token)
            if row is None:
                elsewhere.append(token)
            else:
                latest[token] = row
        return latest, elsewhere

    def start_draining(self) -> None:
        """Set what is here aside for a run, and begin anew."""
        self.draining_tap_ids, self.tap_ids = self.tap_ids, Recent()
        self.draining_tokens, self.tokens = self.tokens, Recent()

    def take_back_draining(self) -> None:
        """The run could not be made: its rows wait for the next one."""
        self.draining_tap_ids.extend(self.tap_ids)
        self.draining_tokens.extend(self.tokens)
        self.tap_ids, self.tokens = self.draining_tap_ids, self.draining_tokens
        self.draining_tap_ids, self.draining_tokens = Recent(), Recent()

    def finish_draining(self) -> None:
        """The run is durable: the index tables answer for it now."""
        self._given_up += [self.draining_tap_ids, self.draining_tokens]
        self.draining_tap_ids, self.draining_tokens = Recent(), Recent()

    def free_some(self) -> None:
        """Free a little of what is not needed any more; called after every commit."""
        if self._given_up and not self._given_up[-1].give_up_some():
            self._given_up.pop()


class HighestTapIds:
    """The greatest stored tap_id of each prefix: a greater one is surely new.

    Gates number their taps (gate, service date, sequence), so all but repeated taps have a greater
    id than any before them. Exact whatever the ids look like: one that is not greater, or has no
    prefix, is looked up. A prefix not remembered is read from the ledger once; those of rows that
    no index table covers yet are always remembered.
    """

    def __init__(self, prefixes_max: int = PREFIXES_MAX) -> None:
        self._highest: dict[str, str] = {}
        self._prefixes_max = prefixes_max

    def pass_new(self, tap_ids: Iterable[str]) -> tuple[list[str], set[str]]:
        """The ids that may be stored already, and the prefixes that have to be read first.

        An id that is surely new counts as stored from here on. Should its tap fail, the mark is
        too high, which costs later ids of the prefix a look-up, and never an answer.
        """
        doubtful: list[str] = []
        unknown: set[str] = set()
        highest = self._highest
        for tap_id in tap_ids:
            place = tap_id.rfind(".")
            prefix = tap_id[:place]
            known = highest.get(prefix)
            if known is None or place <= 0:
                doubtful.append(tap_id)
                if place > 0:
                    unknown.add(prefix)
            elif tap_id > known:
                highest[prefix] = tap_id
            else:
                doubtful.append(tap_id)
        return doubtful, unknown

    @property
    def is_full(self) -> bool:
        """Whether the prefixes of long past days should be forgotten."""
        return len(self._highest) >= self._prefixes_max

    def find(self, prefix: str) -> str | None:
        """The greatest tap_id of a prefix; None where it is not remembered."""
        return self._highest.get(prefix)

    def learn(self, prefix: str, tap_id: str) -> None:
        """Remember the greatest stored tap_id of a prefix; an empty one when there is none."""
        self._highest[prefix] = tap_id

    def raise_to(self, tap_ids: Iterable[str]) -> None:
        """These are stored now."""
        highest = self._highest
        for tap_id in tap_ids:
            place = tap_id.rfind(".")
            if place > 0 and tap_id > highest.get(tap_id[:place], ""):
                highest[tap_id[:place]] = tap_id

    def forget_all(self) -> None:
        """Trust nothing any more."""
        self._highest.clear()

    def items(self) -> list[tuple[str, str]]:
        """Every prefix remembered now, with its greatest tap_id."""
        return list(self._highest.items())
