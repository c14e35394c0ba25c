"""Reads the past back from rows: the states that taps left, and verdicts as they were given."""

import sqlite3
from collections.abc import Iterable, Mapping

from fare_engine.catalogue import Catalogue
from fare_engine.journey import BLANK, TokenState
from fare_engine.ledger.rows import (
    QUARANTINE_COLUMNS,
    SELECT,
    Reader,
    TapRow,
    decode_report,
)
from fare_engine.ledger.sqlite.side_tables import REPORT_COLUMNS
from fare_engine.ledger.sqlite.statements import LOOKUP_MAX
from fare_engine.ports import KnownTap, StoredReport


class Past:
    """Reads rows back, by whatever number the ledger found them. Raises what the driver raises."""

    catalogue: Catalogue
    """What knows every number in the rows; the ledger sets it."""

    def __init__(self, connection: sqlite3.Connection, station_ids: dict[int, str]) -> None:
        self._connection = connection
        self._station_ids = station_ids

    def read_states(self, latest: Mapping[bytes, int]) -> dict[bytes, TokenState]:
        """The states after the given rows, or after what stood before where nobody passed."""
        if not latest:
            return {}
        rows = self._read_rows(latest.values())
        reversals = self._find_reversals(rows)
        entries = self._read_rows(
            row.entry_row for row in rows.values() if row.entry_row is not None
        )
        reader = self._reader()
        states = {}
        for token, place in latest.items():
            row = rows[place]
            if place in reversals:
                states[token] = self._read_standing(row, reversals[place])
            else:
                states[token] = reader.state_after(row, entries.get(row.entry_row or 0))
        return states

    def read_state_before(self, place: int) -> TokenState:
        """The state that the tap of a row found; its `number` is that of the tap, or higher."""
        return self._read_standing(self._read_rows([place])[place], None)

    def read_known(self, place: int) -> KnownTap:
        """The tap of a row as it was decided, with its report."""
        row = self._read_rows([place])[place]
        entry = None
        if row.entry_row is not None:
            entry = self._read_rows([row.entry_row]).get(row.entry_row)
        quarantined = None
        if row.gate is None:
            columns = ", ".join(QUARANTINE_COLUMNS)
            quarantined = self._connection.execute(
                f"SELECT {columns} FROM quarantine WHERE row = ?", (place,)
            ).fetchone()
        report = self._find_report(place)
        return KnownTap(self._reader().verdict(row, entry, report, quarantined), report)

    def list_rows(self, after: int, limit: int) -> list[int]:
        """The next rows behind one."""
        found = self._connection.execute(
            "SELECT row FROM taps WHERE row > ? ORDER BY row LIMIT ?", (after, limit)
        )
        return [row for (row,) in found]

    def _find_report(self, row: int) -> StoredReport | None:
        values = self._connection.execute(
            f"SELECT {REPORT_COLUMNS} FROM reports WHERE row = ?", (row,)
        ).fetchone()
        return decode_report(values) if values else None

    def _read_rows(self, rows: Iterable[int]) -> dict[int, TapRow]:
        wanted = list(rows)
        found: dict[int, TapRow] = {}
        for place in range(0, len(wanted), LOOKUP_MAX):
            chunk = wanted[place : place + LOOKUP_MAX]
            marks = ", ".join("?" * len(chunk))
            for values in self._connection.execute(
                f"{SELECT} FROM taps t WHERE t.row IN ({marks})", chunk
            ):
                found[values[0]] = TapRow._make(values)
        return found

    def _read_standing(self, row: TapRow, number: int | None) -> TokenState:
        """The state that holds when the tap of this row turned out not to be a passage.

        `number` is the place in the chain that going back took; reversals of before version 0.2
        kept that of their tap. What stood before may have been taken back later still.
        """
        if number is None:
            number = row.number or 0
        before = row.previous_row or 0
        if before == 0:
            return BLANK.replace(number=number)
        state = self.read_states({row.token: before})[row.token]
        return state.replace(number=max(number, state.number))

    def _find_reversals(self, rows: Iterable[int]) -> dict[int, int | None]:
        """Which of these rows were taken back, and the numbers that took."""
        wanted = list(rows)
        found: dict[int, int | None] = {}
        for place in range(0, len(wanted), LOOKUP_MAX):
            chunk = wanted[place : place + LOOKUP_MAX]
            marks = ", ".join("?" * len(chunk))
            found.update(
                self._connection.execute(
                    f"SELECT row, number FROM reports WHERE reversed = 1 AND row IN ({marks})",
                    chunk,
                )
            )
        return found

    def _reader(self) -> Reader:
        return Reader(self.catalogue, self._station_ids)
