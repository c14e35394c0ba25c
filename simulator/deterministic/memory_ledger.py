"""A ledger in memory: rows that are added and never changed, and views that a crash forgets.

`rows`, `reports`, `conflicts` and `codes` are the disk. Whoever opens it again (`recover`) finds
what was committed, whether anybody was told or not.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from fare_engine.catalogue import Catalogue
from fare_engine.code_use import CodeUse, make_use
from fare_engine.journey import BLANK, TokenState
from fare_engine.ledger.sqlite.side_tables import CONFLICTS_PER_TAP_MAX
from fare_engine.ports import Conflict, Entries, Step, StoredReport
from fare_engine.verdict import Verdict


@dataclass
class Disk:
    """What is durable. A row's number is its place in `rows`, counted from 1."""

    rows: list[Step] = field(default_factory=list)
    reports: dict[int, StoredReport] = field(default_factory=dict)
    conflicts: list[Conflict] = field(default_factory=list)
    codes: dict[str, int] = field(default_factory=dict)
    skews: list[tuple[str, int, int]] = field(default_factory=list)
    """Gate, when its clock was measured, and how far it was ahead of the engine's."""


class MemoryLedger:
    """The port of a ledger (`fare_engine.ports.Ledger`) over a disk in memory."""

    is_behind = False
    can_catch_up = False

    def __init__(self, disk: Disk, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self.disk = disk
        self._confirmed = 0
        self.recover()

    def next_row(self) -> int:
        """The place that the next tap will take."""
        return self._confirmed + 1

    def find_taps(self, tap_ids: Sequence[str]) -> Mapping[str, Verdict]:
        """The taps among these ids that are stored, as they were decided."""
        found, rows = self._tap_ids, self.disk.rows
        return {tap_id: rows[found[tap_id] - 1][0] for tap_id in tap_ids if tap_id in found}

    def find_states(self, tokens: Iterable[bytes]) -> Mapping[bytes, TokenState]:
        """The states of those tokens that have one."""
        latest = self._latest
        return {token: self._state_after(latest[token]) for token in tokens if token in latest}

    def get_state_before(self, verdict: Verdict) -> TokenState:
        """The state that a stored tap found; its `number` is that of the tap itself."""
        return self._state_before(verdict.row)

    def find_report(self, row: int) -> StoredReport | None:
        """The report stored beside a tap."""
        return self.disk.reports.get(row)

    def find_codes(self, code_ids: Sequence[str]) -> Mapping[str, CodeUse]:
        """The first uses of those ride codes that were used."""
        codes = self.disk.codes
        return {code_id: self._use(codes[code_id]) for code_id in code_ids if code_id in codes}

    def commit(self, entries: Entries) -> None:
        """Store all of it; in memory that cannot fail by half."""
        disk = self.disk
        disk.rows.extend(entries.steps)
        disk.reports.update((report.row, report) for report in entries.reports)
        for conflict in entries.conflicts:
            if self.count_conflicts(conflict.row) < CONFLICTS_PER_TAP_MAX:
                disk.conflicts.append(conflict)
        disk.codes.update(entries.codes)

    def confirm(self) -> None:
        """After a commit that succeeded: find what it stored from now on."""
        rows = self.disk.rows
        for place in range(self._confirmed, len(rows)):
            verdict, before, after, _ = rows[place]
            self._tap_ids[verdict.tap.tap_id] = place + 1
            if after is not before:
                self._latest[verdict.tap.token] = place + 1
        self._confirmed = len(rows)

    def recover(self) -> None:
        """After a commit with unknown result: find out what is stored."""
        self._confirmed = 0
        self._tap_ids: dict[str, int] = {}
        self._latest: dict[bytes, int] = {}
        self.confirm()

    def count_conflicts(self, row: int) -> int:
        """How many contradictions of a tap are stored."""
        return sum(conflict.row == row for conflict in self.disk.conflicts)

    def _state_after(self, row: int) -> TokenState:
        """The state a row made; that before it where nobody passed after all."""
        report = self.disk.reports.get(row)
        if report is not None and report.reversed:
            return self._state_before(row)
        return self.disk.rows[row - 1][2]

    def _state_before(self, row: int) -> TokenState:
        _, before, after, _ = self.disk.rows[row - 1]
        state = self._state_after(before.row) if before.row else BLANK
        return state.replace(number=after.number)

    def _use(self, row: int) -> CodeUse:
        verdict = self.disk.rows[row - 1][0]
        assert verdict.station_id is not None
        return make_use(verdict.tap, verdict.station_id)
