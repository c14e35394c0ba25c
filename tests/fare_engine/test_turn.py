"""What is next for an engine, step by step: what may run beside a commit, and what falls with it.

The ledger is a real one in a file; one that never loses a commit is made to lose those it should.
"""

from dataclasses import replace

import pytest

from fare_engine.batch import Batch, Result, Submission
from fare_engine.decision import Reason
from fare_engine.engine import Engine
from fare_engine.errors import LedgerError, LedgerUnavailable, Outdated, Overtaken
from fare_engine.states.memory import MemoryStates
from fare_engine.tap import Report, Tap
from fare_engine.turn import Commit, Load, Reload, Turn, Work
from fare_engine.verdict import Verdict
from tests.fare_engine.losing_ledger import LosingLedger
from tests.fare_engine.small_metro import MINUTE_MS, NOON_MS, PILOT, SmallMetro

NOW_MS = NOON_MS + 60 * MINUTE_MS
UNKNOWN = LedgerUnavailable("the connection broke")


class Shell:
    """Drives a turn by hand. `answers` are all that were given, in order."""

    def __init__(self, metro: SmallMetro) -> None:
        self.metro = metro
        self.ledger = LosingLedger.reopen(metro.ledger)
        metro.open_over(self.ledger)
        self.engine = metro.engine
        self.turn = Turn(self.engine, ahead_taps_min=1)
        self.answers: list[list[Result]] = []

    def offer(self, *taps: Tap) -> Submission:
        submission = Submission(taps, NOW_MS, self.answers.append)
        self.engine.offer(submission)
        return submission

    def find_load(self) -> Batch:
        work = self.turn.find_work()
        assert isinstance(work, Load), work
        return work.batch

    def find_commit(self) -> Batch:
        work = self.turn.find_work()
        assert isinstance(work, Commit), work
        return work.batch

    def load(self, batch: Batch) -> None:
        """Load a batch and decide it; or the load fails, if the ledger is to lose it."""
        try:
            loaded = self.engine.load(batch)
        except LedgerError as error:
            self.turn.failed(Load(batch), error)
        else:
            self.turn.loaded(batch, loaded, NOW_MS)

    def commit(self, batch: Batch) -> None:
        """Commit a batch; or the commit fails, if the ledger is to lose it."""
        try:
            self.engine.commit(batch)
        except LedgerError as error:
            self.turn.failed(Commit(batch), error)
        else:
            self.turn.committed(batch)

    def run(self) -> list[type[Work]]:
        """Do all there is to do; what it was."""
        done: list[type[Work]] = []
        while (work := self.turn.find_work()) is not None:
            done.append(type(work))
            if isinstance(work, Load):
                self.load(work.batch)
            elif isinstance(work, Commit):
                self.commit(work.batch)
            else:
                self.turn.use(self.metro.published)
        return done

    def list_reasons(self) -> list[Reason | type[LedgerError]]:
        """What was answered, answer by answer."""
        return [get_reason(result) for results in self.answers for result in results]


def get_reason(result: Result) -> Reason | type[LedgerError]:
    if isinstance(result, Verdict):
        return result.decision.reason
    assert isinstance(result, LedgerError), result
    return type(result)


def list_taps(batch: Batch) -> list[Tap]:
    return [tap for one in batch.submissions if isinstance(one, Submission) for tap in one.taps]


@pytest.fixture
def shell(metro: SmallMetro) -> Shell:
    return Shell(metro)


def take_both(shell: Shell, first: Tap, second: Tap) -> tuple[Batch, Batch]:
    """One batch whose commit has begun, and one that was decided ahead of its end."""
    shell.offer(first)
    shell.load(shell.find_load())
    committing = shell.find_commit()
    shell.offer(second)
    ahead = shell.find_load()
    shell.load(ahead)
    return committing, ahead


def enter_and_leave(shell: Shell) -> tuple[Batch, Batch]:
    """An entry that is being committed, and its exit decided ahead."""
    metro = shell.metro
    return take_both(shell, metro.tap("FHY-A-01", "entry"), metro.tap("FHY-C-02", "exit", 3))


def test_one_batch_is_decided_while_one_is_committed_and_stands_on_it(shell: Shell) -> None:
    entry, leaving = enter_and_leave(shell)
    assert shell.turn.find_work() is None, "one commit at a time"
    shell.commit(entry)
    assert shell.find_commit() is leaving
    shell.commit(leaving)
    assert shell.turn.is_idle
    assert shell.list_reasons() == [Reason.ENTRY_OPENED, Reason.SAME_STATION_WITHIN_WINDOW]


def test_no_work_is_handed_out_twice(shell: Shell) -> None:
    shell.offer(shell.metro.tap("FHY-A-01", "entry"))
    loading = shell.find_load()
    assert shell.turn.find_work() is None
    shell.load(loading)
    committing = shell.find_commit()
    assert shell.turn.find_work() is None
    shell.commit(committing)
    assert shell.turn.find_work() is None
    assert shell.turn.is_idle
    assert len(shell.answers) == 1


def test_few_taps_wait_for_the_commit_to_end_and_share_the_next(metro: SmallMetro) -> None:
    shell = Shell(metro)
    shell.turn = Turn(shell.engine, ahead_taps_min=2)
    shell.offer(metro.tap("FHY-A-01", "entry"))
    shell.load(shell.find_load())
    committing = shell.find_commit()
    shell.offer(metro.tap("FHY-C-02", "exit", 3))
    assert shell.turn.find_work() is None
    shell.offer(metro.tap("FHY-A-01", "entry", 4, token="berta"))
    assert shell.find_load().size == 2
    shell.commit(committing)


def test_what_was_decided_ahead_falls_with_a_commit_in_doubt(shell: Shell) -> None:
    entry, leaving = enter_and_leave(shell)
    shell.offer(shell.metro.tap("FHY-A-01", "entry", 5, token="berta"))
    shell.ledger.lost_commits.append(UNKNOWN)
    shell.commit(entry)
    assert shell.list_reasons() == [LedgerUnavailable] * 3, "that which waited as well"
    assert shell.turn.find_work() is None
    assert shell.turn.is_idle
    assert shell.metro.count("taps") == 0

    shell.offer(*list_taps(entry), *list_taps(leaving))
    assert shell.run() == [Load, Commit]
    assert shell.list_reasons()[3:] == [Reason.ENTRY_OPENED, Reason.SAME_STATION_WITHIN_WINDOW]


def test_what_was_decided_ahead_of_a_batch_that_is_overtaken_waits_again_in_its_order(
    shell: Shell,
) -> None:
    """Another engine lets anna out first: then her exit here is a repeated one."""
    metro = shell.metro
    entry, leaving = metro.tap("FHY-A-01", "entry"), metro.tap("FHY-C-02", "exit", 3)
    shell.offer(entry)
    shell.run()
    first, ahead = take_both(shell, leaving, metro.tap("FHY-A-01", "entry", 5))
    shell.offer(metro.tap("FHY-C-02", "exit", 8))
    other = Engine(shell.ledger, MemoryStates(), metro.published)
    other.process([metro.tap("FHY-B-03", "exit", 2.5)], NOW_MS)
    shell.ledger.lost_commits.append(Overtaken("the chain has moved"))
    shell.commit(first)
    assert len(shell.answers) == 1, "nobody notices"
    assert shell.find_load() is first
    shell.load(ahead)  # its load ends only now
    assert shell.turn.find_work() is None
    shell.load(first)
    assert shell.run() == [Commit, Load, Commit]
    assert shell.list_reasons() == [
        Reason.ENTRY_OPENED,
        Reason.EXIT_REPEATED,
        Reason.ENTRY_OPENED,
        Reason.SAME_STATION_WITHIN_WINDOW,
    ]
    assert metro.count("taps") == 5


def test_a_batch_that_loses_again_and_again_is_answered_once(shell: Shell) -> None:
    shell.offer(shell.metro.tap("FHY-A-01", "entry"))
    shell.ledger.lost_commits += [Overtaken("the chain has moved")] * 3
    assert shell.run() == [Load, Commit] * 4
    assert shell.list_reasons() == [Reason.ENTRY_OPENED]


def test_after_a_load_that_fails_beside_a_commit_nothing_begins_before_the_commit_ends(
    shell: Shell,
) -> None:
    metro = shell.metro
    shell.offer(metro.tap("FHY-A-01", "entry"))
    shell.load(shell.find_load())
    entry = shell.find_commit()
    shell.offer(metro.tap("FHY-C-02", "exit", 3))
    shell.ledger.lost_loads.append(UNKNOWN)
    shell.load(shell.find_load())
    assert shell.list_reasons() == [LedgerUnavailable] * 2
    shell.offer(metro.tap("FHY-C-02", "exit", 4))
    assert shell.turn.find_work() is None, "the ledger must be recovered, and it is committing"
    shell.commit(entry)
    assert shell.engine.must_recover
    assert shell.run() == [Load, Commit]
    assert shell.list_reasons()[2:] == [Reason.SAME_STATION_WITHIN_WINDOW], "the entry is stored"


@pytest.mark.parametrize("error", [UNKNOWN, Overtaken("moved"), Outdated("published")])
def test_a_commit_that_was_given_up_and_fails_then_answers_nobody_twice(
    shell: Shell, error: LedgerError
) -> None:
    metro = shell.metro
    entry = metro.tap("FHY-A-01", "entry")
    shell.offer(entry)
    shell.load(shell.find_load())
    given_up = shell.find_commit()
    shell.offer(metro.tap("FHY-C-02", "exit", 3))
    shell.ledger.lost_loads.append(UNKNOWN)
    shell.load(shell.find_load())
    shell.offer(entry)
    shell.ledger.lost_commits.append(error)
    shell.commit(given_up)
    assert shell.list_reasons() == [LedgerUnavailable] * 2
    assert shell.run() == [Load, Commit]
    assert shell.list_reasons() == [LedgerUnavailable, LedgerUnavailable, Reason.ENTRY_OPENED]


@pytest.mark.parametrize("error", [None, UNKNOWN])
def test_a_load_that_was_given_up_is_ignored_when_it_ends(
    shell: Shell, error: LedgerError | None
) -> None:
    metro = shell.metro
    shell.offer(metro.tap("FHY-A-01", "entry"))
    shell.load(shell.find_load())
    entry = shell.find_commit()
    shell.offer(metro.tap("FHY-C-02", "exit", 3))
    loading = shell.find_load()
    shell.ledger.lost_commits.append(UNKNOWN)
    shell.commit(entry)
    assert shell.list_reasons() == [LedgerUnavailable] * 2
    shell.offer(metro.tap("FHY-A-01", "entry", 4))
    shell.ledger.lost_loads += [error] if error else []
    shell.load(loading)
    assert shell.run() == [Load, Commit]
    assert shell.list_reasons()[2:] == [Reason.ENTRY_OPENED], "what came since has no part in it"


def test_what_was_published_elsewhere_is_read_before_anything_is_decided(shell: Shell) -> None:
    """The crossing lane's window is shorter now: the exit is decided by it."""
    metro = shell.metro
    entry, _ = enter_and_leave(shell)
    shell.ledger.lost_commits.append(Outdated("there is a newer version"))
    shell.commit(entry)
    assert shell.turn.find_work() == Reload()
    assert shell.turn.find_work() is None, "asked for once"
    shorter = replace(PILOT, version=2, window_ms=60_000)
    metro.catalogue = replace(metro.catalogue, policies={"FHY": (PILOT, shorter)}, terms={})
    shell.turn.use(metro.published)
    assert shell.run() == [Load, Commit, Load, Commit]
    assert shell.list_reasons() == [Reason.ENTRY_OPENED, Reason.WINDOW_EXCEEDED]


def test_a_reload_that_fails_is_asked_for_again(shell: Shell) -> None:
    shell.offer(shell.metro.tap("FHY-A-01", "entry"))
    shell.ledger.lost_commits.append(Outdated("there is a newer version"))
    shell.load(shell.find_load())
    shell.commit(shell.find_commit())
    for _ in range(3):
        assert shell.turn.find_work() == Reload()
        assert shell.turn.find_work() is None
        shell.turn.failed(Reload(), UNKNOWN)
    assert shell.answers == []
    assert shell.run() == [Reload, Load, Commit]
    assert shell.list_reasons() == [Reason.ENTRY_OPENED]


def test_no_tap_is_loaded_or_committed_beside_maintenance(shell: Shell) -> None:
    shell.turn.is_maintaining = True
    shell.offer(shell.metro.tap("FHY-A-01", "entry"))
    assert shell.turn.is_committing
    assert shell.turn.find_work() is None
    shell.turn.is_maintaining = False
    assert shell.run() == [Load, Commit]


def test_the_same_tap_again_is_answered_only_once_its_original_is_durable(shell: Shell) -> None:
    tap = shell.metro.tap("FHY-A-01", "entry")
    original, again = take_both(shell, tap, tap)
    assert shell.answers == []
    shell.commit(original)
    assert len(shell.answers) == 1
    shell.commit(shell.find_commit())
    (first,), (second,) = shell.answers
    assert isinstance(first, Verdict)
    assert second == first.replace(replayed=True)
    assert again.is_empty()


def test_the_same_tap_again_gets_no_answer_where_its_original_failed(shell: Shell) -> None:
    tap = shell.metro.tap("FHY-A-01", "entry")
    original, _ = take_both(shell, tap, tap)
    shell.ledger.lost_commits.append(UNKNOWN)
    shell.commit(original)
    assert shell.list_reasons() == [LedgerUnavailable] * 2


def test_a_report_decided_ahead_finds_the_tap_that_is_being_committed(shell: Shell) -> None:
    metro = shell.metro
    tap = metro.tap("FHY-A-01", "entry")
    void = tap.replace(report=Report(gate_opened=True, fare_taken=0, passed=False))
    entry, reported = take_both(shell, tap, void)
    shell.commit(entry)
    assert shell.find_commit() is reported
    shell.commit(reported)
    shell.offer(metro.tap("FHY-C-02", "exit", 3))
    shell.run()
    assert shell.list_reasons() == [
        Reason.ENTRY_OPENED,
        Reason.ENTRY_OPENED,
        Reason.NO_OPEN_ENTRY,
    ]


def test_taps_that_wait_for_a_commit_that_does_not_end_are_answered_and_not_lost(
    shell: Shell,
) -> None:
    first = shell.metro.tap("FHY-A-01", "entry")
    second = shell.metro.tap("FHY-A-01", "entry", 1)
    committing, _ = take_both(shell, first, second)
    shell.offer(shell.metro.tap("FHY-A-01", "entry", 2))
    shell.turn.give_up(LedgerUnavailable("it hangs"))
    assert shell.list_reasons() == [LedgerUnavailable] * 3
    assert shell.turn.is_committing, "it is under way still"
    assert shell.turn.find_work() is None
    shell.commit(committing)
    assert shell.turn.is_idle
    shell.answers.clear()
    shell.offer(first)
    shell.offer(second)
    shell.run()
    assert shell.list_reasons() == [Reason.ENTRY_OPENED, Reason.ENTRY_REPEATED]
    assert shell.metro.count("taps") == 2


def test_a_load_that_does_not_end_is_given_up_as_well(shell: Shell) -> None:
    tap = shell.metro.tap("FHY-A-01", "entry")
    shell.offer(tap)
    batch = shell.find_load()
    shell.turn.give_up(LedgerUnavailable("it hangs"))
    assert shell.list_reasons() == [LedgerUnavailable]
    shell.turn.loaded(batch, shell.engine.load(batch), NOW_MS)
    assert shell.turn.is_idle, "what was loaded too late is not decided"
    shell.offer(tap)
    shell.run()
    assert shell.list_reasons() == [LedgerUnavailable, Reason.ENTRY_OPENED]
