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
from fare_engine.settlement.clocks import MeasuredClocks, Measurement, Reading
from fare_engine.settlement.deciding import settle_history
from fare_engine.settlement.history import StoredTap
from fare_engine.settlement.quarantine import find_repair
from fare_engine.settlement.terms import ChainPlace, make_correction, make_stored
from simulator.deterministic.shared_disk import SharedDisk

DAY_MS = 86_400_000
FROM_MS = -(2**62)
"""Before everything: all is settled at once, whatever date a clock says."""
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
            token: settle_history(stored, FROM_MS, now_ms + later_ms)
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
        self._clocks = MeasuredClocks(self._find_measured, catalogue.tariffs)

    def read(self) -> dict[bytes, list[StoredTap]]:
        by_token: dict[bytes, list[StoredTap]] = defaultdict(list)
        for one in self._disk.rows.values():
            verdict, decision = one.verdict, one.verdict.decision
            tap = verdict.tap
            was_live = tap.report is None and not decision.clock_suspect
            reading = Reading(tap.occurred_at_ms, verdict.received_at_ms, was_live)
            skew_ms = self._clocks.find_skew(tap.gate_id, reading)
            repair = None
            if decision.reason is Reason.RECORDED:
                repair = find_repair(self._catalogue, verdict, skew_ms, self._now_ms)
                if repair is None:
                    continue
            report = self._disk.reports.get(verdict.row)
            reported = None if report is None else report.report
            number = None if one.after is one.before else one.after.number
            place = ChainPlace(number, one.before.row)
            correction = make_correction(self._catalogue, verdict, skew_ms, repair)
            by_token[tap.token].append(
                make_stored(self._catalogue, verdict, place, reported, repair, correction)
            )
        return by_token

    def _find_measured(self, gate_id: str) -> list[Measurement]:
        return [
            Measurement(at_ms, skew_ms)
            for its_gate_id, at_ms, skew_ms in self._disk.skews
            if its_gate_id == gate_id
        ]
