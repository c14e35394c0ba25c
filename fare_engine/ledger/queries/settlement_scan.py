"""Finds the tokens with something to settle on a service date, in one pass over its rows.

Each stretch of rows is a reading of its own, so that a long pass never holds back the database's
own upkeep, and one bit a row remembers the entries of the date and which of them were ended.
"""

from collections.abc import Iterator
from typing import Final

from sqlalchemy import ColumnElement, Connection, and_, exists, func, not_, or_, select

from fare_engine.calendar import ServiceDay
from fare_engine.catalogue import Catalogue
from fare_engine.decision import Closing, Reason
from fare_engine.ledger.database import Database, reading
from fare_engine.ledger.rows import Flag, was_live
from fare_engine.ledger.schema import clock_corrections, quarantine, reports, taps
from fare_engine.ledger.stores.clocks import list_wrong_gates
from fare_engine.ledger.where import End
from fare_engine.network import Direction
from fare_engine.settlement.clocks import MeasuredClocks, Reading, find_smallest_tolerance

SCAN_ROWS = 200_000
"""Rows of one reading."""

PIECE_ROWS: Final = 65_536
"""Rows whose bits are kept together."""

LOOKUP_MAX = 500
"""Values of one IN list."""


def find_first_row(connection: Connection, last_row: int, received_from_ms: int) -> int:
    """A row received from an instant on, with an earlier one before it; behind the last if none.

    The engine's clock rises with the rows, so a dozen look-ups find it. Where that clock was once
    set back, rows before the one found may have been received later by as much, and where several
    workers write, by as long as one of them uses a block of rows and as their clocks differ: the
    caller asks for an instant that is so much earlier.
    """
    low, high = 1, last_row + 1
    while low < high:
        middle = (low + high) // 2
        later = select(taps.c.row, taps.c.received_at).where(taps.c.row >= middle)
        row, received_at = connection.execute(later.order_by(taps.c.row).limit(1)).one()
        if received_at >= received_from_ms:
            high = middle
        else:
            low = row + 1
    return low


def scan_tokens(
    database: Database,
    catalogue: Catalogue,
    clocks: MeasuredClocks,
    day: ServiceDay,
    first_row: int,
    end: End,
) -> Iterator[list[bytes]]:
    """Tokens with something to look at on that date, from a row on and in quarantine.

    That is a late tap, a report, a quarantined tap, one of a suspect clock, or an entry without
    exit. A tap belongs to the date of its corrected time; the date of its gate's time is looked at
    as well, for what the tap had changed there when it was decided.

    One may come more than once.
    """
    scan = _Scan(catalogue, clocks, day)
    with reading(database) as connection:
        tokens = [*scan.list_quarantined(connection), *scan.list_pinned(connection, first_row)]
    yield tokens  # not within the reading: to settle them takes a while
    entries, ended = _RowSet(), _RowSet()
    for start in range(first_row, end.last_row + 1, SCAN_ROWS):
        stretch = range(start, min(start + SCAN_ROWS, end.last_row + 1))
        with reading(database) as connection:
            tokens = _list_late_and_reported(connection, day, stretch)
            tokens += scan.list_of_wrong_clocks(connection, _in(stretch, taps.c.row) & end.before)
            _mark_entries(connection, day, stretch, entries, ended)
        yield tokens
    for unended in entries.list_without(ended, LOOKUP_MAX):
        with reading(database) as connection:
            query = select(taps.c.token).where(taps.c.row.in_(unended))
            tokens = list(connection.execute(query).scalars())
        yield tokens


class _Scan:
    """Finds taps whose gates' clocks were wrong, by their corrected dates."""

    def __init__(self, catalogue: Catalogue, clocks: MeasuredClocks, day: ServiceDay) -> None:
        self._catalogue = catalogue
        self._clocks = clocks
        self._day = day
        self._tolerance_ms = find_smallest_tolerance(catalogue.tariffs)

    def list_quarantined(self, connection: Connection) -> Iterator[bytes]:
        """Tokens of taps in quarantine that belong to the date, by the gate or corrected."""
        held = dict(map(tuple, connection.execute(select(quarantine.c.row, quarantine.c.gate_id))))
        pinned = dict(map(tuple, connection.execute(_PINNED.where(_PIN.row.in_(_QUARANTINED)))))
        # Not a join: the database might begin it at the taps, and read every one of them.
        query = select(*_READ, taps.c.row).where(taps.c.row.in_(_QUARANTINED))
        for token, _, occurred_at, received_at, flags, row in connection.execute(query):
            skew_ms = pinned.get(row)
            if skew_ms is None:
                reading = Reading(occurred_at, received_at, was_live(flags))
                skew_ms = self._clocks.find_skew(held[row], reading)
            if self._is_on(occurred_at, skew_ms):
                yield token

    def list_pinned(self, connection: Connection, first_row: int) -> Iterator[bytes]:
        """Tokens of taps that a run has settled at a corrected time already, which they keep."""
        query = select(taps.c.token, taps.c.occurred_at, _PIN.skew_ms)
        query = query.join(taps, taps.c.row == _PIN.row).where(_PIN.row >= first_row)
        for token, occurred_at, skew_ms in connection.execute(query):
            if self._is_on(occurred_at, skew_ms):
                yield token

    def list_of_wrong_clocks(
        self, connection: Connection, within: ColumnElement[bool]
    ) -> Iterator[bytes]:
        """Tokens of taps that some measurement moves to the date, or away from it."""
        off_ms = func.abs(taps.c.occurred_at - taps.c.received_at)
        query = select(*_READ).where(
            within,
            taps.c.gate.in_(list_wrong_gates(self._tolerance_ms)),
            or_(taps.c.flags.bitwise_and(_NOT_LIVE) != 0, off_ms > self._tolerance_ms),
        )
        for token, gate, occurred_at, received_at, flags in connection.execute(query):
            gate_id = self._catalogue.get_gate_by_number(gate).gate_id
            reading = Reading(occurred_at, received_at, was_live(flags))
            skew_ms = self._clocks.find_skew(gate_id, reading)
            if skew_ms and self._is_on(occurred_at, skew_ms):
                yield token

    def _is_on(self, at_gate_ms: int, skew_ms: int) -> bool:
        start_ms, end_ms = self._day.start_ms, self._day.end_ms
        return any(start_ms <= at_ms < end_ms for at_ms in (at_gate_ms, at_gate_ms - skew_ms))


_READ: Final = (
    taps.c.token,
    taps.c.gate,
    taps.c.occurred_at,
    taps.c.received_at,
    taps.c.flags,
)
_PIN: Final = clock_corrections.c
_PINNED: Final = select(_PIN.row, _PIN.skew_ms)
_QUARANTINED: Final = select(quarantine.c.row)
_NOT_LIVE: Final = int(Flag.REPORTED | Flag.CLOCK_SUSPECT)


def _list_late_and_reported(connection: Connection, day: ServiceDay, stretch: range) -> list[bytes]:
    is_late = taps.c.reason == Reason.ARRIVED_OUT_OF_ORDER
    late = select(taps.c.token).where(_in(stretch, taps.c.row), is_late, _on(day))
    with_report = select(reports.c.row).where(_in(stretch, reports.c.row))
    reported = select(taps.c.token).where(taps.c.row.in_(with_report), _on(day))
    return [*connection.execute(late).scalars(), *connection.execute(reported).scalars()]


def _mark_entries(
    connection: Connection, day: ServiceDay, stretch: range, entries: "_RowSet", ended: "_RowSet"
) -> None:
    """Entries of the date, and those that an exit or a second entry has ended.

    Apart, since of several writers one may end an entry under a lower row than the entry's.
    """
    within = _in(stretch, taps.c.row) & taps.c.number.is_not(None)
    opening = select(taps.c.row).where(within, taps.c.direction == Direction.ENTRY, _on(day))
    for row in connection.execute(opening).scalars():
        entries.add(row)
    void = exists().where(
        reports.c.row == taps.c.row, or_(reports.c.passed == 0, reports.c.gate_opened == 0)
    )
    ending = select(taps.c.entry_row).where(
        within, taps.c.closing.in_((Closing.CONSUMED, Closing.REPLACED)), not_(void)
    )
    for row in connection.execute(ending).scalars():
        ended.add(row)


def _in(stretch: range, row: ColumnElement[int]) -> ColumnElement[bool]:
    return row.between(stretch.start, stretch.stop - 1)


def _on(day: ServiceDay) -> ColumnElement[bool]:
    return and_(taps.c.occurred_at >= day.start_ms, taps.c.occurred_at < day.end_ms)


class _RowSet:
    """A set of rows, one bit each, in pieces: rows that are in nobody's use take no memory."""

    def __init__(self) -> None:
        self._pieces: dict[int, bytearray] = {}

    def add(self, row: int) -> None:
        number, place = divmod(row, PIECE_ROWS)
        piece = self._pieces.get(number)
        if piece is None:
            piece = self._pieces[number] = bytearray(PIECE_ROWS // 8)
        piece[place >> 3] |= 1 << (place & 7)

    def list_without(self, other: "_RowSet", size: int) -> Iterator[list[int]]:
        """The rows in it that are not in another one, some `size` of them at a time."""
        found: list[int] = []
        empty = bytes(PIECE_ROWS // 8)
        for number in sorted(self._pieces):
            left_out = other._pieces.get(number, empty)
            for place, byte in enumerate(self._pieces[number]):
                bits = byte & ~left_out[place]
                if bits:
                    first = number * PIECE_ROWS + 8 * place
                    found += [first + bit for bit in range(8) if bits >> bit & 1]
                if len(found) >= size:
                    yield found
                    found = []
        if found:
            yield found
