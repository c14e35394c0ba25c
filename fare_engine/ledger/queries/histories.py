"""The taps of a few tokens, as settlement takes them: with reports, repairs and pinned versions.

Read beside the writer, one view of the ledger for all of them.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Row, Table, or_, select

from fare_engine.catalogue import Catalogue
from fare_engine.journey import Terms
from fare_engine.ledger.rows import Reader, TapRow, decode_report, was_live
from fare_engine.ledger.schema import (
    clock_corrections,
    quarantine,
    repairs,
    reports,
    stations,
    taps,
)
from fare_engine.ledger.stores.keys import list_stations_by_key
from fare_engine.ledger.where import End, Where
from fare_engine.ports import StoredReport
from fare_engine.settlement.clocks import MeasuredClocks, Reading
from fare_engine.settlement.history import StoredTap
from fare_engine.settlement.quarantine import Repair, Stations, find_repair
from fare_engine.settlement.terms import ChainPlace, Correction, make_correction, make_stored
from fare_engine.verdict import Verdict

LOOKUP_MAX = 500
"""Values of one IN list."""


class Span(NamedTuple):
    """Which taps of a token are read: what occurred from an instant on, up to an end.

    That instant is one of corrected time. `first_row` is the first row that the engine received
    from then on, so that older ones are left unread: nothing is received before it occurs.
    """

    from_corrected_ms: int
    first_row: int
    end: End


class Histories(NamedTuple):
    """The taps of some tokens, and what some of them pin from now on.

    `repaired` left the quarantine just now; `corrected` are those of wrong clocks that no run has
    settled before.
    """

    by_token: Mapping[bytes, list[StoredTap]]
    repaired: list[Repair]
    corrected: list[Correction]


def read_histories(
    connection: Connection,
    catalogue: Catalogue,
    clocks: MeasuredClocks,
    where: Where,
    tokens: Collection[bytes],
    span: Span,
    now_ms: int,
) -> Histories:
    """The taps of these tokens. Those that still cannot be decided are left out."""
    return _HistoryReader(connection, catalogue, clocks, where, span, now_ms).read(tokens)


class _Beside(NamedTuple):
    """What stands beside the taps that were read, by row."""

    entries: Mapping[int, TapRow]
    reports: Mapping[int, StoredReport]
    quarantined: Mapping[int, Row[Any]]
    repairs: Mapping[int, Row[Any]]
    corrections: Mapping[int, Row[Any]]
    stations_by_key: Mapping[str | None, Stations]


class _HistoryReader:
    def __init__(
        self,
        connection: Connection,
        catalogue: Catalogue,
        clocks: MeasuredClocks,
        where: Where,
        span: Span,
        now_ms: int,
    ) -> None:
        self._connection = connection
        self._catalogue = catalogue
        self._clocks = clocks
        self._where = where
        self._span = span
        self._now_ms = now_ms
        numbered = connection.execute(select(stations.c.number, stations.c.station_id))
        self._reader = Reader(catalogue, {row.number: row.station_id for row in numbered})
        self._repaired: list[Repair] = []
        self._corrected: list[Correction] = []

    def read(self, tokens: Collection[bytes]) -> Histories:
        rows = self._read_rows(tokens)
        wanted = {row.entry_row for row in rows.values() if row.entry_row is not None}
        waiting = [place for place, row in rows.items() if row.gate is None]
        beside = _Beside(
            rows | self._read_more(wanted - rows.keys()),
            self._read_reports(rows),
            {row.row: row for row in self._select(quarantine, waiting)},
            {row.row: row for row in self._select(repairs, waiting)},
            {row.row: row for row in self._select(clock_corrections, rows)},
            list_stations_by_key(self._connection) if waiting else {},
        )
        by_token: dict[bytes, list[StoredTap]] = defaultdict(list)
        for row in sorted(rows.values()):  # so that a run issues in one order
            stored = self._find_stored(row, beside)
            if stored is not None:
                by_token[row.token].append(stored)
        return Histories(by_token, self._repaired, self._corrected)

    def _find_stored(self, row: TapRow, beside: _Beside) -> StoredTap | None:
        """A tap as it is decided again; None for one that waits, or occurred before the span."""
        place, held = row.row, beside.quarantined.get(row.row)
        pin = beside.corrections.get(place)
        skew_ms = self._find_skew(row, held) if pin is None else pin.skew_ms
        if row.occurred_at - skew_ms < self._span.from_corrected_ms:
            return None
        report = beside.reports.get(place)
        entry = beside.entries.get(row.entry_row or 0)
        content = None if held is None else tuple(held)
        verdict = self._reader.verdict(row, entry, report, content)
        repair = None
        if held is not None:
            sent_by = beside.stations_by_key.get(held.sender)
            repair = self._find_repair(verdict, beside.repairs.get(place), skew_ms, sent_by)
            if repair is None:
                return None
        if pin is not None:
            correction: Correction | None = Correction(
                place, skew_ms, pin.station_id, self._get_pinned(pin)
            )
        else:
            correction = make_correction(self._catalogue, verdict, skew_ms, repair)
            if correction is not None:
                self._corrected.append(correction)
        reported = None if report is None else report.report
        chain_place = ChainPlace(row.number, row.previous_row)
        return make_stored(self._catalogue, verdict, chain_place, reported, repair, correction)

    def _find_skew(self, row: TapRow, held: Row[Any] | None) -> int:
        gate_id = (
            held.gate_id
            if held is not None
            else self._catalogue.get_gate_by_number(row.gate or 0).gate_id
        )
        reading = Reading(row.occurred_at, row.received_at, was_live(row.flags))
        return self._clocks.find_skew(gate_id, reading)

    def _find_repair(
        self, verdict: Verdict, pin: Row[Any] | None, skew_ms: int, sender_stations: Stations
    ) -> Repair | None:
        """What a tap in quarantine comes to now, or came to when it left; None while it waits."""
        if pin is not None:
            return Repair(verdict.row, pin.station_id, self._get_pinned(pin))
        repair = find_repair(self._catalogue, verdict, skew_ms, self._now_ms, sender_stations)
        if repair is not None:
            self._repaired.append(repair)
        return repair

    def _get_pinned(self, pin: Row[Any]) -> Terms:
        key = (
            pin.station_id,
            pin.policy_version,
            bool(pin.suspended),
            pin.tariff_version,
            pin.modes,
        )
        return self._catalogue.get_terms(key)

    def _read_rows(self, tokens: Collection[bytes]) -> dict[int, TapRow]:
        span = self._span
        # What was received before the span can belong to it only by a gate's clock that is ahead.
        within = span.end.before & or_(
            taps.c.row >= span.first_row, taps.c.occurred_at >= span.from_corrected_ms
        )
        found = self._where.list_taps(self._connection, tokens, span.first_row, within)
        return {row.row: row for row in found}

    def _read_more(self, places: Collection[int]) -> dict[int, TapRow]:
        return {row[0]: TapRow._make(row) for row in self._select(taps, places)}

    def _read_reports(self, places: Collection[int]) -> dict[int, StoredReport]:
        return {row.row: decode_report(tuple(row)) for row in self._select(reports, places)}

    def _select(self, table: Table, places: Collection[int]) -> Iterable[Row[Any]]:
        for chunk in _chunks(places):
            within: ColumnElement[bool] = table.c.row.in_(chunk)
            yield from self._connection.execute(select(*table.c).where(within))


def _chunks(values: Collection[Any]) -> Iterable[list[Any]]:
    ordered = sorted(values)
    for place in range(0, len(ordered), LOOKUP_MAX):
        yield ordered[place : place + LOOKUP_MAX]
