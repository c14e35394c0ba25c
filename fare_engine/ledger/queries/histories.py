"""The taps of a few tokens, as settlement takes them: with reports, repairs and pinned versions.

Read beside the writer, one view of the ledger for all of them.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Row, Table, select

from fare_engine.catalogue import Catalogue
from fare_engine.ledger.rows import Reader, TapRow, decode_report
from fare_engine.ledger.schema import quarantine, repairs, reports, stations, taps
from fare_engine.ledger.stores import clocks as clock_store
from fare_engine.ledger.where import Where
from fare_engine.ports import StoredReport
from fare_engine.settlement.history import Skews, StoredTap
from fare_engine.settlement.quarantine import Repair, find_repair
from fare_engine.settlement.terms import (
    ChainPlace,
    find_skew,
    make_stored,
    place_at_true_time,
)
from fare_engine.verdict import Verdict

LOOKUP_MAX = 500
"""Values of one IN list."""


class Span(NamedTuple):
    """Which taps of a token are read: what occurred from an instant on, up to a row.

    `first_row` is the first row received from then on, so that older ones are left unread.
    """

    from_ms: int
    first_row: int
    last_row: int


class Histories(NamedTuple):
    """The taps of some tokens, and those among them that left the quarantine just now.

    `skews` says of taps whose gate's clock was suspect how far it was ahead.
    """

    by_token: Mapping[bytes, list[StoredTap]]
    repaired: list[Repair]
    skews: Skews


def read_histories(
    connection: Connection,
    catalogue: Catalogue,
    where: Where,
    tokens: Collection[bytes],
    span: Span,
    now_ms: int,
) -> Histories:
    """The taps of these tokens. Those that still cannot be decided are left out."""
    return _HistoryReader(connection, catalogue, where, span, now_ms).read(tokens)


class _HistoryReader:
    def __init__(
        self,
        connection: Connection,
        catalogue: Catalogue,
        where: Where,
        span: Span,
        now_ms: int,
    ) -> None:
        self._connection = connection
        self._catalogue = catalogue
        self._where = where
        self._span = span
        self._now_ms = now_ms
        numbered = connection.execute(select(stations.c.number, stations.c.station_id))
        self._reader = Reader(catalogue, {row.number: row.station_id for row in numbered})
        self._repaired: list[Repair] = []
        self._skews: dict[int, int] = {}

    def read(self, tokens: Collection[bytes]) -> Histories:
        rows = self._read_rows(tokens)
        wanted = {row.entry_row for row in rows.values() if row.entry_row is not None}
        entries = rows | self._read_more(wanted - rows.keys())
        reports_of_rows = self._read_reports(rows)
        waiting = [place for place, row in rows.items() if row.gate is None]
        quarantined = {row.row: row for row in self._select(quarantine, waiting)}
        pins = {row.row: row for row in self._select(repairs, waiting)}
        by_token: dict[bytes, list[StoredTap]] = defaultdict(list)
        for place, row in rows.items():
            entry, held = entries.get(row.entry_row or 0), quarantined.get(place)
            content = None if held is None else tuple(held)
            report = reports_of_rows.get(place)
            verdict = self._reader.verdict(row, entry, report, content)
            repair = None
            if held is not None:
                repair = self._find_repair(verdict, pins.get(place))
                if repair is None:
                    continue
            reported = None if report is None else report.report
            chain_place = ChainPlace(row.number, row.previous_row)
            stored = make_stored(self._catalogue, verdict, chain_place, reported, repair)
            skew_ms = find_skew(verdict, self._find_measured)
            if skew_ms is not None:
                self._skews[row.row] = skew_ms
                stored = place_at_true_time(self._catalogue, stored, skew_ms)
            by_token[row.token].append(stored)
        return Histories(by_token, self._repaired, self._skews)

    def _find_measured(self, gate_id: str, at_ms: int) -> int | None:
        number = self._catalogue.gates[gate_id].number
        return clock_store.find_skew(self._connection, number, at_ms)

    def _find_repair(self, verdict: Verdict, pin: Row[Any] | None) -> Repair | None:
        """What a tap in quarantine comes to now, or came to when it left; None while it waits."""
        if pin is not None:
            key = (
                pin.station_id,
                pin.policy_version,
                bool(pin.suspended),
                pin.tariff_version,
                pin.modes,
            )
            return Repair(verdict.row, pin.station_id, self._catalogue.get_terms(key))
        repair = find_repair(self._catalogue, verdict, self._now_ms)
        if repair is not None:
            self._repaired.append(repair)
        return repair

    def _read_rows(self, tokens: Collection[bytes]) -> dict[int, TapRow]:
        span = self._span
        within = (taps.c.occurred_at >= span.from_ms) & (taps.c.row <= span.last_row)
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
