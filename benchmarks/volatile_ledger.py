"""A ledger of dictionaries, gone with the process: what the engine costs without one."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NoReturn

from fare_engine.catalogue import Catalogue
from fare_engine.code_use import CodeUse
from fare_engine.journey import TokenState
from fare_engine.ports import Entries, StoredReport
from fare_engine.verdict import Verdict


class VolatileLedger:
    """Knows every tap_id, so that repeated taps are found; keeps taps alone."""

    is_behind = False
    can_catch_up = False

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self._taps: dict[str, Verdict] = {}

    def next_row(self) -> int:
        return len(self._taps) + 1

    def find_taps(self, tap_ids: Sequence[str]) -> Mapping[str, Verdict]:
        taps = self._taps
        return {tap_id: taps[tap_id] for tap_id in tap_ids if tap_id in taps}

    def find_states(self, _tokens: Iterable[bytes]) -> Mapping[bytes, TokenState]:
        return {}  # the index never forgets one here

    def get_state_before(self, _verdict: Verdict) -> NoReturn:
        raise NotImplementedError("the workload has no reports")

    def find_report(self, _row: int) -> StoredReport | None:
        return None

    def find_codes(self, _code_ids: Sequence[str]) -> Mapping[str, CodeUse]:
        return {}

    def commit(self, entries: Entries) -> None:
        self._taps.update((step[0].tap.tap_id, step[0]) for step in entries.steps)

    def confirm(self) -> None:
        pass

    def recover(self) -> None:
        pass
