"""The plain checks of the black box: each finds what it is there for, and nothing else."""

import json
from datetime import UTC, datetime
from typing import Any

from fare_engine.decision import Reason
from simulator.blackbox.book import Book
from simulator.world.chengdu import make_metro
from simulator.world.plan import TURNED_BACK
from simulator.world.presenting import Presenter
from simulator.world.world import WorldTap

SENT_AT = datetime(2026, 11, 24, 8, 0, 0, 1_999, UTC)
TAP = WorldTap(1_740_956_400_000, 0, 2, 0, 0, 2, int(Reason.SAME_STATION_WITHIN_WINDOW), 0, 1)


def _answer(**changed: Any) -> bytes:
    return json.dumps(
        {
            "outcome": "waived",
            "reason": "same_station_within_window",
            "gate_action": "open",
            "fare": 0,
            "fare_waived": 180,
            "journey": {"entry_tap_id": "in-1"},
            "decided_at": "2026-11-24T16:00:00.001+08:00",
            **changed,
        }
    ).encode()


def _book(*taps: tuple[str, bytes], tap: WorldTap = TAP) -> Book:
    """A book in which these taps were answered; nothing was asked again yet."""
    book = Book(Presenter(make_metro()))
    for tap_id, answer in taps:
        book.bodies[tap_id] = {"tap_id": tap_id}
        book.take(tap, tap_id, answer, SENT_AT)
    return book


def test_what_is_answered_twice_alike_is_found_clean() -> None:
    book = _book(("out-1", _answer()), ("out-1", _answer()))
    book.compare_again("out-1", _answer(), replayed=True)
    book.compare_stored("out-1", json.loads(_answer(station_id="FHY")))
    book.compare_at_last("out-1", _answer())
    book.finish()
    assert book.findings.document() == {"count": 0, "by_check": {}, "examples": []}
    assert book.counts["compared"] == 4
    assert book.take_fresh() == ["out-1"]
    assert book.take_fresh() == []


def test_other_bytes_are_a_change() -> None:
    assert _book(("out-1", _answer()), ("out-1", _answer(fare=1))).findings.found == {"changed": 1}


def test_an_answer_that_is_not_marked_as_repeated_is_a_loss() -> None:
    book = _book(("out-1", _answer()))
    book.compare_again("out-1", _answer(), replayed=False)
    assert book.findings.found == {"lost": 1}


def test_a_tap_that_is_stored_otherwise_is_found_and_its_fields_are_named() -> None:
    book = _book(("out-1", _answer()))
    book.compare_stored("out-1", json.loads(_answer(fare_waived=200)))
    assert book.findings.found == {"stored": 1}
    assert "fare_waived 180, 200" in book.findings.examples[0]


def test_an_entry_that_lets_out_two_is_found() -> None:
    assert _book(("out-1", _answer()), ("out-2", _answer())).findings.found == {"consumed": 1}


def test_an_entry_may_let_out_again_whom_the_gate_reports_as_turned_back() -> None:
    book = _book(("out-1", _answer()), tap=TAP._replace(flags=TURNED_BACK))
    book.take(TAP, "out-2", _answer(), SENT_AT)
    assert not book.findings.found


def test_an_error_in_the_place_of_a_decision_is_found() -> None:
    problem = json.dumps({"tap_id": "out-1", "problem": {"status": 404}}).encode()
    assert _book(("out-1", problem)).findings.found == {"refused": 1}


def test_at_the_end_unsent_taps_wrong_answers_and_fares_that_changed_are_found() -> None:
    late = _answer(reason="window_exceeded", outcome="charged", fare=180, fare_waived=0)
    book = _book(("out-1", late))
    book.bodies["out-2"] = {"tap_id": "out-2"}
    book.finish()
    assert book.findings.found == {"unsent": 1, "intended": 1, "money": 1}


def test_a_tap_was_decided_before_it_was_resent_only_if_a_millisecond_lies_between() -> None:
    assert _book(("out-1", _answer())).counts["decided before"] == 0
    before = _answer(decided_at="2026-11-24T16:00:00.000+08:00")
    assert _book(("out-1", before)).counts["decided before"] == 1


def test_enough_taps_are_acknowledged_when_as_many_new_ones_are_answered() -> None:
    book = _book(("out-1", _answer()))
    enough = book.expect(1)
    book.take(TAP, "out-1", _answer(), SENT_AT)
    assert not enough.is_set()
    book.take(TAP, "out-2", _answer(journey={"entry_tap_id": "in-2"}), SENT_AT)
    assert enough.is_set()
