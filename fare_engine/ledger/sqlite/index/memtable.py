"""Where the latest rows stand, which have no entries in the index tables yet.

An index on tap_ids costs a random page a tap when it is kept up row by row. So the latest rows are
looked up in memory, and their index entries follow in sorted runs (`run`).
"""

from collections.abc import Iterable, Sequence

from fare_engine.discarded import Discarded


class Memtable:
    """Rows by tap_id and by token.

    While a run is merged its rows are looked up here too (`flushing`). Rows of a token are those
    that changed its state; the latest counts. Asking is safe in any thread: a row that moves is
    always found at one of both places.
    """

    def __init__(self) -> None:
        self.tap_ids: dict[str, int] = {}
        self.tokens: dict[bytes, int] = {}
        self._flushing_tap_ids: dict[str, int] = {}
        self._flushing_tokens: dict[bytes, int] = {}
        self.discarded = Discarded()

    def __len__(self) -> int:
        """How many rows have no entries in the index tables."""
        return len(self.tap_ids) + len(self._flushing_tap_ids)

    def find_tap(self, tap_id: str) -> int | None:
        """The row of a tap, when it is among the latest."""
        return self.tap_ids.get(tap_id) or self._flushing_tap_ids.get(tap_id)

    def find_latest(self, tokens: Iterable[bytes]) -> tuple[dict[bytes, int], list[bytes]]:
        """The rows of the latest taps that changed these tokens' states, and who has none here."""
        latest: dict[bytes, int] = {}
        elsewhere: list[bytes] = []
        find, find_flushing = self.tokens.get, self._flushing_tokens.get
        for token in tokens:
            row = find(token) or find_flushing(token)
            if row is None:
                elsewhere.append(token)
            else:
                latest[token] = row
        return latest, elsewhere

    def add(
        self,
        rows: Sequence[int],
        tap_ids: Sequence[str],
        tokens: Sequence[bytes],
        numbers: Sequence[int | None],
    ) -> None:
        """Find these rows from now on; a row without a number changed no state."""
        self.tap_ids.update(zip(tap_ids, rows, strict=True))
        if None in numbers:
            latest = zip(tokens, rows, numbers, strict=True)
            self.tokens.update((token, row) for token, row, number in latest if number)
        else:
            self.tokens.update(zip(tokens, rows, strict=True))

    def add_earlier(self, tap_ids: dict[str, int], tokens: dict[bytes, int]) -> None:
        """Find rows too that stand before all that are here; the dictionaries are taken over."""
        tap_ids.update(self.tap_ids)
        tokens.update(self.tokens)
        self.tap_ids, self.tokens = tap_ids, tokens

    def start_flush(self) -> None:
        """All that is here goes into a run; what comes now goes into the next."""
        self._flushing_tap_ids, self.tap_ids = self.tap_ids, {}
        self._flushing_tokens, self.tokens = self.tokens, {}

    def cancel_flush(self) -> None:
        """The run could not be made: its rows wait for the next one."""
        self.add_earlier(self._flushing_tap_ids, self._flushing_tokens)
        self._flushing_tap_ids, self._flushing_tokens = {}, {}

    def finish_flush(self) -> None:
        """The run is durable: the index tables answer for it now."""
        self.discarded.add(self._flushing_tap_ids, self._flushing_tokens)
        self._flushing_tap_ids, self._flushing_tokens = {}, {}

    def free_some(self, rows: int) -> None:
        """Free a little of what is not needed any more; after every commit of so many rows."""
        self.discarded.free_some(rows)
