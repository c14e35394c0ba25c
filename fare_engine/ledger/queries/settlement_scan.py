"""Finds the tokens with something to settle on a service date, in one pass over its rows.

Each stretch of rows is a reading of its own, so that a long pass never keeps the log from being
folded, and one bit a row remembers the entries that nobody has ended yet.
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
from fare_engine.network import Direction
from fare_engine.settlement.clocks import MeasuredClocks, Reading, find_smallest_tolerance

SCAN_ROWS = 200_000
"""Rows of one reading."""

LOOKUP_MAX = 500


def find_last_row(connection: Connection) -> int:
    """The end of the ledger."""
    return connection.execute(select(func.max(taps.c.row))).scalar_one() or 0


def find_first_row(connection: Connection, received_from_ms: int) -> int:
    """A row received from an instant on, with an earlier one before it; behind the last if none.

    The engine's clock rises with the rows, so a dozen look-ups find it. Where that clock was once
    set back, rows before the one found may have been received later by as much: the caller asks
    for an instant that is so much earlier.
    """
    low, high = 1, find_last_row(connection) + 1
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
    database: Database, catalogue: Catalogue, clocks: MeasuredClocks, day: ServiceDay, rows: range
) -> Iterator[list[bytes]]:
    """Tokens with something to look at on that date, among these rows and in quarantine.

    That is a late tap, a report, a quarantined tap, one of a suspect clock, or an entry without
    exit. A tap belongs to the date of its corrected time; the date of its gate's time is looked at
    as well, for what the tap had changed there when it was decided.

    One may come more than once.
    """
    scan = _Scan(catalogue, clocks, day)
    with reading(database) as connection:
        tokens = [*scan.list_quarantined(connection), *scan.list_pinned(connection, rows)]
    yield tokens  # not within the reading: to settle them takes a while
    first_row, last_row = rows.start, rows.stop - 1
    unended = _Bits(first_row, last_row)
    for start in range(first_row, last_row + 1, SCAN_ROWS):
        end = min(start + SCAN_ROWS - 1, last_row)
        with reading(database) as connection:
            tokens = _list_late_and_reported(connection, day, start, end)
            tokens += scan.list_of_wrong_clocks(connection, start, end)
            _mark_unended(connection, day, start, end, unended)
        yield tokens
    for unended_rows in unended.chunks(LOOKUP_MAX):
        with reading(database) as connection:
            query = select(taps.c.token).where(taps.c.row.in_(unended_rows))
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

    def list_pinned(self, connection: Connection, rows: range) -> Iterator[bytes]:
        """Tokens of taps that a run has settled at a corrected time already, which they keep."""
        query = select(taps.c.token, taps.c.occurred_at, _PIN.skew_ms)
        query = query.join(taps, taps.c.row == _PIN.row).where(_PIN.row >= rows.start)
        for token, occurred_at, skew_ms in connection.execute(query):
            if self._is_on(occurred_at, skew_ms):
                yield token

    def list_of_wrong_clocks(self, connection: Connection, start: int, end: int) -> Iterator[bytes]:
        """Tokens of taps that some measurement moves to the date, or away from it."""
        off_ms = func.abs(taps.c.occurred_at - taps.c.received_at)
        query = select(*_READ).where(
            taps.c.row.between(start, end),
            taps.c.gate.in_(list_wrong_gates(self._tolerance_ms)),
            or_(taps.c.flags.op("&")(_NOT_LIVE) != 0, off_ms > self._tolerance_ms),
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


def _list_late_and_reported(
    connection: Connection, day: ServiceDay, start: int, end: int
) -> list[bytes]:
    is_late = taps.c.reason == Reason.ARRIVED_OUT_OF_ORDER
    within = taps.c.row.between(start, end)
    late = select(taps.c.token).where(within, is_late, _on(day))
    with_report = select(reports.c.row).where(reports.c.row.between(start, end))
    reported = select(taps.c.token).where(taps.c.row.in_(with_report), _on(day))
    return [*connection.execute(late).scalars(), *connection.execute(reported).scalars()]


def _mark_unended(
    connection: Connection, day: ServiceDay, start: int, end: int, unended: "_Bits"
) -> None:
    """Entries of the date, but for those that an exit or a second entry has ended."""
    within = taps.c.row.between(start, end) & taps.c.number.is_not(None)
    entries = select(taps.c.row).where(within, taps.c.direction == Direction.ENTRY, _on(day))
    for row in connection.execute(entries).scalars():
        unended.set(row)
    void = exists().where(
        reports.c.row == taps.c.row, or_(reports.c.passed == 0, reports.c.gate_opened == 0)
    )
    ended = select(taps.c.entry_row).where(
        within, taps.c.closing.in_((Closing.CONSUMED, Closing.REPLACED)), not_(void)
    )
    for row in connection.execute(ended).scalars():
        unended.clear(row)


def _on(day: ServiceDay) -> ColumnElement[bool]:
    return and_(taps.c.occurred_at >= day.start_ms, taps.c.occurred_at < day.end_ms)


class _Bits:
    """A set of rows, one bit each."""

    def __init__(self, first: int, last: int) -> None:
        self._first = first
        self._bits = bytearray(max(0, last - first) // 8 + 1)

    def set(self, row: int) -> None:
        place = row - self._first
        self._bits[place >> 3] |= 1 << (place & 7)

    def clear(self, row: int) -> None:
        place = row - self._first
        if place >= 0:
            self._bits[place >> 3] &= ~(1 << (place & 7))

    def chunks(self, size: int) -> Iterator[list[int]]:
        """The rows in it, so many at a time."""
        found: list[int] = []
        for byte, bits in enumerate(self._bits):
            if not bits:
                continue
            found += [self._first + 8 * byte + bit for bit in range(8) if bits >> bit & 1]
            if len(found) >= size:
                yield found
                found = []
        if found:
            yield found
