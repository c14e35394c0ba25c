"""Explanations read the same from every ledger, from its memory and, later, from its index."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from fare_engine.batch import ReportSubmission
from fare_engine.ledger.database import Address, open_database, reading
from fare_engine.ledger.queries.explanations import Explanation, Place, find_explanation, find_place
from fare_engine.tap import Report
from fare_engine.verdict import Verdict
from tests.fare_engine.small_metro import NOON_MS, Metro, SmallMetro, make_metro

RUN_ROWS = 64
TURNED_BACK = Report(gate_opened=True, fare_taken=0, passed=False, cause="turned back")


@pytest.fixture
def metro(place: Address) -> Iterator[Metro]:
    metro = make_metro(place)
    yield metro
    metro.ledger.close()


@pytest.fixture
def embedded(tmp_path: Path) -> Iterator[SmallMetro]:
    """The one that has an index of its own, which covers some rows soon."""
    metro = SmallMetro(tmp_path, run_rows=RUN_ROWS)
    yield metro
    metro.ledger.close()


def explain(metro: Metro, tap_id: str) -> Explanation | None:
    where = metro.ledger.where
    database = open_database(metro.address)
    try:
        with reading(database) as connection:
            place = find_place(connection, metro.catalogue, where, tap_id)
        with reading(database) as connection:
            told = find_explanation(connection, metro.catalogue, where, tap_id)
    finally:
        database.dispose()
    assert (place is None) == (told is None)
    if told is not None:
        verdict = told.verdict
        assert place == Place(verdict.tap.gate_id, verdict.station_id)
    return told


def get_explanation(metro: Metro, verdict: Verdict) -> Explanation:
    told = explain(metro, verdict.tap.tap_id)
    assert told is not None
    return told


def report(metro: Metro, verdict: Verdict, said: Report) -> None:
    submission = ReportSubmission(verdict.tap.tap_id, said, NOON_MS, lambda _: None)
    metro.engine.offer(submission)
    metro.engine.run_batch(NOON_MS)


def fill(metro: SmallMetro) -> None:
    """Others tap until the index covers all that was decided before."""
    for number in range(6 * RUN_ROWS):
        metro.enter(token=f"other {number}")
        if (run := metro.ledger.index.compaction.run) is not None:
            run.wait_until_sorted()


def test_the_index_changes_nothing_that_is_told(embedded: SmallMetro) -> None:
    metro = embedded
    entry, exit_ = metro.enter(0), metro.leave(3)
    first = [get_explanation(metro, entry), get_explanation(metro, exit_)]
    assert metro.ledger.index.find_recent_row(entry.tap.tap_id) is not None
    fill(metro)
    assert metro.ledger.index.find_recent_row(entry.tap.tap_id) is None, "the index has them now"
    assert [get_explanation(metro, entry), get_explanation(metro, exit_)] == first
    metro.restart()
    assert [get_explanation(metro, entry), get_explanation(metro, exit_)] == first


def test_an_entry_and_its_exit_name_each_other(metro: Metro) -> None:
    entry, exit_ = metro.enter(0), metro.leave(3)
    told = get_explanation(metro, entry)
    assert told.closed_by is not None
    assert told.closed_by.tap.tap_id == exit_.tap.tap_id
    told = get_explanation(metro, exit_)
    assert told.entry is not None
    assert told.entry.tap.tap_id == entry.tap.tap_id
    assert told.verdict == exit_


def test_an_exit_that_comes_long_after_its_entry_was_indexed(embedded: SmallMetro) -> None:
    metro = embedded
    entry = metro.enter(0)
    fill(metro)
    exit_ = metro.leave(3)
    told = get_explanation(metro, entry)
    assert told.closed_by is not None
    assert told.closed_by.tap.tap_id == exit_.tap.tap_id


def test_waivers_before_are_counted_on_the_day_of_the_entry(metro: Metro) -> None:
    for number in range(3):
        metro.enter(10 * number)
        exit_ = metro.leave(10 * number + 2)
        assert get_explanation(metro, exit_).waived_before == number


def test_an_exit_at_which_nobody_passed_closes_nothing(metro: Metro) -> None:
    entry, exit_ = metro.enter(0), metro.leave(3)
    report(metro, exit_, TURNED_BACK)
    check_closing(metro, entry, exit_)


def test_nor_does_it_once_it_is_indexed(embedded: SmallMetro) -> None:
    entry, exit_ = embedded.enter(0), embedded.leave(3)
    report(embedded, exit_, TURNED_BACK)
    fill(embedded)
    check_closing(embedded, entry, exit_)


def check_closing(metro: Metro, entry: Verdict, exit_: Verdict) -> None:
    """The exit that was taken back closes nothing, and the next one does."""
    assert get_explanation(metro, entry).closed_by is None
    told = get_explanation(metro, exit_)
    assert told.report is not None
    assert told.report.reversed
    again = metro.leave(4)
    closed_by = get_explanation(metro, entry).closed_by
    assert closed_by is not None
    assert closed_by.tap.tap_id == again.tap.tap_id


def test_a_tap_in_quarantine_says_why(metro: Metro) -> None:
    alone = Report(gate_opened=True, fare_taken=0)
    verdict = metro.decide(metro.tap("GONE", "entry", report=alone))
    told = get_explanation(metro, verdict)
    assert told.verdict.station_id is None
    assert told.detail is not None
    assert "GONE" in told.detail
    assert told.report is not None


def test_a_tap_that_is_not_there(metro: Metro) -> None:
    assert explain(metro, "nobody") is None
