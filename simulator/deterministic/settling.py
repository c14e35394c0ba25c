"""Settles the simulated day over the disk in memory, by the engine's own settlement.

What `fare_engine.ledger` reads and stores of a settlement is done here over rows in memory; what
is decided and issued is `fare_engine.settlement`.
"""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from fare_engine.catalogue import Catalogue
from fare_engine.decision import Reason
from fare_engine.errors import Overtaken
from fare_engine.settlement.adjustments import Adjustment, Due, find_differences
from fare_engine.settlement.deciding import settle_history
from fare_engine.settlement.history import StoredTap
from fare_engine.settlement.quarantine import find_repair
from fare_engine.settlement.terms import ChainPlace, find_skew, make_stored
from simulator.deterministic.shared_disk import SharedDisk

DAY_MS = 86_400_000
RUNS_MS = (DAY_MS, 2 * DAY_MS)
"""When the day is settled, after its end: the second run finds little or nothing to issue."""


def settle_day(
    disk: SharedDisk, catalogue: Catalogue, now_ms: int, *, at_once: bool = False
) -> list[dict[str, Any]]:
    """Settle all tokens on two days; what all runs issued, as the contract has it.

    With `at_once` two runs settle each day: both have looked before one of them issues anything.
    """
    for later_ms in RUNS_MS:
        settlement = _Settlement(disk, catalogue, now_ms + later_ms)
        histories = settlement.read()
        dues = {
            token: settle_history(stored, 0, now_ms + later_ms, settlement.skews)
            for token, stored in histories.items()
        }
        first = _find_differences(disk, dues)
        second = list(first)
        disk.issue(first)
        if at_once:
            try:
                disk.issue(second)
            except Overtaken:
                disk.issue(_find_differences(disk, dues))
    return [
        {
            "tap_id": disk.rows[one.due.row].verdict.tap.tap_id,
            "kind": one.due.kind.code,
            "fare": one.fare,
        }
        for one in disk.issued
    ]


def _find_differences(disk: SharedDisk, dues: Mapping[bytes, list[Due]]) -> list[Adjustment]:
    issued = disk.find_issued()
    return [one for token, due in dues.items() for one in find_differences(token, due, issued)]


class _Settlement:
    """One run: the taps of every token, with the terms that their rows pin."""

    def __init__(self, disk: SharedDisk, catalogue: Catalogue, now_ms: int) -> None:
        self._disk = disk
        self._catalogue = catalogue
        self._now_ms = now_ms
        self.skews: dict[int, int] = {}

    def read(self) -> dict[bytes, list[StoredTap]]:
        by_token: dict[bytes, list[StoredTap]] = defaultdict(list)
        for one in self._disk.rows.values():
            verdict = one.verdict
            repair = None
            if verdict.decision.reason is Reason.RECORDED:
                repair = find_repair(self._catalogue, verdict, self._now_ms)
                if repair is None:
                    continue
            report = self._disk.reports.get(verdict.row)
            reported = None if report is None else report.report
            number = None if one.after is one.before else one.after.number
            place = ChainPlace(number, one.before.row)
            stored = make_stored(self._catalogue, verdict, place, reported, repair)
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
