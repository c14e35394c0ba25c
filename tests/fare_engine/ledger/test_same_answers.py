"""A ledger in PostgreSQL, of one worker or of two, says all that the embedded one says.

The same taps, reports and changes of operators, drawn by a seed, go to an engine over a file and to
engines over PostgreSQL. Every answer, explanation, list and adjustment is the same text then: but
for the rows, in whose place stand the tap_ids, and the numbers of adjustments, which go by rows.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from datetime import date, timedelta
from enum import Enum
from pathlib import Path
from random import Random
from typing import Any, Final

import msgspec
import pytest
from sqlalchemy import Connection

from fare_engine.batch import CodeId, ReportSubmission, Submission
from fare_engine.engine import Engine
from fare_engine.journey import Terms
from fare_engine.ledger.database import open_database, reading
from fare_engine.ledger.queries.conflicts import Span, count_left_out, list_conflicts
from fare_engine.ledger.queries.explanations import find_explanation, find_place
from fare_engine.ledger.queries.listings import list_audit, list_quarantine
from fare_engine.ledger.stores.adjustments import (
    list_adjustments,
    list_adjustments_in_state,
    review_adjustment,
)
from fare_engine.ledger.stores.clocks import record_skews
from fare_engine.ledger.stores.modes import end_mode, start_mode
from fare_engine.ledger.stores.network import put_gate
from fare_engine.ledger.stores.settlements import list_settlements
from fare_engine.modes import DegradedMode, Mode
from fare_engine.network import Direction, Gate
from fare_engine.settlement.adjustments import State
from fare_engine.tap import Report, Tap
from tests.fare_engine.settlement.settlement_table import THE_DAY, open_metro, settle_day
from tests.fare_engine.small_metro import MINUTE_MS, NOON_MS, Metro, make_token

SENDER: Final = "0123456789ab"
PLACES: Final = (
    *[("FHY-A-01", Direction.ENTRY), ("FHY-C-02", Direction.EXIT)] * 3,
    *[("FHY-B-03", way) for way in Direction],
    *[("CXL-A-01", way) for way in Direction],
)
MISSING: Final = "CXL-B-09"
STEPS: Final = 90


class Story:
    """What comes to a metro, step by step: the same for every metro of a seed."""

    def __init__(self, metro: Metro, engines: list[Engine], seed: int) -> None:
        self._metro = metro
        self._engines = engines
        self._draw = Random(seed)
        self._turn = Random(seed + 1)
        self._sent: list[Tap] = []
        self._held_back: list[Tap] = []
        self.at_ms = NOON_MS

    def play(self) -> Iterator[object]:
        """What every step was answered."""
        steps = (
            *[self._tap] * 12,
            *[self._report] * 3,
            *[self._hold_back] * 2,
            *[self._send_late] * 2,
            self._tap_missing_gate,
            self._contradict,
            self._repeat,
            self._measure,
            self._change_mode,
        )
        for _ in range(STEPS):
            self.at_ms += self._draw.choice([5_000, 40_000, 3 * MINUTE_MS, 14 * MINUTE_MS])
            yield self._draw.choice(steps)()
        for _ in range(len(self._held_back)):
            yield self._send_late()

    def _make_tap(self) -> Tap:
        gate_id, way = self._draw.choice(PLACES)
        token = make_token(f"rider {self._draw.randrange(5)}")
        at_ms = self.at_ms + self._draw.choice([0, 0, -20_000, 60_000])
        report = None
        if self._draw.random() < 0.3:
            taken = self._draw.choice([0, 200, 400, 9_000])
            report = Report(self._draw.random() < 0.8, taken, self._draw.choice([None, True]))
        number = len(self._sent) + len(self._held_back)
        return Tap(f"{gate_id}.{number:04}", gate_id, int(way), "qr", token, at_ms, report)

    def _send(self, *taps: Tap) -> object:
        findings: dict[int, Any] = {}
        if self._draw.random() < 0.3:
            findings[0] = CodeId(f"61a1c3c0.metro.{self._draw.randrange(9):016x}")
        submission = Submission(taps, self.at_ms, _ignore, findings, SENDER)
        self._run(submission)
        return submission.results

    def _run(self, submission: Submission | ReportSubmission) -> None:
        engine = self._turn.choice(self._engines)
        engine.offer(submission)
        engine.run_batch(self.at_ms)

    def _tap(self) -> object:
        made = [self._make_tap()]
        self._sent += made
        return self._send(*made)

    def _hold_back(self) -> object:
        self._held_back.append(self._make_tap())
        return None

    def _send_late(self) -> object:
        if not self._held_back:
            return None
        tap = self._held_back.pop(self._draw.randrange(len(self._held_back)))
        self._sent.append(tap)
        return self._send(tap)

    def _tap_missing_gate(self) -> object:
        made = self._make_tap()
        tap_id = f"{MISSING}.{made.tap_id[-4:]}"
        tap = made.replace(tap_id=tap_id, gate_id=MISSING, report=Report(True, 0))
        self._sent.append(tap)
        return self._send(tap)

    def _repeat(self) -> object:
        return self._send(self._draw.choice(self._sent)) if self._sent else None

    def _contradict(self) -> object:
        if not self._sent:
            return None
        first = self._draw.choice(self._sent)
        return self._send(first.replace(occurred_at_ms=first.occurred_at_ms + 1))

    def _report(self) -> object:
        if not self._sent:
            return None
        passed = self._draw.choice([None, True, False, False])
        report = Report(True, self._draw.choice([0, 200]), passed, "闸机 jammed")
        tap = self._draw.choice(self._sent[-8:])
        submission = ReportSubmission(tap.tap_id, report, self.at_ms, _ignore, SENDER)
        self._run(submission)
        return submission.results

    def _measure(self) -> object:
        gate_id = self._draw.choice(["FHY-C-02", "CXL-A-01"])
        skew_ms = self._draw.choice([0, 90_000, -10 * MINUTE_MS])
        number = self._metro.catalogue.gates[gate_id].number
        self._metro.change(
            lambda connection: record_skews(connection, {number: skew_ms}, self.at_ms)
        )
        if skew_ms:
            self._metro.suspect_gates.add(gate_id)
        return None

    def _change_mode(self) -> object:
        catalogue, at_ms = self._metro.catalogue, self.at_ms
        mode = self._draw.choice([Mode.EMERGENCY, Mode.TIME_FREE])
        if catalogue.find_modes("CXL", at_ms):
            ended, _ = self._metro.change(
                lambda connection: end_mode(
                    connection, catalogue, "CXL", mode, at_ms, "clear", "test", at_ms
                )
            )
            self._use(ended)
        else:
            draft = DegradedMode("CXL", mode, at_ms, "烟 smoke")
            self._use(
                self._metro.change(
                    lambda connection: start_mode(connection, catalogue, draft, "test", at_ms)
                )
            )
        return None

    def _use(self, catalogue: Any) -> None:
        self._metro.use(catalogue)
        for engine in self._engines:
            engine.use(self._metro.published)

    def settle(self) -> Iterator[object]:
        """What settlement comes to before and after a gate is registered, and a review."""
        days = (THE_DAY, THE_DAY + timedelta(days=1))
        now_ms = NOON_MS + 3 * 24 * 60 * MINUTE_MS
        yield from self._settle(days, now_ms)
        gate = Gate(MISSING, "CXL", frozenset(Direction))
        catalogue = self._metro.catalogue
        self._use(
            self._metro.change(
                lambda connection: put_gate(connection, catalogue, gate, "test", now_ms)
            )
        )
        yield from self._settle(days, now_ms)
        yield from self._settle(days, now_ms)

    def _settle(self, days: tuple[date, ...], now_ms: int) -> Iterator[object]:
        for day in days:
            outcome = settle_day(self._metro, day, now_ms)
            yield replace(outcome, issues=[])
            yield from sorted(outcome.issues, key=lambda one: (one.tap_id, one.adjustment.due.kind))

    def review(self) -> Iterator[object]:
        """A person releases what is held, in the order of the taps."""

        def change(connection: Connection) -> list[object]:
            held = list_adjustments_in_state(connection, State.HELD, 0, 100)
            numbers = [one.adjustment for one in sorted(held, key=lambda one: one.tap_id)]
            return [
                review_adjustment(connection, number, State.RELEASED, "right", "test", NOON_MS)
                for number in numbers
            ]

        yield from self._metro.change(change)


def _ignore(_results: object) -> None:
    pass


def list_everything(metro: Metro) -> Iterator[object]:
    """All that can be asked of a ledger beside the taps."""
    catalogue, where = metro.catalogue, metro.ledger.where
    tap_ids = sorted(tap_id for (tap_id,) in metro.read_rows("SELECT tap_id FROM taps"))
    database = open_database(metro.address)
    for tap_id in tap_ids:
        with reading(database) as connection:
            yield find_place(connection, catalogue, where, tap_id)
        with reading(database) as connection:
            yield find_explanation(connection, catalogue, where, tap_id)
    with reading(database) as connection:
        for state in (None, *State):
            found = list_adjustments_in_state(connection, state, 0, 1_000)
            yield from sorted(describe(one, {}) for one in found)
        yield list_settlements(connection, None, 100)
        yield len(list_adjustments(connection, 1, 0, 1_000))
        yield list_quarantine(connection, where, 0, 1_000)
        for gate_ids in (None, ["FHY-C-02"], [MISSING]):
            for span in (Span(), Span(NOON_MS, NOON_MS + 60 * MINUTE_MS)):
                yield list_conflicts(connection, catalogue, gate_ids, span, None, 1_000)
                yield count_left_out(connection, span)
        yield [one._replace(subject="") for one in list_audit(connection, None, 1_000)]
    database.dispose()


def describe(value: object, tap_ids: Mapping[int, str]) -> str:
    """A value as text, with tap_ids for rows."""
    return json.dumps(_simplify(value, tap_ids), ensure_ascii=False, default=str)


def _simplify(value: Any, tap_ids: Mapping[int, str]) -> object:
    if isinstance(value, Terms):
        policy_version = None if value.policy is None else value.policy.version
        return [value.tariff.version, policy_version, value.suspended, value.modes]
    if isinstance(value, Exception):
        return [type(value).__name__, str(value)]
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, Enum):
        return str(value)
    if isinstance(value, list | set | frozenset) or type(value) is tuple:
        return [_simplify(one, tap_ids) for one in value]
    names = _list_fields(value)
    if names is None:
        return value
    return {
        name: _simplify(
            tap_ids.get(found, found) if name in ("row", "entry_row") else found, tap_ids
        )
        for name in names
        if name != "adjustment" and (found := getattr(value, name)) is not None
    }


def _list_fields(value: Any) -> list[str] | None:
    if isinstance(value, msgspec.Struct):
        return list(value.__struct_fields__)
    if is_dataclass(value):
        return [field.name for field in fields(value) if field.compare]
    return list(value._fields) if hasattr(value, "_fields") else None


def list_all_said(metro: Metro, seed: int, others: list[Engine]) -> list[str]:
    """All that a metro says of a seed's story, each thing as text."""
    story = Story(metro, [metro.engine, *others], seed)
    said = [*story.play(), *story.settle(), *story.review(), *list_everything(metro)]
    rows = metro.read_rows('SELECT "row", tap_id FROM taps')
    return [describe(one, dict(rows)) for one in said]


@pytest.mark.parametrize(("seed", "workers"), [(0, 1), (1, 2), (2, 2)])
def test_both_ledgers_say_the_same(
    tmp_path: Path, small_database: str, seed: int, workers: int
) -> None:
    embedded, shared = open_metro(tmp_path), open_metro(small_database)
    ledgers = [shared.open_ledger() for _ in range(workers - 1)]
    try:
        expected = list_all_said(embedded, seed, [])
        found = list_all_said(shared, seed, [shared.make_engine(ledger) for ledger in ledgers])
        assert found == expected
    finally:
        for ledger in (embedded.ledger, shared.ledger, *ledgers):
            ledger.close()
