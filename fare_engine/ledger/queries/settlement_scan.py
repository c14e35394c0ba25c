"""Finds the tokens with something to settle on a service date, in one pass over its rows.

Each stretch of rows is a reading of its own, so that a long pass never keeps the log from being
folded, and one bit a row remembers the entries that nobody has ended yet.
"""

from collections.abc import Iterator

from sqlalchemy import ColumnElement, Connection, and_, exists, func, not_, or_, select

from fare_engine.calendar import ServiceDay
from fare_engine.decision import Closing, Reason
from fare_engine.ledger.database import Database, reading
from fare_engine.ledger.rows import Flag
from fare_engine.ledger.schema import quarantine, reports, taps
from fare_engine.network import Direction

SCAN_ROWS = 200_000
"""Rows of one reading."""

LOOKUP_MAX = 500


def find_last_row(connection: Connection) -> int:
    """The end of the ledger."""
    return connection.execute(select(func.max(taps.c.row))).scalar_one() or 0


def find_first_row(connection: Connection, received_from_ms: int) -> int:
    """The first row received from an instant on; one behind the last when there is none.

    The engine's clock rises with the rows, so a dozen look-ups find it.
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
    database: Database, day: ServiceDay, first_row: int, last_row: int
) -> Iterator[list[bytes]]:
    """Tokens with something to look at on that date, by its gates' clocks.

    That is a late tap, a report, a quarantined tap, one of a suspect clock, or an entry without
    exit.

    One may come more than once.
    """
    with reading(database) as connection:
        tokens = _list_quarantined(connection, day)
    yield tokens  # not within the reading: to settle them takes a while
    unended = _Bits(first_row, last_row)
    for start in range(first_row, last_row + 1, SCAN_ROWS):
        end = min(start + SCAN_ROWS - 1, last_row)
        with reading(database) as connection:
            tokens = _list_late_and_reported(connection, day, start, end)
            _mark_unended(connection, day, start, end, unended)
        yield tokens
    for rows in unended.chunks(LOOKUP_MAX):
        with reading(database) as connection:
            query = select(taps.c.token).where(taps.c.row.in_(rows))
            tokens = list(connection.execute(query).scalars())
        yield tokens


def _list_quarantined(connection: Connection, day: ServiceDay) -> list[bytes]:
    # Not a join: the database might begin it at the taps, and read every one of them.
    query = select(taps.c.token).where(taps.c.row.in_(select(quarantine.c.row)), _on(day))
    return list(connection.execute(query).scalars())


def _list_late_and_reported(
    connection: Connection, day: ServiceDay, start: int, end: int
) -> list[bytes]:
    is_late = taps.c.reason == Reason.ARRIVED_OUT_OF_ORDER
    is_suspect = taps.c.flags.op("&")(int(Flag.CLOCK_SUSPECT)) != 0
    within = taps.c.row.between(start, end)
    late = select(taps.c.token).where(within, is_late | is_suspect, _on(day))
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
