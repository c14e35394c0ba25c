"""Between a decided tap and its row: what is written, and what is read back from it.

A row holds the decision and enough of the state after it that a token's state, or an answer given
years ago, is read from one row and the row of its entry.
"""

from collections.abc import Iterable, Mapping
from enum import IntFlag
from typing import Any, Final, NamedTuple

from fare_engine.catalogue import Catalogue
from fare_engine.decision import Closing, Decision, Outcome, Reason
from fare_engine.journey import OpenJourney, Terms, TokenState, open_journey
from fare_engine.ledger.schema import quarantine, taps
from fare_engine.network import Direction, Gate, MediumType
from fare_engine.ports import DecidedTap, StoredReport
from fare_engine.tap import Report, Tap
from fare_engine.verdict import Verdict


class Flag(IntFlag):
    """The yes-or-no facts of a row."""

    GATE_OPENS = 1
    SUSPENDED = 2
    REPORTED = 4
    CLOCK_SUSPECT = 8


def was_live(flags: int) -> bool:
    """Whether a tap came as it was made, and its gate's clock was not known to be wrong by then."""
    return not flags & (Flag.REPORTED | Flag.CLOCK_SUSPECT)


UNREADABLE: Final = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    TypeError,
    ValueError,
)
"""What reading a row raises that was not written by the engine as it is."""

COLUMNS: Final = tuple(column.name for column in taps.columns)
WIDTH: Final = len(COLUMNS)


class TapRow(NamedTuple):
    """One row of `taps`, column by column."""

    row: int
    tap_id: str
    token: bytes
    number: int | None
    previous_row: int | None
    gate: int | None
    station: int | None
    medium: int | None
    direction: int
    occurred_at: int
    received_at: int
    decided_at: int
    reason: int
    flags: int
    fare: int
    fare_waived: int
    conditions: int
    closing: int
    entry_row: int | None
    incomplete_fare: int
    policy_version: int | None
    tariff_version: int | None
    waivers: int
    clock_ahead: int
    listed_fare: int | None
    modes: int | None


assert TapRow._fields == COLUMNS, "TapRow and the table must name the same columns"

SELECT: Final = "SELECT " + ", ".join(f't."{name}"' for name in COLUMNS)
_PLAIN: Final = tuple(range(64))
"""A reason or a closing as a number that is nothing else."""
assert max(*Reason, *Closing) < len(_PLAIN)

QUARANTINE_COLUMNS: Final = tuple(column.name for column in quarantine.columns)


Places = Mapping[str | tuple[str, str | None], tuple[int, int]]
"""The numbers under which the ledger keeps a gate and its station: by gate_id, and for a gate that
has moved, by gate_id and station_id."""


def number_places(gates: Iterable[Gate], stations: Mapping[int, str]) -> Places:
    """The numbers of the places that a catalogue knows; `stations` are those of the ledger."""
    numbers = {name: number for number, name in stations.items()}
    places: dict[str | tuple[str, str | None], tuple[int, int]] = {}
    for gate in gates:
        if gate.earlier:
            for one in gate.placements:
                place = gate.number, numbers[one.station_id]
                places[gate.gate_id, one.station_id] = place
        else:
            places[gate.gate_id] = gate.number, numbers[gate.station_id]
    return places


def encode(
    taps: Iterable[DecidedTap], places: Places, media: Mapping[str, MediumType]
) -> list[Any]:
    """The rows of newly decided taps one after the other, each in the order of the columns.

    Whole numbers only: the driver looks for an adapter for every member of an enum, which takes it
    longer than all the rest of a row.
    """
    values: list[Any] = []
    for one in taps:
        verdict, before, after = one.verdict, one.before, one.after
        tap, decision = verdict.tap, verdict.decision
        entry, terms, at = decision.entry, decision.terms, tap.occurred_at_ms
        flags = 1 if decision.gate_opens else 0
        policy_version = tariff_version = None
        if terms is not None:
            tariff_version = terms.tariff.version
            if terms.policy is not None:
                policy_version = terms.policy.version
            if terms.suspended:
                flags |= 2
        if tap.report is not None:
            flags |= 4
        if decision.clock_suspect:
            flags |= 8
        number = gate = station = medium = None
        waivers = clock_ahead = 0
        if after is not before:
            number, waivers = after.number, after.waivers
            clock_ahead = after.clock_ms - at
        if verdict.problem is None:
            try:
                gate, station = places[tap.gate_id]
            except KeyError:
                gate, station = places[tap.gate_id, verdict.station_id]
            medium = media[tap.medium_type].number
        values += (
            verdict.row,
            tap.tap_id,
            tap.token,
            number,
            before.row,
            gate,
            station,
            medium,
            tap.direction,
            at,
            verdict.received_at_ms,
            verdict.decided_at_ms,
            _PLAIN[decision.reason],
            flags,
            decision.fare,
            decision.fare_waived,
            decision.conditions,
            _PLAIN[decision.closing],
            None if entry is None else entry.row,
            decision.incomplete_fare,
            policy_version,
            tariff_version,
            waivers,
            clock_ahead,
            tap.listed_fare,
            decision.modes or None,
        )
    return values


class Reader:
    """Reads rows back into values, by the catalogue that knows every number in them."""

    def __init__(self, catalogue: Catalogue, station_ids: dict[int, str]) -> None:
        self._catalogue = catalogue
        self._station_ids = station_ids

    def state_after(self, row: TapRow, entry: TapRow | None) -> TokenState:
        """The state that a tap left behind; `entry` is the row it names as `entry_row`."""
        reason = Reason(row.reason)
        is_exit = row.direction == Direction.EXIT
        journey = None
        if reason.outcome is Outcome.ENTERED:
            journey = self._journey(row)
        elif row.closing == Closing.LEFT_OPEN and entry is not None:
            journey = self._journey(entry)
        exit_station_id = None
        if is_exit and reason is not Reason.EXIT_REPEATED:
            exit_station_id = self._station_id(row)
        clock_ms = row.occurred_at
        if row.clock_ahead:  # else one number serves for both
            clock_ms += row.clock_ahead
        return TokenState(
            journey,
            clock_ms,
            row.number or 0,
            row.waivers,
            exit_station_id,
            row.occurred_at if is_exit else 0,
            row.row,
        )

    def verdict(
        self,
        row: TapRow,
        entry: TapRow | None,
        report: StoredReport | None,
        quarantined: tuple[Any, ...] | None,
    ) -> Verdict:
        """A stored tap as it was decided; `quarantined` is its row of the quarantine, if any."""
        station_id: str | None
        if quarantined is None:
            gate_id = self._catalogue.get_gate_by_number(row.gate or 0).gate_id
            medium_type = self._catalogue.get_medium_by_number(row.medium or 0).code
            station_id, problem = self._station_id(row), None
        else:
            _, problem, _, gate_id, medium_type, _ = quarantined
            station_id = None
        tap = Tap(
            row.tap_id,
            gate_id,
            row.direction,
            medium_type,
            row.token,
            row.occurred_at,
            report.report if report and row.flags & Flag.REPORTED else None,
            row.listed_fare,
        )
        journey = self._journey(entry) if entry is not None else None
        decision = Decision(
            Reason(row.reason),
            bool(row.flags & Flag.GATE_OPENS),
            row.fare,
            row.fare_waived,
            row.conditions,
            journey,
            Closing(row.closing),
            self._terms(row, entry),
            row.incomplete_fare,
            row.modes or 0,
            bool(row.flags & Flag.CLOCK_SUSPECT),
        )
        return Verdict(tap, decision, station_id, row.received_at, row.decided_at, row.row, problem)

    def _journey(self, entry: TapRow) -> OpenJourney:
        terms = self._terms(entry, None)
        assert terms is not None, f"entry {entry.tap_id} pins no terms"
        gate = self._catalogue.get_gate_by_number(entry.gate or 0)
        return open_journey(
            entry.tap_id,
            gate.gate_id,
            self._station_id(entry),
            entry.occurred_at,
            terms,
            entry.row,
        )

    def _terms(self, row: TapRow, entry: TapRow | None) -> Terms | None:
        """The terms a decision read: an exit that consumed an entry reads those of the entry."""
        if row.tariff_version is None:
            return None
        pinned_by = row
        if entry is not None and row.closing == Closing.CONSUMED:
            pinned_by = entry
        return self._catalogue.get_terms(
            (
                self._station_id(pinned_by),
                row.policy_version,
                bool(row.flags & Flag.SUSPENDED),
                row.tariff_version,
                pinned_by.modes or 0,
            )
        )

    def _station_id(self, row: TapRow) -> str:
        return self._station_ids[row.station or 0]


def decode_report(values: tuple[Any, ...]) -> StoredReport:
    """A report from its row, in the order of the table's columns."""
    row, gate_opened, fare_taken, passed, cause, was_reversed, received_at, number = values
    report = Report(bool(gate_opened), fare_taken, None if passed is None else bool(passed), cause)
    return StoredReport(row, report, bool(was_reversed), received_at, number)


def encode_report(stored: StoredReport) -> tuple[Any, ...]:
    """The row of a report, in the order of the table's columns."""
    report = stored.report
    return (
        stored.row,
        int(report.gate_opened),
        report.fare_taken,
        None if report.passed is None else int(report.passed),
        report.cause,
        int(stored.reversed),
        stored.received_at_ms,
        stored.number,
    )
