"""Settles the simulated day over the disk in memory, by the engine's own settlement.

What `fare_engine.ledger` reads and stores of a settlement is done here over rows in memory; what
is decided and issued is `fare_engine.settlement`.
"""

from collections import Counter, defaultdict
from dataclasses import replace
from typing import Any

from fare_engine.catalogue import Catalogue
from fare_engine.decision import Closing, Reason
from fare_engine.errors import TapRefused
from fare_engine.journey import Terms
from fare_engine.settlement.adjustments import Kind, find_differences
from fare_engine.settlement.deciding import settle_history
from fare_engine.settlement.history import StoredTap
from fare_engine.settlement.quarantine import check_again
from fare_engine.verdict import Verdict
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
            terms = self._find_terms(verdict)
            if terms is None:
                continue
            tap, decision = verdict.tap, verdict.decision
            report = self._disk.reports.get(verdict.row)
            by_token[tap.token].append(
                StoredTap(
                    verdict.row,
                    tap,
                    self._catalogue.gates[tap.gate_id],
                    terms,
                    decision.reason,
                    decision.fare,
                    None if report is None else report.report,
                )
            )
            if decision.clock_suspect:
                self._note_skew(verdict)
        return by_token

    def _find_terms(self, verdict: Verdict) -> Terms | None:
        """What decides a tap again; None while it waits in quarantine."""
        catalogue, tap, decision = self._catalogue, verdict.tap, verdict.decision
        if decision.reason is Reason.RECORDED:
            checked = check_again(catalogue, tap, verdict.problem, self._now_ms)
            return None if isinstance(checked, TapRefused) else checked.terms
        station_id = verdict.station_id or ""
        pinned = decision.terms
        if pinned is not None and decision.closing is not Closing.CONSUMED:
            version = pinned.policy.version if pinned.policy else None
            key = station_id, version, pinned.suspended, pinned.tariff.version, decision.modes
            return catalogue.get_terms(key)
        terms = catalogue.find_terms(station_id, tap.occurred_at_ms) or pinned
        assert terms is not None
        return terms if terms.modes == decision.modes else replace(terms, modes=decision.modes)

    def _note_skew(self, verdict: Verdict) -> None:
        """How far the gate's clock was ahead, as it was measured last by then."""
        tap = verdict.tap
        moments = [verdict.received_at_ms]
        if tap.report is not None:
            moments.insert(0, tap.occurred_at_ms)
        for at_ms in moments:
            known = [
                skew_ms
                for gate_id, measured_at_ms, skew_ms in self._disk.skews
                if gate_id == tap.gate_id and measured_at_ms <= at_ms
            ]
            if known:
                self.skews[verdict.row] = known[-1]
                return
