"""Settles the simulated day over the disk in memory, by the engine's own settlement.

What `fare_engine.ledger` reads and stores of a settlement is done here over rows in memory; what
is decided and issued is `fare_engine.settlement`.
"""

from collections import Counter, defaultdict
from typing import Any

from fare_engine.catalogue import Catalogue
from fare_engine.decision import Reason
from fare_engine.settlement.adjustments import Kind, find_differences
from fare_engine.settlement.deciding import settle_history
from fare_engine.settlement.history import StoredTap
from fare_engine.settlement.quarantine import find_repair
from fare_engine.settlement.terms import find_skew, make_stored
from simulator.deterministic.memory_ledger import Disk

DAY_MS = 86_400_000
RUNS_MS = (DAY_MS, 2 * DAY_MS)
"""When the day is settled, after its end: the second run finds little or nothing to issue."""


def settle_day(disk: Disk, catalogue: Catalogue, now_ms: int) -> list[dict[str, Any]]:
    """Settle all tokens twice, a day later; what both runs issued, as the contract tells it."""
    issued: Counter[tuple[int, Kind]] = Counter()
    told: list[dict[str, Any]] = []
    for later_ms in RUNS_MS:
        settlement = _Settlement(disk, catalogue, now_ms + later_ms)
        for token, stored in settlement.read().items():
            dues = settle_history(stored, 0, now_ms + later_ms, settlement.skews)
            for one in find_differences(token, dues, dict(issued)):
                row, kind = one.due.row, one.due.kind
                issued[row, kind] += one.fare
                tap_id = disk.rows[row - 1][0].tap.tap_id
                told.append({"tap_id": tap_id, "kind": kind.code, "fare": one.fare})
    return told


class _Settlement:
    """One run: the taps of every token, with the terms that their rows pin."""

    def __init__(self, disk: Disk, catalogue: Catalogue, now_ms: int) -> None:
        self._disk = disk
        self._catalogue = catalogue
        self._now_ms = now_ms
        self.skews: dict[int, int] = {}

    def read(self) -> dict[bytes, list[StoredTap]]:
        by_token: dict[bytes, list[StoredTap]] = defaultdict(list)
        for verdict, _, _, _ in self._disk.rows:
            repair = None
            if verdict.decision.reason is Reason.RECORDED:
                repair = find_repair(self._catalogue, verdict, self._now_ms)
                if repair is None:
                    continue
            report = self._disk.reports.get(verdict.row)
            reported = None if report is None else report.report
            stored = make_stored(self._catalogue, verdict, reported, repair)
            by_token[verdict.tap.token].append(stored)
            skew_ms = find_skew(verdict, self._find_measured)
            if skew_ms is not None:
                self.skews[verdict.row] = skew_ms
        return by_token

    def _find_measured(self, gate_id: str, at_ms: int) -> int | None:
        known = [
            skew_ms
            for its_gate_id, measured_at_ms, skew_ms in self._disk.skews
            if its_gate_id == gate_id and measured_at_ms <= at_ms
        ]
        return known[-1] if known else None
