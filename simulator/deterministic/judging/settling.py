"""Settles the simulated day over the disk in memory, by the engine's own settlement.

What `fare_engine.ledger` reads and stores of a settlement is done here over rows in memory; what
is decided and issued is `fare_engine.settlement`.
"""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from fare_engine.calendar import ServiceDay
from fare_engine.catalogue import Catalogue
from fare_engine.decision import Reason
from fare_engine.errors import Overtaken
from fare_engine.settlement.adjustments import Adjustment, Due, find_differences
from fare_engine.settlement.clocks import MeasuredClocks, Measurement, Reading
from fare_engine.settlement.deciding import settle_history
from fare_engine.settlement.history import StoredTap
from fare_engine.settlement.quarantine import find_repair
from fare_engine.settlement.reach import DAY_MS, find_reach
from fare_engine.settlement.terms import ChainPlace, make_correction, make_stored
from simulator.deterministic.storage.shared_disk import SharedDisk

RUNS = ((DAY_MS, True), (2 * DAY_MS, False))
"""How long after its end the day is settled, and whether the latest date is settled first.

The second run finds little or nothing to issue.
"""
Histories = Mapping[bytes, list[StoredTap]]


def settle_day(
    disk: SharedDisk, catalogue: Catalogue, now_ms: int, *, at_once: bool = False
) -> list[dict[str, Any]]:
    """Settle all dates that any clock has shown, on two days; what all runs issued.

    With `at_once` two runs settle each date: both have looked before one of them issues anything.
    """
    for later_ms, is_latest_first in RUNS:
        settlement = _Settlement(disk, catalogue, now_ms + later_ms)
        histories = settlement.read()
        for day in settlement.list_days(histories, is_latest_first):
            dues = settlement.find_dues(histories, day)
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


def find_occurred(stored: StoredTap) -> int:
    """When a tap occurred, for how far back a history reaches: its corrected time."""
    return stored.tap.occurred_at_ms


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

    def list_days(self, histories: Histories, is_latest_first: bool) -> list[ServiceDay]:
        """The dates of all taps, by their gates' clocks and corrected."""
        (tariff,) = self._catalogue.tariffs
        instants = {
            at_ms
            for stored in histories.values()
            for one in stored
            for at_ms in (one.tap.occurred_at_ms, one.tap.occurred_at_ms + one.skew_ms)
        }
        days = {tariff.calendar.service_day(at_ms) for at_ms in instants}
        return sorted(days, key=lambda day: day.ordinal, reverse=is_latest_first)

    def find_dues(self, histories: Histories, day: ServiceDay) -> dict[bytes, list[Due]]:
        """What all taps come to that a run of one date reaches."""
        reach = find_reach(self._catalogue.tariffs, day)
        return {
            token: settle_history(
                [one for one in stored if find_occurred(one) >= reach.read_from_corrected_ms],
                reach.issue_from_corrected_ms,
                self._now_ms,
            )
            for token, stored in histories.items()
        }

    def _find_measured(self, gate_id: str) -> list[Measurement]:
        return [
            Measurement(at_ms, skew_ms)
            for its_gate_id, at_ms, skew_ms in self._disk.skews
            if its_gate_id == gate_id
        ]
