"""The same tap again, another one under its id, and taps that cannot be decided."""

from dataclasses import replace
from typing import Any

import pytest

from fare_engine.batch import ReportSubmission
from fare_engine.decision import Outcome, Reason
from fare_engine.errors import (
    ClockAhead,
    DirectionNotAllowed,
    FareEngineError,
    NoTariffInForce,
    NotFound,
    TapConflict,
    UnknownGate,
)
from fare_engine.network import Direction
from fare_engine.tap import Report, Tap
from fare_engine.verdict import Verdict
from tests.fare_engine.small_metro import MINUTE_MS, NOON_MS, SmallMetro


def test_the_same_tap_again_is_answered_with_the_first_decision(metro: SmallMetro) -> None:
    tap = metro.tap("FHY-A-01", "entry")
    first = metro.decide(tap)
    again = metro.decide(tap)
    assert again == first.replace(replayed=True)
    assert again.decision.reason is Reason.ENTRY_OPENED


@pytest.mark.parametrize("restarts", [False, True])
def test_every_decision_is_answered_again_whatever_came_after_it(
    metro: SmallMetro, restarts: bool
) -> None:
    taps = [
        metro.tap("FHY-A-01", "entry", 0),
        metro.tap("FHY-A-01", "entry", 1),
        metro.tap("FHY-C-02", "exit", 5),
        metro.tap("FHY-C-02", "exit", 5.5),
        metro.tap("FHY-C-02", "exit", 5.7),
        metro.tap("FHY-A-01", "entry", 3),
        metro.tap("FHY-B-03", "entry", 10),
        metro.tap("CXL-A-01", "entry", 20),
        metro.tap("FHY-C-02", "exit", 50),
    ]
    firsts = [metro.decide(tap) for tap in taps]
    assert {first.decision.reason for first in firsts} >= {
        Reason.ENTRY_OPENED,
        Reason.ENTRY_REPEATED,
        Reason.ENTRY_SUPERSEDED,
        Reason.SAME_STATION_WITHIN_WINDOW,
        Reason.EXIT_REPEATED,
        Reason.NO_OPEN_ENTRY,
        Reason.ARRIVED_OUT_OF_ORDER,
        Reason.DIFFERENT_STATION,
    }
    if restarts:
        metro.restart()
    assert metro.decide_all(*taps) == [first.replace(replayed=True) for first in firsts]


def test_the_same_tap_twice_in_one_batch_is_decided_once(metro: SmallMetro) -> None:
    tap = metro.tap("FHY-A-01", "entry")
    first, again = metro.decide_all(tap, tap)
    assert isinstance(first, Verdict)
    assert again == first.replace(replayed=True)
    assert metro.count("taps") == 1


@pytest.mark.parametrize("same_batch", [False, True])
@pytest.mark.parametrize(
    "other",
    [
        {"gate_id": "FHY-B-03"},
        {"gate_id": "nowhere"},
        {"direction": int(Direction.EXIT)},
        {"medium_type": "qr"},
        {"token": b"berta".ljust(16, b"\0")},
        {"occurred_at_ms": NOON_MS + 1},
        {"occurred_at_ms": NOON_MS + 600 * MINUTE_MS},
    ],
    ids=str,
)
def test_another_tap_under_a_known_id_is_a_conflict_before_any_other_check(
    metro: SmallMetro, other: dict[str, Any], same_batch: bool
) -> None:
    tap = metro.tap("FHY-A-01", "entry")
    changed = tap.replace(**other)
    if same_batch:
        first, conflict = metro.decide_all(tap, changed)
        assert isinstance(first, Verdict)
    else:
        metro.decide(tap)
        (conflict,) = metro.decide_all(changed)
    assert isinstance(conflict, TapConflict)
    assert metro.count("conflicts") == 1
    assert metro.decide(tap).replayed


def test_a_gate_that_repeats_one_conflict_does_not_fill_the_disk(metro: SmallMetro) -> None:
    tap = metro.tap("FHY-A-01", "entry")
    metro.decide(tap)
    changed = tap.replace(occurred_at_ms=NOON_MS + 1)
    results = metro.decide_all(*[changed] * 50)
    assert all(isinstance(result, TapConflict) for result in results)
    assert metro.count("conflicts") == 16


def _bad_taps(metro: SmallMetro) -> list[tuple[Tap, type[FareEngineError], str]]:
    ahead = metro.tap("FHY-A-01", "entry", 60 + 5)
    return [
        (metro.tap("nowhere", "entry"), UnknownGate, "unknown-gate"),
        (metro.tap("FHY-A-01", "exit"), DirectionNotAllowed, "direction-not-allowed"),
        (
            ahead.replace(occurred_at_ms=ahead.occurred_at_ms + 1),
            ClockAhead,
            "clock-ahead",
        ),
        (
            metro.tap("FHY-A-01", "entry").replace(occurred_at_ms=-1),
            NoTariffInForce,
            "no-tariff-in-force",
        ),
    ]


def test_a_tap_that_cannot_be_decided_fails_alone_and_leaves_nothing(metro: SmallMetro) -> None:
    good = metro.tap("FHY-A-01", "entry")
    bad = _bad_taps(metro)
    exit_tap = metro.tap("FHY-C-02", "exit", 3)
    first, *errors, last = metro.decide_all(good, *[tap for tap, _, _ in bad], exit_tap)
    assert [type(error) for error in errors] == [error_type for _, error_type, _ in bad]
    assert isinstance(first, Verdict)
    assert isinstance(last, Verdict)
    assert last.decision.reason is Reason.SAME_STATION_WITHIN_WINDOW
    assert metro.count("taps") == 2


def test_a_clock_exactly_five_minutes_ahead_is_taken(metro: SmallMetro) -> None:
    verdict = metro.decide(metro.tap("FHY-A-01", "entry", 60 + 5))
    assert verdict.decision.reason is Reason.ENTRY_OPENED


def test_a_gate_that_decided_alone_is_never_told_to_send_again(metro: SmallMetro) -> None:
    report = Report(gate_opened=True, fare_taken=0)
    for tap, _, code in _bad_taps(metro):
        verdict = metro.decide(tap.replace(report=report))
        assert (verdict.decision.reason.outcome, verdict.problem) == (Outcome.RECORDED, code)
        assert verdict.decision.gate_opens
    assert metro.count("quarantine") == 4


@pytest.mark.parametrize("restarts", [False, True])
def test_a_tap_in_quarantine_is_answered_the_same_even_once_its_gate_is_known(
    metro: SmallMetro, restarts: bool
) -> None:
    tap = metro.tap("FHY-X-09", "entry", report=Report(True, 0))
    first = metro.decide(tap)
    gate = replace(metro.catalogue.gates["FHY-A-01"], gate_id="FHY-X-09", number=99)
    network = replace(metro.catalogue.network, gates=(*metro.catalogue.network.gates, gate))
    metro.catalogue = replace(metro.catalogue, network=network)
    if restarts:
        metro.restart()
    else:
        metro.use(metro.catalogue)
    assert metro.decide(tap) == first.replace(replayed=True)
    (conflict,) = metro.decide_all(tap.replace(gate_id="FHY-A-01"))
    assert isinstance(conflict, TapConflict)


def test_a_report_of_a_tap_that_nobody_sent_is_not_found(metro: SmallMetro) -> None:
    submission = ReportSubmission("FHY-A-01.20211124.000001", Report(True, 0), 0, lambda _: None)
    metro.engine.offer(submission)
    metro.engine.run_batch(metro.now_ms)
    assert isinstance(submission.results[0], NotFound)
