"""A ledger of dictionaries, gone with the process: what the engine costs without one."""

from fare_engine.ports import START, Changes, Followed, KnownTap, Loaded, Wanted
from fare_engine.published import Published
from fare_engine.verdict import Verdict


class VolatileLedger:
    """Knows every tap_id, so that repeated taps are found; keeps taps alone."""

    maintenance = None
    may_wait = True

    def __init__(self) -> None:
        self._taps: dict[str, Verdict] = {}
        self._next_row = 1

    def use(self, published: Published) -> None:
        pass

    def take_rows(self, count: int) -> int:
        first, self._next_row = self._next_row, self._next_row + count
        return first

    def load(self, wanted: Wanted) -> Loaded:
        """Only taps: the cache never forgets a state here, and the workload has no codes."""
        taps = self._taps
        known = {id_: KnownTap(taps[id_]) for id_ in wanted.tap_ids if id_ in taps}
        return Loaded(known, {}, {})

    def commit(self, changes: Changes) -> None:
        verdicts = [decided.verdict for decided in changes.taps]
        self._taps.update({verdict.tap.tap_id: verdict for verdict in verdicts})

    def confirm(self) -> None:
        pass

    def recover(self) -> None:
        pass

    def follow(self, cursor: str, limit: int) -> Followed:
        """In the order of commits, as a dictionary keeps them."""
        done = 0 if cursor == START else int(cursor)
        verdicts = list(self._taps.values())[done : done + limit]
        return Followed(verdicts, str(done + len(verdicts)))
