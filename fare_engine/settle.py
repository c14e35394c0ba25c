"""Settles one service date over a ledger, a few tokens at a time.

Taps are decided all the while: each look at the ledger is a reading of its own, which sees one
moment, and what a few tokens come to is stored in one short transaction. A run that is broken off
leaves nothing half done: what it issued stands, and the next run issues the rest. Of two runs at
once the ledger takes each difference from one.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Final, NamedTuple

from fare_engine.calendar import ServiceDay
from fare_engine.catalogue import Catalogue
from fare_engine.checks import CLOCK_AHEAD_MAX_MS
from fare_engine.errors import LedgerDamaged, NoTariffInForce, Overtaken
from fare_engine.ledger.database import Connection, Database, reading, writing
from fare_engine.ledger.queries.gate_clocks import open_clocks
from fare_engine.ledger.queries.histories import Histories, Span, read_histories
from fare_engine.ledger.queries.settlement_scan import find_first_row, scan_tokens
from fare_engine.ledger.stores.order import lock_changes
from fare_engine.ledger.stores.settlements import (
    Totals,
    begin_settlement,
    end_settlement,
    insert_adjustments,
    insert_corrections,
    insert_repairs,
    read_issued,
    read_numbers,
)
from fare_engine.ledger.where import End, Where
from fare_engine.settlement.adjustments import Adjustment, Kind, find_differences
from fare_engine.settlement.deciding import settle_history
from fare_engine.settlement.reach import DAY_MS, find_reach
from fare_engine.versions import find_in_force

TOKENS_AT_ONCE: Final = 200
"""Tokens of one reading, and of one transaction."""

TOKENS_REMEMBERED_MAX: Final = 500_000
"""Tokens that are known to be settled already; one that is forgotten is only looked at again."""

KEPT_MAX: Final = 1_000
"""Adjustments that the outcome carries with it; all of them stand in the ledger."""

SET_BACK_MAX_MS: Final = DAY_MS
"""How far rows may be out of order: by an engine's own clock that was once set back, or by several
workers, each with a clock and a block of rows of its own."""


class Issue(NamedTuple):
    """An adjustment with the tap_ids it is about."""

    adjustment: Adjustment
    tap_id: str
    entry_tap_id: str | None


@dataclass
class Outcome:
    """What a run came to. `settlement` is None for a dry run, which stores nothing.

    `numbers` are those under which the kept issues are stored, by row and kind. `unsettled` counts
    tokens that were left out, since the ledger is damaged where they stand.
    """

    service_date: date
    begun_at_ms: int
    settlement: int | None = None
    tokens: int = 0
    repaired: int = 0
    unsettled: int = 0
    totals: Totals = field(default_factory=Totals)
    issues: list[Issue] = field(default_factory=list)
    numbers: dict[tuple[int, Kind], int] = field(default_factory=dict, compare=False)

    def count(self, issue: Issue) -> None:
        """Add one adjustment to the totals, and keep it while there is room."""
        due = issue.adjustment.due
        self.totals = self.totals.add(due.kind, due.state, 1, issue.adjustment.fare)
        if len(self.issues) < KEPT_MAX:
            self.issues.append(issue)


def settle(
    database: Database,
    get_catalogue: Callable[[], Catalogue],
    service_date: date,
    *,
    where: Where,
    actor: str,
    clock: Callable[[], int],
    dry_run: bool = False,
) -> Outcome:
    """Settle the tokens that have something to settle on a service date.

    Each is followed to the end of the ledger as it is now, so an adjustment may concern a later
    date too. The catalogue is asked for once that end is known: it must know all that was published
    by then.
    """
    with reading(database) as connection:
        end = where.find_end(connection)
    run = _Run(database, get_catalogue(), where, service_date, end, clock(), dry_run)
    return run.settle(actor, clock)


class _Run:
    def __init__(
        self,
        database: Database,
        catalogue: Catalogue,
        where: Where,
        service_date: date,
        end: End,
        now_ms: int,
        dry_run: bool,
    ) -> None:
        self._database = database
        self._catalogue = catalogue
        self._where = where
        self._end = end
        self._now_ms = now_ms
        self._dry_run = dry_run
        self._outcome = Outcome(service_date, now_ms)
        self._day = find_service_day(catalogue, service_date)
        self._reach = find_reach(catalogue.tariffs, self._day)
        self._clocks = open_clocks(database, catalogue)

    def settle(self, actor: str, clock: Callable[[], int]) -> Outcome:
        outcome, database = self._outcome, self._database
        if not self._dry_run:
            with writing(database) as connection:
                outcome.settlement = begin_settlement(
                    connection, outcome.service_date.isoformat(), actor, self._now_ms
                )
        with reading(database) as connection:
            first_of_day = self._find_first_row(connection, self._day.start_ms)
            first_row = self._find_first_row(connection, self._reach.read_from_corrected_ms)
        span = Span(self._reach.read_from_corrected_ms, first_row, self._end)
        found = scan_tokens(
            database, self._catalogue, self._clocks, self._day, first_of_day, self._end
        )
        for tokens in _gather(found):
            try:
                self._settle_tokens(tokens, span)
            except LedgerDamaged:
                self._settle_one_by_one(tokens, span)
        if outcome.settlement is not None:
            with writing(database) as connection:
                end_settlement(connection, outcome.settlement, outcome.tokens, clock())
        return outcome

    def _find_first_row(self, connection: Connection, from_corrected_ms: int) -> int:
        """A row before which nothing stands that occurred from an instant of corrected time on.

        But for what a gate's clock alone says, nothing is received long before it occurs.
        """
        received_from_ms = from_corrected_ms - CLOCK_AHEAD_MAX_MS - SET_BACK_MAX_MS
        return find_first_row(connection, self._end.last_row, received_from_ms)

    def _settle_one_by_one(self, tokens: Sequence[bytes], span: Span) -> None:
        """Settle all tokens but those whose rows are damaged: one must not lose the others."""
        for token in tokens:
            try:
                self._settle_tokens([token], span)
            except LedgerDamaged:
                self._outcome.unsettled += 1

    def _settle_tokens(self, tokens: Sequence[bytes], span: Span) -> None:
        outcome = self._outcome
        while True:
            with reading(self._database) as connection:
                histories = read_histories(
                    connection,
                    self._catalogue,
                    self._clocks,
                    self._where,
                    tokens,
                    span,
                    self._now_ms,
                )
                issues = list(self._find_issues(connection, histories))
            try:
                self._store(histories, issues)
            except Overtaken:
                continue  # another run has issued something of it: look again
            break
        outcome.tokens += len(tokens)
        outcome.repaired += len(histories.repaired)
        for issue in issues:
            outcome.count(issue)

    def _store(self, histories: Histories, issues: Sequence[Issue]) -> None:
        settlement = self._outcome.settlement
        if settlement is not None and (issues or histories.repaired or histories.corrected):
            with writing(self._database) as connection:
                lock_changes(connection)
                insert_repairs(connection, settlement, histories.repaired)
                insert_corrections(connection, settlement, histories.corrected)
                insert_adjustments(connection, settlement, [one.adjustment for one in issues])
                if len(self._outcome.issues) < KEPT_MAX:
                    rows = {one.adjustment.due.row for one in issues}
                    self._outcome.numbers |= read_numbers(connection, settlement, rows)

    def _find_issues(self, connection: Connection, histories: Histories) -> Iterator[Issue]:
        by_token = histories.by_token
        settled = {
            token: settle_history(stored, self._reach.issue_from_corrected_ms, self._now_ms)
            for token, stored in by_token.items()
        }
        issued = read_issued(connection, {due.row for dues in settled.values() for due in dues})
        for token, dues in settled.items():
            tap_ids = {one.row: one.tap.tap_id for one in by_token[token]}
            for difference in find_differences(token, dues, issued):
                due = difference.due
                entry_tap_id = None if due.entry_row is None else tap_ids[due.entry_row]
                yield Issue(difference, tap_ids[due.row], entry_tap_id)


def find_service_day(catalogue: Catalogue, service_date: date) -> ServiceDay:
    """The first and the last instant of a service date, by the tariff in force then."""
    for tariff in catalogue.tariffs:
        day = tariff.calendar.find_date(service_date)
        instants = (day.start_ms, day.end_ms - 1)  # the first tariff may begin within a day
        if any(find_in_force(catalogue.tariffs, at_ms) is tariff for at_ms in instants):
            return day
    raise NoTariffInForce(f"no tariff was in force on {service_date}")


def _gather(found: Iterable[list[bytes]]) -> Iterator[list[bytes]]:
    """Tokens as they are found, so many at a time, each only once while it is remembered."""
    remembered: set[bytes] = set()
    waiting: list[bytes] = []
    for tokens in found:
        for token in tokens:
            if token in remembered:
                continue
            if len(remembered) >= TOKENS_REMEMBERED_MAX:
                remembered.clear()
            remembered.add(token)
            waiting.append(token)
            if len(waiting) == TOKENS_AT_ONCE:
                yield waiting
                waiting = []
    if waiting:
        yield waiting
