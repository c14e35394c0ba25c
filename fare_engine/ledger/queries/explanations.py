"""One decision with all that it rests on, for the clerk who is asked why.

Read beside the writer, on a connection of its own: an explanation never holds up a tap.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, Select, func, select

from fare_engine.catalogue import Catalogue
from fare_engine.decision import Closing, Outcome, Reason
from fare_engine.journey import waivers_on
from fare_engine.ledger.rows import QUARANTINE_COLUMNS, Reader, TapRow, decode_report
from fare_engine.ledger.schema import (
    MARK,
    conflicts,
    ledger_marks,
    quarantine,
    reports,
    stations,
    tap_ids,
    taps,
    token_rows,
)
from fare_engine.ledger.stores.settlements import IssuedAdjustment, list_adjustments_of_row
from fare_engine.ports import StoredReport
from fare_engine.verdict import Verdict


@dataclass(frozen=True, slots=True)
class Explanation:
    """A stored tap and what stands around it.

    `entry` is the tap that had opened the journey this one found. `closed_by` is the tap that
    closed the journey this one opened, and stands in the way of no correction: one at which nobody
    passed is left out. `waived_before` counts the waivers of the entry's service date where the
    conditions were asked. `conflicts` counts contradictions of the tap or of its report.
    `adjustments` are what settlement issued for it.
    """

    verdict: Verdict
    entry: Verdict | None
    closed_by: Verdict | None
    waived_before: int | None
    report: StoredReport | None
    conflicts: int
    detail: str | None
    adjustments: list[IssuedAdjustment]


def find_explanation(
    connection: Connection, catalogue: Catalogue, tap_id: str, recent_row: int | None
) -> Explanation | None:
    """The explanation of a tap; None when no such tap is stored.

    `recent_row` is its row where the ledger knows it without the index (see
    `SqliteLedger.find_recent_row`, which must have been asked before the connection was opened).
    """
    row = _find_tap(connection, tap_id, recent_row)
    return None if row is None else _Explainer(connection, catalogue).explain(row)


class Place(NamedTuple):
    """Where a tap was made; the station is None while the tap waits in quarantine."""

    gate_id: str
    station_id: str | None


def find_place(
    connection: Connection, catalogue: Catalogue, tap_id: str, recent_row: int | None
) -> Place | None:
    """Where a tap was made, for those who need no more of it; None when there is no such tap."""
    row = _find_tap(connection, tap_id, recent_row)
    if row is None:
        return None
    if row.gate is None:
        query = select(quarantine.c.gate_id).where(quarantine.c.row == row.row)
        return Place(connection.execute(query).scalar_one(), None)
    query = select(stations.c.station_id).where(stations.c.number == row.station)
    gate = catalogue.get_gate_by_number(row.gate)
    return Place(gate.gate_id, connection.execute(query).scalar_one())


class _Explainer:
    """Reads one explanation from one connection."""

    def __init__(self, connection: Connection, catalogue: Catalogue) -> None:
        self._connection = connection
        numbered = connection.execute(select(stations.c.number, stations.c.station_id))
        self._reader = Reader(catalogue, {row.number: row.station_id for row in numbered})

    def explain(self, row: TapRow) -> Explanation:
        entry_row = _find_row(self._connection, row.entry_row)
        closing_row = self._find_closing(row)
        report = self._find_report(row.row)
        set_aside = self._find_set_aside(row)
        verdict = self._reader.verdict(row, entry_row, report, set_aside)
        waived_before = None
        if verdict.decision.conditions and entry_row is not None:
            # Between an entry and its exit the token's waivers cannot change.
            assert verdict.decision.entry is not None
            waived_before = waivers_on(entry_row.waivers, verdict.decision.entry.service_day)
        return Explanation(
            verdict,
            self._verdict(entry_row),
            self._verdict(closing_row),
            waived_before,
            report,
            self._count_conflicts(row.row),
            set_aside.detail if set_aside is not None else None,
            list_adjustments_of_row(self._connection, row.row),
        )

    def _verdict(self, row: TapRow | None) -> Verdict | None:
        if row is None:
            return None
        entry = _find_row(self._connection, row.entry_row)
        return self._reader.verdict(row, entry, self._find_report(row.row), None)

    def _find_closing(self, entry: TapRow) -> TapRow | None:
        """The tap that closed the journey an entry opened, unless nobody passed at it."""
        if entry.number is None or Reason(entry.reason).outcome is not Outcome.ENTERED:
            return None
        closes = (taps.c.entry_row == entry.row) & (taps.c.closing != Closing.LEFT_OPEN)
        indexed = (
            select(*taps.c)
            .join(token_rows, token_rows.c.row == taps.c.row)
            .where(token_rows.c.token == entry.token, token_rows.c.number > entry.number, closes)
        )
        mark = self._connection.execute(
            select(ledger_marks.c.value).where(ledger_marks.c.name == MARK)
        ).scalar_one_or_none()
        latest = select(*taps.c).where(taps.c.row > max(mark or 0, entry.row), closes)
        found = {row.row: row for row in (*self._read(indexed), *self._read(latest))}
        undone = set(
            self._connection.execute(
                select(reports.c.row).where(reports.c.row.in_(found), reports.c.reversed == 1)
            ).scalars()
        )
        return max(
            (row for place, row in found.items() if place not in undone),
            key=lambda row: row.row,
            default=None,
        )

    def _read(self, query: Select[Any]) -> Iterable[TapRow]:
        return [TapRow._make(values) for values in self._connection.execute(query)]

    def _find_report(self, place: int) -> StoredReport | None:
        values = self._connection.execute(
            select(
                reports.c.row,
                reports.c.gate_opened,
                reports.c.fare_taken,
                reports.c.passed,
                reports.c.cause,
                reports.c.reversed,
                reports.c.received_at,
                reports.c.number,
            ).where(reports.c.row == place)
        ).one_or_none()
        return None if values is None else decode_report(tuple(values))

    def _find_set_aside(self, row: TapRow) -> Row[Any] | None:
        if row.gate is not None:
            return None
        columns = [quarantine.c[name] for name in QUARANTINE_COLUMNS]
        return self._connection.execute(
            select(*columns).where(quarantine.c.row == row.row)
        ).one_or_none()

    def _count_conflicts(self, place: int) -> int:
        return self._connection.execute(
            select(func.count()).select_from(conflicts).where(conflicts.c.row == place)
        ).scalar_one()


def _find_tap(connection: Connection, tap_id: str, recent_row: int | None) -> TapRow | None:
    place = recent_row
    if place is None:
        place = connection.execute(
            select(tap_ids.c.row).where(tap_ids.c.tap_id == tap_id)
        ).scalar_one_or_none()
    return _find_row(connection, place)


def _find_row(connection: Connection, place: int | None) -> TapRow | None:
    if place is None:
        return None
    values = connection.execute(select(*taps.c).where(taps.c.row == place)).one_or_none()
    return None if values is None else TapRow._make(values)
