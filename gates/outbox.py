"""The outbox: every tap is stored in it before the engine is asked, until the engine has decided.

A tap is written twice: when the medium was read, which gives it its tap_id; then with the gate's
action, before the gate moves. So the gate of a tap without an action stayed shut, and a restart
after a crash records that. The outbox holds tokens, never the number of a card or a ride code.
"""

from collections.abc import Iterable, Sequence
from datetime import date
from enum import IntEnum
from functools import lru_cache
from typing import Any, Final, NamedTuple

from fare_engine.calendar import ServiceDay
from fare_engine.journey import TokenState
from fare_engine.tap import Report, Tap
from gates.crash import crash_point
from gates.errors import OutboxFull, UnknownTap
from gates.reading import MediumRead
from gates.station_file import StationFile
from gates.token_states import encode_state, prune_states, write_state

WAITING_MAX: Final = 1_000_000
"""Taps waiting or quarantined: ten days of a busy station. Beyond it no tap is taken."""

KEPT_MS: Final = 3 * 86_400_000
"""How long decided taps stay in the file, to be looked up."""

PRUNE_TAPS: Final = 500
"""Taps removed in one go, so that no passenger waits for it."""


class Standing(IntEnum):
    """What became of a tap or a report. The numbers are stored and never change."""

    WAITING = 0
    DONE = 1
    QUARANTINED = 2


class StoredTap(NamedTuple):
    """A tap in the outbox; `tap.report` is what the gate did, None while it is at the lane."""

    place: int
    tap: Tap
    code_id: str | None


class Action(NamedTuple):
    """What a gate does at a tap, and why. `alone`: decided here, not by the engine."""

    opens: bool
    fare: int
    reason: str
    alone: bool


class WaitingReport(NamedTuple):
    """Whether the passenger passed at a tap that the engine has decided."""

    place: int
    tap_id: str
    gate_opened: bool
    fare_taken: int
    passed: bool
    cause: str | None


class QuarantinedItem(NamedTuple):
    """A tap or a report that the engine refused for good, for an operator."""

    tap_id: str
    what: str
    gate_id: str
    occurred_at_ms: int
    problem: str


class Counts(NamedTuple):
    """How many taps and reports the engine has not decided."""

    waiting: int
    quarantined: int
    reports_waiting: int


_COLUMNS: Final = (
    "place, tap_id, gate_id, direction, medium_type, token, code_id, occurred_at, "
    "gate_opened, fare_taken"
)


class Outbox:
    """The taps of one station, over its file.

    Only the controller that has locked the file adds taps and reports or marks them done; an
    operator can only release them from quarantine. So the outbox counts in memory how many are not
    done, and does not ask the file when there are none.
    """

    def __init__(self, file: StationFile) -> None:
        self._file = file
        ((self._kept, self._kept_reports),) = file.read(
            "SELECT (SELECT count(*) FROM taps WHERE standing IN (0, 2)), "
            "(SELECT count(*) FROM reports WHERE standing IN (0, 2))"
        )
        self._gates = {
            gate_id for (gate_id,) in file.read("SELECT DISTINCT gate_id FROM sequences")
        }

    def repair(self) -> None:
        """After a crash: gates without a recorded action never moved."""
        with self._file.transaction() as sql:
            sql.execute(
                "UPDATE taps SET gate_opened = 0, fare_taken = 0, reason = 'interrupted', "
                "alone = 1 WHERE gate_opened IS NULL"
            )
            crash_point("inside_start_repair")

    def add(
        self, gate_id: str, direction: int, read: MediumRead, at_ms: int, day: ServiceDay
    ) -> StoredTap:
        """Store a new tap under a tap_id never given before; durable when this returns."""
        if self._kept >= WAITING_MAX:
            raise OutboxFull(f"{self._kept} taps wait for the engine already")
        with self._file.transaction() as sql:
            (number,) = sql.execute(
                "INSERT INTO sequences VALUES (?1, ?2, ?3) "
                "ON CONFLICT DO UPDATE SET last = last + 1 RETURNING last",
                (gate_id, day.ordinal, self._first_number(day)),
            ).fetchone()
            tap_id = f"{gate_id}.{_name_date(day.ordinal)}.{number:08}"
            values = (tap_id, gate_id, direction, read.medium_type, read.token, read.code_id, at_ms)
            place = sql.execute(
                "INSERT INTO taps (tap_id, gate_id, direction, medium_type, token, code_id, "
                "occurred_at) VALUES (?, ?, ?, ?, ?, ?, ?)",
                values,
            ).lastrowid
            crash_point("inside_outbox_write")
        assert place is not None
        self._kept += 1
        self._gates.add(gate_id)
        tap = Tap(tap_id, gate_id, direction, read.medium_type, read.token, at_ms)
        return StoredTap(place, tap, read.code_id)

    def record(
        self, stored: StoredTap, action: Action, change: tuple[TokenState, TokenState] | None = None
    ) -> None:
        """Store the gate's action before it moves, with the token's state before and after.

        A tap that the engine decided is done then.
        """
        standing = Standing.WAITING if action.alone else Standing.DONE
        before = encode_state(change[0]) if change else None
        with self._file.transaction() as sql:
            sql.execute(
                "UPDATE taps SET gate_opened = ?, fare_taken = ?, reason = ?, alone = ?, "
                "standing = ?, state_before = ? WHERE place = ?",
                (*action, standing, before, stored.place),
            )
            if change and change[1] is not change[0]:
                after = encode_state(change[1])
                write_state(sql, stored.tap.token, after, stored.tap.occurred_at_ms)
            crash_point("inside_action_write")
        self._kept -= not action.alone

    def add_report(self, tap_id: str, passed: bool, cause: str | None) -> None:
        """Store whether the passenger passed. The first report of a tap counts.

        When not, and it is the token's latest tap here, the token gets its former state back.
        """
        with self._file.transaction() as sql:
            row = sql.execute(
                "SELECT place, token, state_before, gate_opened FROM taps WHERE tap_id = ?",
                (tap_id,),
            ).fetchone()
            if row is None or row[3] is None:
                raise UnknownTap(f"the outbox has no gate action for a tap {tap_id}")
            place, token, before, gate_opened = row
            new = sql.execute(
                "INSERT OR IGNORE INTO reports (place, passed, cause) VALUES (?, ?, ?)",
                (place, passed, cause),
            ).rowcount
            if gate_opened and not passed and before is not None:
                # The last element of a state is the place of the tap that made it.
                sql.execute(
                    "UPDATE states SET document = json_set(?1, '$[2]', document ->> '$[2]') "
                    "WHERE token = ?2 AND document ->> '$[6]' = ?3",
                    (before, token, place),
                )
            crash_point("inside_report_write")
        self._kept_reports += new

    def list_waiting(self, limit: int) -> list[StoredTap]:
        """The taps to send next, oldest first; none that came after a tap still at its lane."""
        if not self._kept:
            return []
        rows = self._file.read(
            f"SELECT {_COLUMNS} FROM taps WHERE standing = 0 AND place < coalesce("
            "(SELECT min(place) FROM taps WHERE gate_opened IS NULL), 1 << 62) "
            "ORDER BY place LIMIT ?",
            (limit,),
        )
        return [_read_row(row) for row in rows]

    def list_waiting_of(self, stored: StoredTap, limit: int) -> list[StoredTap]:
        """The waiting taps of the same token before this one, oldest first."""
        if self._kept == 1:  # this one
            return []
        rows = self._file.read(
            f"SELECT {_COLUMNS} FROM taps INDEXED BY taps_waiting "
            "WHERE standing = 0 AND token = ? AND place < ? ORDER BY place LIMIT ?",
            (stored.tap.token, stored.place, limit),
        )
        return [_read_row(row) for row in rows]

    def resolve(self, results: Sequence[tuple[int, str | None]]) -> None:
        """Mark taps by place: done, or quarantined with a problem that will not go away."""
        done = 0
        with self._file.transaction() as sql:
            for place, problem in results:
                standing = Standing.DONE if problem is None else Standing.QUARANTINED
                changed = sql.execute(
                    "UPDATE taps SET standing = ?, problem = ? WHERE place = ? AND standing = 0 "
                    "AND gate_opened IS NOT NULL",
                    (standing, problem, place),
                ).rowcount
                done += changed if problem is None else 0
            crash_point("inside_upload_write")
        self._kept -= done

    def list_reports(self, limit: int) -> list[WaitingReport]:
        """The reports to send next: those of taps that the engine has decided."""
        if not self._kept_reports:
            return []
        rows = self._file.read(
            "SELECT r.place, tap_id, gate_opened, fare_taken, passed, cause "
            "FROM reports r JOIN taps t USING (place) "
            "WHERE r.standing = 0 AND t.standing = 1 ORDER BY r.place LIMIT ?",
            (limit,),
        )
        return [
            WaitingReport(place, tap_id, bool(opened), fare, bool(passed), cause)
            for place, tap_id, opened, fare, passed, cause in rows
        ]

    def resolve_report(self, place: int, problem: str | None) -> None:
        """Mark a report: done, or quarantined."""
        standing = Standing.DONE if problem is None else Standing.QUARANTINED
        with self._file.transaction() as sql:
            changed = sql.execute(
                "UPDATE reports SET standing = ?, problem = ? WHERE place = ? AND standing = 0",
                (standing, problem, place),
            ).rowcount
        self._kept_reports -= changed if problem is None else 0

    def list_quarantined(self, limit: int) -> list[QuarantinedItem]:
        """The taps and reports that the engine refused for good, oldest first."""
        rows = self._file.read(
            "SELECT tap_id, 'tap', gate_id, occurred_at, problem, place FROM taps "
            "WHERE standing = 2 UNION ALL "
            "SELECT tap_id, 'report', gate_id, occurred_at, r.problem, place "
            "FROM reports r JOIN taps USING (place) WHERE r.standing = 2 "
            "ORDER BY place LIMIT ?",
            (limit,),
        )
        return [QuarantinedItem(*row[:5]) for row in rows]

    def release(self) -> int:
        """Let all quarantined taps and reports wait again; how many they are."""
        with self._file.transaction() as sql:
            return sum(
                sql.execute(f"UPDATE {table} SET standing = 0 WHERE standing = 2").rowcount
                for table in ("taps", "reports")
            )

    def find_code_use(self, stored: StoredTap) -> Tap | None:
        """The tap here that used this ride code first; None when the code is new.

        A tap uses a code when the gate opened at it: here none opens at a code that is refused.
        """
        rows = self._file.read(
            f"SELECT {_COLUMNS} FROM taps "
            "WHERE code_id = ? AND place != ? AND gate_opened = 1 ORDER BY place LIMIT 1",
            (stored.code_id, stored.place),
        )
        return _read_row(rows[0]).tap if rows else None

    def list_gates(self) -> list[str]:
        """The gates whose lanes are this controller's: those that ever took a tap here."""
        return sorted(self._gates)

    def count(self) -> Counts:
        """How many taps and reports there are of each kind."""
        if not self._kept and not self._kept_reports:
            return Counts(0, 0, 0)
        (counts,) = self._file.read(
            "SELECT (SELECT count(*) FROM taps WHERE standing = 0), "
            "(SELECT count(*) FROM taps WHERE standing = 2), "
            "(SELECT count(*) FROM reports r JOIN taps t USING (place) "
            "WHERE r.standing = 0 AND t.standing != 2)"
        )
        return Counts(*counts)

    def prune(self, now_ms: int) -> None:
        """Remove some decided taps that are old enough, and tokens not seen since."""
        before_ms = now_ms - KEPT_MS
        with self._file.transaction() as sql:
            old = sql.execute(
                "SELECT place FROM (SELECT place, occurred_at "
                "FROM taps WHERE standing = 1 ORDER BY place LIMIT ?) oldest "
                "WHERE occurred_at < ? AND NOT EXISTS (SELECT 1 FROM reports r "
                "WHERE r.place = oldest.place AND r.standing != 1)",
                (PRUNE_TAPS, before_ms),
            ).fetchall()
            sql.executemany("DELETE FROM taps WHERE place = ?", old)
            prune_states(sql, before_ms, PRUNE_TAPS)
            crash_point("inside_prune")

    def _first_number(self, day: ServiceDay) -> int:
        """The first of a gate's numbers on a service date.

        On the date on which the file was made it is the millisecond of the day. No gate takes a
        tap every millisecond, so after the loss of a file no number of that day is given again.
        """
        created_at_ms = self._file.created_at_ms
        if day.start_ms <= created_at_ms < day.end_ms:
            return created_at_ms - day.start_ms + 1
        return 1


@lru_cache(8)
def _name_date(ordinal: int) -> str:
    """A service date as tap_ids have it; nearly all taps of a day need the same."""
    return f"{date.fromordinal(ordinal):%Y%m%d}"


def _read_row(row: Iterable[Any]) -> StoredTap:
    place, tap_id, gate_id, direction, medium_type, token, code_id, at_ms, opened, fare = row
    report = None if opened is None else Report(bool(opened), fare)
    tap = Tap(tap_id, gate_id, direction, medium_type, token, at_ms, report)
    return StoredTap(place, tap, code_id)
