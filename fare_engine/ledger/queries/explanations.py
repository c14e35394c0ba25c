"""One decision with all that it rests on, for the clerk who is asked why.

Read beside the writer, on a connection of its own: an explanation never holds up a tap.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, func, select

from fare_engine.catalogue import Catalogue
from fare_engine.decision import Closing, Outcome, Reason
from fare_engine.journey import waivers_on
from fare_engine.ledger.rows import QUARANTINE_COLUMNS, Reader, TapRow, decode_report
from fare_engine.ledger.schema import (
    clock_corrections,
    conflicts,
    quarantine,
    reports,
    stations,
    taps,
)
from fare_engine.ledger.stores.adjustments import IssuedAdjustment, list_adjustments_of_row
from fare_engine.ledger.where import Where
from fare_engine.ports import StoredReport
from fare_engine.verdict import Verdict


@dataclass(frozen=True, slots=True)
class Explanation:
    """A stored tap and what stands around it.

    `entry` is the tap that had opened the journey this one found. `closed_by` is the tap that
    closed the journey this one opened, and stands in the way of no correction: one at which nobody
    passed is left out. `waived_before` counts the waivers of the entry's service date where the
    conditions were asked. `conflicts` counts contradictions of the tap or of its report.
    `adjustments` are what settlement issued for it, and `corrected_ms` is the time at which it
    settled the tap, where its gate's clock was wrong.
    """

    verdict: Verdict
    entry: Verdict | None
    closed_by: Verdict | None
    waived_before: int | None
    report: StoredReport | None
    conflicts: int
    detail: str | None
    adjustments: list[IssuedAdjustment]
    corrected_ms: int | None = None


def find_explanation(
    connection: Connection, catalogue: Catalogue, where: Where, tap_id: str
) -> Explanation | None:
    """The explanation of a tap; None when no such tap is stored.

    Nothing may have been read on the connection before (`Where.find_row`).
    """
    row = _find_row(connection, where.find_row(connection, tap_id))
    return None if row is None else _Explainer(connection, catalogue, where).explain(row)


class Place(NamedTuple):
    """Where a tap was made, which says whose it is.

    `station_id` is None while the tap waits in quarantine for a gate that nobody has registered:
    then it is the `sender`'s, the key that sent it (None where the ledger did not keep that yet).
    """

    gate_id: str
    station_id: str | None
    sender: str | None = None


def find_place(
    connection: Connection, catalogue: Catalogue, where: Where, tap_id: str
) -> Place | None:
    """Where a tap was made, for those who need no more of it; None when there is no such tap.

    Nothing may have been read on the connection before (`Where.find_row`).
    """
    row = _find_row(connection, where.find_row(connection, tap_id))
    if row is None:
        return None
    if row.gate is None:
        query = select(quarantine.c.gate_id, quarantine.c.sender).where(quarantine.c.row == row.row)
        gate_id, sender = connection.execute(query).one()
        known = catalogue.gates.get(gate_id)
        return Place(gate_id, None if known is None else known.station_id, sender)
    query = select(stations.c.station_id).where(stations.c.number == row.station)
    gate = catalogue.get_gate_by_number(row.gate)
    return Place(gate.gate_id, connection.execute(query).scalar_one())


class _Explainer:
    """Reads one explanation from one connection."""

    def __init__(self, connection: Connection, catalogue: Catalogue, where: Where) -> None:
        self._connection = connection
        self._where = where
        numbered = connection.execute(select(stations.c.number, stations.c.station_id))
        self._reader = Reader(catalogue, {row.number: row.station_id for row in numbered})

    def explain(self, row: TapRow) -> Explanation:
        entry_row = _find_row(self._connection, row.entry_row)
        closing_row = self._find_closing(row)
        report = self._find_report(row.row)
        quarantined = self._find_quarantined(row)
        verdict = self._reader.verdict(row, entry_row, report, quarantined)
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
            quarantined.detail if quarantined is not None else None,
            list_adjustments_of_row(self._connection, row.row),
            self._find_corrected(row),
        )

    def _find_corrected(self, row: TapRow) -> int | None:
        pinned = clock_corrections.c
        query = select(pinned.skew_ms).where(pinned.row == row.row)
        skew_ms = self._connection.execute(query).scalar_one_or_none()
        return None if skew_ms is None else row.occurred_at - skew_ms

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
        later = self._where.list_later(self._connection, entry, closes)
        undone = set(
            self._connection.execute(
                select(reports.c.row).where(
                    reports.c.row.in_([row.row for row in later]), reports.c.reversed == 1
                )
            ).scalars()
        )
        # A token's order is that of its numbers, wherever its rows stand.
        return next((row for row in reversed(later) if row.row not in undone), None)

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

    def _find_quarantined(self, row: TapRow) -> Row[Any] | None:
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


def _find_row(connection: Connection, place: int | None) -> TapRow | None:
    if place is None:
        return None
    values = connection.execute(select(*taps.c).where(taps.c.row == place)).one_or_none()
    return None if values is None else TapRow._make(values)
