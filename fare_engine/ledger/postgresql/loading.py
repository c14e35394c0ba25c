"""Reads what a batch needs, in one round trip: all statements go out together, as a pipeline."""

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any, Final, NamedTuple

from psycopg import Cursor

from fare_engine.catalogue import Catalogue
from fare_engine.code_use import CodeUse
from fare_engine.journey import BLANK, TokenState
from fare_engine.ledger.rows import (
    COLUMNS,
    QUARANTINE_COLUMNS,
    WIDTH,
    Reader,
    TapRow,
    decode_report,
)
from fare_engine.ledger.schema import reports
from fare_engine.ledger.sessions import Connection
from fare_engine.ports import KnownTap, Loaded, Wanted
from fare_engine.states.codec import decode_state

REPORT_COLUMNS: Final = tuple(column.name for column in reports.columns)
_REPORT_END: Final = 2 * WIDTH + len(REPORT_COLUMNS)


def _list_columns(alias: str, names: Iterable[str]) -> str:
    return ", ".join(f'{alias}."{name}"' for name in names)


# Always joined to what `unnest` makes of a parameter: `= ANY (…)` would look into all partitions.
_TAP_WITH_ENTRY: Final = f"{_list_columns('t', COLUMNS)}, {_list_columns('e', COLUMNS)}"
_KNOWN_TAP: Final = (
    f"{_TAP_WITH_ENTRY}, {_list_columns('r', REPORT_COLUMNS)},"
    f" {_list_columns('q', QUARANTINE_COLUMNS)}"
)
_JOINED: Final = """
    LEFT JOIN taps e ON e."row" = t.entry_row
    LEFT JOIN reports r ON r."row" = t."row"
    LEFT JOIN quarantine q ON q."row" = t."row"
"""
_KNOWN: Final = f"""
    SELECT {_KNOWN_TAP} FROM unnest(%s::text[]) w (tap_id)
    JOIN tap_ids i ON i.tap_id = w.tap_id JOIN taps t ON t."row" = i."row" {_JOINED}
"""
_STORED: Final = f"""
    SELECT {_KNOWN_TAP} FROM unnest(%s::bigint[]) w ("row")
    JOIN taps t ON t."row" = w."row" {_JOINED}
"""
_BEFORE: Final = f"""
    SELECT later."row", {_TAP_WITH_ENTRY} FROM unnest(%s::text[]) w (tap_id)
    JOIN tap_ids i ON i.tap_id = w.tap_id JOIN taps later ON later."row" = i."row"
    JOIN taps t ON t."row" = later.previous_row LEFT JOIN taps e ON e."row" = t.entry_row
"""
_REPORTED_TOKENS: Final = """
    SELECT t.token FROM unnest(%s::text[]) w (tap_id)
    JOIN tap_ids i ON i.tap_id = w.tap_id JOIN taps t ON t."row" = i."row"
"""
_HEADS: Final = """
    SELECT h.token, h.number, h."row", h.state FROM unnest(%s::bytea[]) w (token)
    JOIN heads h ON h.token = w.token WHERE h.number > 0
"""
_REPORTED_HEADS: Final = f"""
    SELECT h.token, h.number, h."row", h.state FROM ({_REPORTED_TOKENS}) w
    JOIN heads h ON h.token = w.token WHERE h.number > 0
"""
_CODES: Final = """
    SELECT c.code_id, t.token, t.station, t.direction, t.occurred_at
    FROM unnest(%s::text[]) w (code_id)
    JOIN ride_codes c ON c.code_id = w.code_id JOIN taps t ON t."row" = c."row"
"""
# An upsert that changes nothing: it locks heads that are not there yet as well, and in one order.
_LOCK: Final = f"""
    INSERT INTO heads AS h (token, number, before, "row")
    SELECT w.token, 0, 0, 0
    FROM (SELECT unnest(%s::bytea[]) AS token UNION {_REPORTED_TOKENS}) w ORDER BY w.token
    ON CONFLICT (token) DO UPDATE SET number = h.number
"""
_VERSION: Final = "SELECT c.version FROM configuration c"
_BLOCK: Final = "SELECT nextval('tap_rows')"
_STATIONS: Final = "SELECT s.number, s.station_id FROM stations s"


class Fetched(NamedTuple):
    """What one round trip has brought: rows as they are stored. `block` is that of new rows."""

    known: Sequence[tuple[Any, ...]]
    before: Sequence[tuple[Any, ...]]
    heads: Sequence[tuple[Any, ...]]
    codes: Sequence[tuple[Any, ...]]
    version: int
    block: int | None


def fetch(
    connection: Connection, wanted: Wanted, looked_up: Sequence[str], *, takes_block: bool
) -> Fetched:
    """Read what is wanted, and of the tap_ids those that are `looked_up`; psycopg.Error."""
    reported = [*wanted.reported]
    with connection.pipeline():
        if wanted.locks:
            connection.execute("BEGIN")
            connection.execute(_LOCK.encode(), (sorted(wanted.tokens), reported), prepare=True)
        known = _ask(connection, _KNOWN, looked_up)
        before = _ask(connection, _BEFORE, reported)
        heads = _ask(connection, _HEADS, [*wanted.tokens])
        reported_heads = _ask(connection, _REPORTED_HEADS, reported)
        codes = _ask(connection, _CODES, [str(code_id) for code_id in wanted.code_ids])
        version = connection.execute(_VERSION, prepare=True, binary=True)
        block = connection.execute(_BLOCK, prepare=True, binary=True) if takes_block else None
    return Fetched(
        _read(known),
        _read(before),
        [*_read(heads), *_read(reported_heads)],
        _read(codes),
        _read_one(version),
        None if block is None else _read_one(block),
    )


def fetch_block(connection: Connection) -> int:
    """The first row of a block that nobody else has."""
    return _read_one(connection.execute(_BLOCK, prepare=True, binary=True))


def fetch_stations(connection: Connection) -> dict[int, str]:
    """The stations' ids by their numbers in the ledger."""
    return dict(connection.execute(_STATIONS, prepare=False).fetchall())


class Decoder:
    """Turns fetched rows into values, by one catalogue; LedgerDamaged where it knows too little.

    `fetch_stored` reads taps by their rows: for states that another version of the engine wrote,
    or that pin what this catalogue does not know.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        station_ids: dict[int, str],
        fetch_stored: Callable[[Collection[int]], Sequence[tuple[Any, ...]]],
    ) -> None:
        self._catalogue = catalogue
        self._station_ids = station_ids
        self._reader = Reader(catalogue, station_ids)
        self._fetch_stored = fetch_stored

    def make_loaded(self, fetched: Fetched, reported: Collection[str]) -> Loaded:
        """What a batch stands on."""
        known = {}
        for values in fetched.known:
            tap = self.make_known(values)
            known[tap.verdict.tap.tap_id] = tap
        if reported:
            states = {values[0]: self._make_state(values[1:]) for values in fetched.before}
            for tap_id in reported:
                if tap_id in known:
                    before = states.get(known[tap_id].verdict.row, BLANK)
                    known[tap_id] = known[tap_id]._replace(before=before)
        codes = {
            code_id: CodeUse(token, self._station_ids[station], direction, occurred_at_ms)
            for code_id, token, station, direction, occurred_at_ms in fetched.codes
        }
        return Loaded(known, self._make_states(fetched.heads), codes, fetched.version)

    def make_known(self, values: tuple[Any, ...]) -> KnownTap:
        """A tap as it was decided, with its report."""
        row, entry = _split(values)
        reported, quarantined = values[2 * WIDTH : _REPORT_END], values[_REPORT_END:]
        report = None if reported[0] is None else decode_report(reported)
        in_quarantine = None if quarantined[0] is None else quarantined
        return KnownTap(self._reader.verdict(row, entry, report, in_quarantine), report)

    def _make_states(self, heads: Iterable[tuple[Any, ...]]) -> dict[bytes, TokenState]:
        states: dict[bytes, TokenState] = {}
        undecoded: dict[bytes, tuple[int, int]] = {}
        for token, number, row, content in heads:
            state = decode_state(content, self._catalogue)
            if state is None:
                undecoded[token] = number, row
            else:
                states[token] = state
        if undecoded:
            stored = self._fetch_stored([row for _, row in undecoded.values()])
            by_row = {values[0]: self._make_state(values) for values in stored}
            for token, (number, row) in undecoded.items():
                state = by_row[row] if row else BLANK
                states[token] = state.replace(number=number)
        return states

    def _make_state(self, values: tuple[Any, ...]) -> TokenState:
        return self._reader.state_after(*_split(values))


def fetch_stored(connection: Connection, rows: Collection[int]) -> Sequence[tuple[Any, ...]]:
    """Taps by their rows, each with its entry, its report and its place in quarantine."""
    return connection.execute(
        _STORED.encode(), (sorted(rows),), prepare=True, binary=True
    ).fetchall()


def _split(values: tuple[Any, ...]) -> tuple[TapRow, TapRow | None]:
    entry = values[WIDTH : 2 * WIDTH]
    return TapRow._make(values[:WIDTH]), None if entry[0] is None else TapRow._make(entry)


def _ask(
    connection: Connection, query: str, values: Sequence[object]
) -> Cursor[tuple[Any, ...]] | None:
    """Send a statement, unless there is nothing to be asked."""
    if not values:
        return None
    return connection.execute(query.encode(), (values,), prepare=True, binary=True)


def _read(cursor: Cursor[tuple[Any, ...]] | None) -> Sequence[tuple[Any, ...]]:
    return () if cursor is None else cursor.fetchall()


def _read_one(cursor: Cursor[tuple[Any, ...]]) -> int:
    row = cursor.fetchone()
    assert row is not None
    return int(row[0])
