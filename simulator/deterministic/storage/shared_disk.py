"""What is durable, shared by all engines: unique keys, and a commit that is stored whole or not.

It compares what a batch was decided on, as a database would inside one statement. What should never
come to it (a row used twice, a tap decided on a state that its token never had) it takes all the
same and notes in `broken`: that is what the simulation looks for.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from fare_engine.catalogue import Catalogue
from fare_engine.code_use import CodeUse, make_use
from fare_engine.errors import Outdated, Overtaken
from fare_engine.journey import BLANK, TokenState
from fare_engine.ledger.conflict_rows import CONFLICTS_PER_TAP_MAX
from fare_engine.ports import Changes, Conflict, DecidedTap, KnownTap, StoredReport
from fare_engine.published import Published
from fare_engine.settlement.adjustments import Adjustment, Before, Kind
from simulator.deterministic.storage.chains import list_untrue

BLOCK_ROWS: Final = 40
"""Rows that an engine takes at once; few, so that the rows of several engines mix."""


class Stored(NamedTuple):
    """One commit: what it stored, and what was published at that moment."""

    changes: Changes
    configured: int


class SharedDisk:
    """Rows, heads and unique keys, in memory.

    `heads` has the state of every token, whose number is that of its chain. `log` has all rows in
    the order of commits. `skews` are a gate, when its clock was measured, and how far it was ahead.
    """

    def __init__(self, catalogue: Catalogue) -> None:
        self.published = Published(1, catalogue)
        self.epoch = 1
        self.skews: list[tuple[str, int, int]] = []
        self.issued: list[Adjustment] = []
        self.broken: list[str] = []
        """What should never have come, in a line each."""
        self._next_row = 1
        self._empty()

    def _empty(self) -> None:
        self.rows: dict[int, DecidedTap] = {}
        self.heads: dict[bytes, TokenState] = {}
        self.tap_ids: dict[str, int] = {}
        self.codes: dict[str, int] = {}
        self.reports: dict[int, StoredReport] = {}
        self.conflicts: list[Conflict] = []
        self.batches: list[Stored] = []
        self.log: list[int] = []
        self._conflicts_by_row: Counter[int | None] = Counter()

    def take_block(self, count: int) -> range:
        """Rows that nobody else will get."""
        first, self._next_row = self._next_row, self._next_row + max(count, BLOCK_ROWS)
        return range(first, self._next_row)

    def commit(self, changes: Changes) -> None:
        """Store all of it, or raise Overtaken or Outdated and store nothing."""
        self._check(changes)
        self._note(changes)
        self._store(changes)
        self.batches.append(Stored(changes, self.published.version))

    def count_conflicts(self, row: int) -> int:
        """How many contradictions of a tap are stored."""
        return self._conflicts_by_row[row]

    def find_known(self, tap_id: str, with_before: bool) -> KnownTap | None:
        """A stored tap with its report; on request with the state that it found."""
        row = self.tap_ids.get(tap_id)
        if row is None:
            return None
        one = self.rows[row]
        return KnownTap(one.verdict, self.reports.get(row), one.before if with_before else None)

    def get_use(self, code_id: str) -> CodeUse:
        """The first use of a ride code that was used."""
        verdict = self.rows[self.codes[code_id]].verdict
        assert verdict.station_id is not None
        return make_use(verdict.tap, verdict.station_id)

    def find_issued(self) -> dict[tuple[int, Kind], Before]:
        """What settlement has issued so far, added up by row and kind."""
        found: dict[tuple[int, Kind], Before] = {}
        for one in self.issued:
            key = one.due.row, one.due.kind
            fare, times = found.get(key, (0, 0))
            found[key] = Before(fare + one.fare, times + 1)
        return found

    def issue(self, adjustments: Iterable[Adjustment]) -> None:
        """Store all that one transaction of a settlement issues, or raise Overtaken."""
        issued = [*adjustments]
        self._check_adjustments(issued)
        self.issued += issued

    def lose(self, count: int) -> None:
        """The latest commits are gone, with the machine that had them; so is what rows it gave."""
        batches = self.batches[: max(0, len(self.batches) - count)]
        self._empty()
        for one in batches:
            self._store(one.changes)
        self.batches = batches
        self._next_row = max(self.rows, default=0) + 1

    def _check(self, changes: Changes) -> None:
        self._compare_heads(changes)
        self._check_tap_ids(changes)
        self._check_codes(changes)
        self._check_reports(changes)
        self._compare_version(changes)

    def _compare_heads(self, changes: Changes) -> None:
        heads = self.heads
        for token, number in self._list_compared(changes).items():
            if heads.get(token, BLANK).number != number:
                raise Overtaken("the chain of a token has moved on")

    def _list_compared(self, changes: Changes) -> Mapping[bytes, int]:
        """All that was read, whether it is moved or not: a late tap rests on a state as well."""
        return changes.read

    def _check_tap_ids(self, changes: Changes) -> None:
        for one in changes.taps:
            if one.verdict.tap.tap_id in self.tap_ids:
                raise Overtaken("a tap_id is stored already")

    def _check_codes(self, changes: Changes) -> None:
        for code_id, _ in changes.codes:
            if code_id in self.codes:
                raise Overtaken("a ride code is used already")

    def _check_reports(self, changes: Changes) -> None:
        for one in changes.reports:
            stored = self.reports.get(one.row)
            if one.row in changes.completed:
                if stored is None or stored.report.passed is not None:
                    raise Overtaken("the report of a tap was completed already")
            elif stored is not None:
                raise Overtaken("a tap has a report already")

    def _check_adjustments(self, adjustments: Iterable[Adjustment]) -> None:
        keys = {(one.due.row, one.due.kind, one.nth) for one in self.issued}
        if any((one.due.row, one.due.kind, one.nth) in keys for one in adjustments):
            raise Overtaken("another settlement has issued the same meanwhile")

    def _compare_version(self, changes: Changes) -> None:
        if self.published.version != changes.version:
            raise Outdated(f"version {self.published.version} is published")

    def _note(self, changes: Changes) -> None:
        """What only a bug can have brought here."""
        self.broken += list_untrue(changes, self.heads, self.rows)
        for one in changes.taps:
            if one.verdict.row in self.rows:
                self.broken.append(f"row {one.verdict.row} is used twice")
            if one.verdict.tap.tap_id in self.tap_ids:
                self.broken.append(f"stored twice: {one.verdict.tap.tap_id}")
        for report in changes.reports:
            stored = self.reports.get(report.row)
            if stored is not None and report.row not in changes.completed:
                self.broken.append(f"the first report of row {report.row} is taken twice")
            elif stored is not None and stored.report.passed is not None:
                self.broken.append(f"the report of row {report.row} is completed twice")

    def _store(self, changes: Changes) -> None:
        rows, tap_ids, log = self.rows, self.tap_ids, self.log
        for one in changes.taps:
            row = one.verdict.row
            rows[row] = one
            tap_ids[one.verdict.tap.tap_id] = row
            log.append(row)
        self.heads.update(changes.moved)
        for report in changes.reports:
            self.reports[report.row] = report
        for conflict in changes.conflicts:
            if self._conflicts_by_row[conflict.row] < CONFLICTS_PER_TAP_MAX:
                self._conflicts_by_row[conflict.row] += 1
                self.conflicts.append(conflict)
        self.codes.update(changes.codes)
