"""Commits that fail, acknowledgements that are lost, limits that are reached."""

import sqlite3
from pathlib import Path

import pytest

from fare_engine.batch import Submission
from fare_engine.decision import Reason
from fare_engine.engine import Engine
from fare_engine.errors import LedgerUnavailable, Overloaded
from fare_engine.ledger.sqlite.ledger import SqliteLedger
from fare_engine.ports import Changes
from fare_engine.states.memory import MemoryStates
from fare_engine.tap import Tap
from fare_engine.verdict import Verdict
from tests.fare_engine.small_metro import MINUTE_MS, NOON_MS, SmallMetro, decide_batch


class Disturber:
    """Another process that keeps the ledger's file locked."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None)

    def lock(self) -> None:
        self._connection.execute("BEGIN IMMEDIATE")

    def release(self) -> None:
        self._connection.execute("ROLLBACK")


@pytest.fixture
def impatient(metro: SmallMetro) -> SmallMetro:
    """The small metro with a ledger that waits for nobody."""
    metro.ledger.close()
    metro.open_over(SqliteLedger(metro.path, metro.published, busy_timeout_s=0.0))
    return metro


def test_when_the_commit_fails_everyone_who_waits_hears_it_and_nothing_is_applied(
    impatient: SmallMetro,
) -> None:
    metro = impatient
    metro.enter(0)
    disturber = Disturber(metro.path)
    disturber.lock()
    taken = Submission(
        [metro.tap("FHY-C-02", "exit", 3), metro.tap("FHY-A-01", "entry", 3, token="berta")],
        NOON_MS,
        lambda _: None,
    )
    metro.engine.offer(taken)
    batch = decide_batch(metro.engine, NOON_MS)
    assert batch is not None
    waiting = Submission([metro.tap("FHY-C-02", "exit", 4)], NOON_MS, lambda _: None)
    metro.engine.offer(waiting)
    with pytest.raises(LedgerUnavailable) as failure:
        metro.engine.commit(batch)
    metro.engine.failed(batch, failure.value)
    assert taken.results == [failure.value] * 2
    assert waiting.results == [failure.value]
    assert metro.engine.pending_taps == 0

    disturber.release()
    again = metro.engine.process(taken.taps, NOON_MS + 60 * MINUTE_MS)
    assert [_reason(result) for result in again] == [
        Reason.SAME_STATION_WITHIN_WINDOW,
        Reason.ENTRY_OPENED,
    ]
    assert not any(result.replayed for result in again if isinstance(result, Verdict))


def test_a_tap_alone_in_its_batch_fails_as_clearly(impatient: SmallMetro) -> None:
    metro = impatient
    disturber = Disturber(metro.path)
    disturber.lock()
    tap = metro.tap("FHY-A-01", "entry", 0)
    (result,) = metro.decide_all(tap)
    assert isinstance(result, LedgerUnavailable)
    disturber.release()
    assert not metro.decide(tap).replayed


class ForgetfulLedger(SqliteLedger):
    """A real ledger whose acknowledgement is lost: it commits, and says that it does not know."""

    loses = True

    def commit(self, changes: Changes) -> None:
        super().commit(changes)
        if self.loses:
            raise LedgerUnavailable("the line broke after the commit")


def test_an_acknowledgement_lost_after_the_commit_changes_no_decision(
    metro: SmallMetro,
) -> None:
    metro.ledger.close()
    forgetful = ForgetfulLedger(metro.path, metro.published)
    metro.open_over(forgetful)
    entry = metro.tap("FHY-A-01", "entry", 0)
    exit_tap = metro.tap("FHY-C-02", "exit", 3)
    results = metro.decide_all(entry, exit_tap)
    assert all(isinstance(result, LedgerUnavailable) for result in results)

    forgetful.loses = False
    other_exit = metro.leave(5)
    assert other_exit.decision.reason is Reason.NO_OPEN_ENTRY
    again = metro.decide_all(entry, exit_tap)
    assert [_reason(result) for result in again] == [
        Reason.ENTRY_OPENED,
        Reason.SAME_STATION_WITHIN_WINDOW,
    ]
    assert all(isinstance(result, Verdict) and result.replayed for result in again)
    assert metro.count("taps") == 3


def test_a_ledger_that_cannot_be_read_fails_the_batch_and_recovers(metro: SmallMetro) -> None:
    metro.enter(0)
    metro.restart()
    connection = metro.ledger._writer
    exit_tap = metro.tap("FHY-C-02", "exit", 3)
    connection.execute("ALTER TABLE taps RENAME TO taps_away")
    (result,) = metro.decide_all(exit_tap)
    assert isinstance(result, LedgerUnavailable)
    connection.execute("ALTER TABLE taps_away RENAME TO taps")
    assert metro.decide(exit_tap).decision.reason is Reason.SAME_STATION_WITHIN_WINDOW


def test_more_taps_than_may_wait_are_turned_away_and_the_others_kept(metro: SmallMetro) -> None:
    engine = Engine(metro.ledger, MemoryStates(), metro.published, pending_taps_max=2)
    first = _submission(metro.tap("FHY-A-01", "entry", 0), metro.tap("FHY-C-02", "exit", 1))
    engine.offer(first)
    with pytest.raises(Overloaded):
        engine.offer(_submission(metro.tap("FHY-A-01", "entry", 2)))
    engine.run_batch(NOON_MS)
    assert [_reason(result) for result in first.results] == [
        Reason.ENTRY_OPENED,
        Reason.SAME_STATION_WITHIN_WINDOW,
    ]
    engine.offer(_submission(metro.tap("FHY-A-01", "entry", 2)))


def test_a_batch_takes_whole_submissions_up_to_its_limit(metro: SmallMetro) -> None:
    engine = Engine(metro.ledger, MemoryStates(), metro.published, batch_taps_max=3)
    submissions = [
        _submission(*[metro.tap("FHY-A-01", "entry", place) for _ in range(2)])
        for place in range(3)
    ]
    for submission in submissions:
        engine.offer(submission)
    done = []
    while engine.run_batch(NOON_MS):
        done.append(sum(bool(submission.results) for submission in submissions))
    assert done == [1, 2, 3]


def _submission(*taps: Tap) -> Submission:
    return Submission(taps, NOON_MS, lambda _: None)


def _reason(result: object) -> Reason:
    assert isinstance(result, Verdict), result
    return result.decision.reason
