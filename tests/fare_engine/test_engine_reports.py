"""What gates did: reports beside decisions, and passages that did not happen."""

import pytest

from fare_engine.decision import Reason
from fare_engine.journey import BLANK
from fare_engine.ports import StoredReport, Wanted
from fare_engine.tap import Report, Tap
from fare_engine.verdict import Verdict
from tests.fare_engine.small_metro import NOON_MS, SmallMetro

OPENED = Report(gate_opened=True, fare_taken=0)
TURNED_BACK = Report(gate_opened=True, fare_taken=0, passed=False, cause="turned back")
STAYED_SHUT = Report(gate_opened=False, fare_taken=0)


def stored(metro: SmallMetro, tap: Tap) -> StoredReport | None:
    """The report of a tap, as the ledger has it."""
    return metro.ledger.load(Wanted([tap.tap_id])).known[tap.tap_id].report


def said(metro: SmallMetro, tap: Tap) -> tuple[Report, bool] | None:
    """What the gate reported of a tap, and whether the tap was taken back for it."""
    found = stored(metro, tap)
    return (found.report, found.reversed) if found else None


@pytest.fixture(params=[False, True], ids=["same process", "restarted"])
def between(request: pytest.FixtureRequest, metro: SmallMetro) -> "Between":
    return Between(metro, request.param)


class Between:
    """What lies between two steps of a test: nothing, or a restart."""

    def __init__(self, metro: SmallMetro, restarts: bool) -> None:
        self._metro = metro
        self._restarts = restarts

    def __call__(self) -> None:
        if self._restarts:
            self._metro.restart()


def test_an_entry_that_nobody_passed_is_void(metro: SmallMetro, between: Between) -> None:
    tap = metro.tap("FHY-A-01", "entry")
    first = metro.decide(tap)
    between()
    assert metro.report(tap, TURNED_BACK) == first.replace(replayed=True)
    assert said(metro, tap) == (TURNED_BACK, True)
    between()
    assert metro.leave(3).decision.reason is Reason.NO_OPEN_ENTRY


def test_an_exit_that_nobody_passed_leaves_the_journey_open_and_the_waiver_uncounted(
    metro: SmallMetro, between: Between
) -> None:
    metro.enter(0)
    tap = metro.tap("FHY-C-02", "exit", 3)
    waived = metro.decide(tap)
    assert waived.decision.reason is Reason.SAME_STATION_WITHIN_WINDOW
    between()
    metro.report(tap, TURNED_BACK)
    between()
    assert metro.read_state().waivers == 0
    between()
    assert metro.leave(4).decision.reason is Reason.SAME_STATION_WITHIN_WINDOW


def test_a_passage_that_did_not_happen_long_ago_changes_no_journey_since(
    metro: SmallMetro, between: Between
) -> None:
    tap = metro.tap("FHY-A-01", "entry", 0)
    metro.decide(tap)
    metro.enter(10)
    between()
    metro.report(tap, TURNED_BACK)
    assert said(metro, tap) == (TURNED_BACK, False)
    assert metro.leave(12).decision.reason is Reason.SAME_STATION_WITHIN_WINDOW


def test_two_taps_in_a_row_can_both_turn_out_not_to_be_passages(
    metro: SmallMetro, between: Between
) -> None:
    first = metro.tap("FHY-A-01", "entry", 0)
    second = metro.tap("FHY-A-01", "entry", 1)
    metro.decide(first)
    metro.decide(second)
    metro.report(second, TURNED_BACK)
    between()
    metro.report(first, TURNED_BACK)
    between()
    assert metro.leave(3).decision.reason is Reason.NO_OPEN_ENTRY


def test_taps_go_on_after_a_passage_that_did_not_happen(
    metro: SmallMetro, between: Between
) -> None:
    void = metro.tap("FHY-A-01", "entry", 0)
    metro.decide(void)
    metro.report(void, TURNED_BACK)
    between()
    metro.enter(1)
    between()
    exit_tap = metro.tap("FHY-C-02", "exit", 2)
    metro.decide(exit_tap)
    metro.report(exit_tap, TURNED_BACK)
    between()
    verdict = metro.leave(3)
    assert verdict.decision.entry is not None
    assert verdict.decision.entry.entered_at_ms == NOON_MS + 60_000


def test_a_gate_that_stayed_shut_after_all_let_nobody_through(
    metro: SmallMetro, between: Between
) -> None:
    tap = metro.tap("FHY-A-01", "entry")
    metro.decide(tap)
    between()
    again = metro.decide(tap.replace(report=STAYED_SHUT))
    assert again.replayed
    between()
    assert metro.leave(3).decision.reason is Reason.NO_OPEN_ENTRY


def test_the_first_report_counts_and_another_is_recorded_as_a_conflict(
    metro: SmallMetro, between: Between
) -> None:
    tap = metro.tap("FHY-A-01", "entry")
    first = metro.decide(tap.replace(report=OPENED))
    between()
    answer = metro.report(tap, Report(gate_opened=True, fare_taken=180))
    assert answer == first.replace(replayed=True, tap=answer.tap)
    assert said(metro, tap) == (OPENED, False)
    assert metro.count("conflicts") == 1


def test_the_same_report_again_changes_nothing(metro: SmallMetro, between: Between) -> None:
    tap = metro.tap("FHY-A-01", "entry")
    metro.decide(tap)
    for _ in range(3):
        metro.report(tap, TURNED_BACK)
        between()
    assert said(metro, tap) == (TURNED_BACK, True)
    assert metro.count("conflicts") == 0


def test_a_gate_that_decided_alone_may_add_later_that_nobody_passed(
    metro: SmallMetro, between: Between
) -> None:
    tap = metro.tap("FHY-A-01", "entry", report=OPENED)
    metro.decide(tap)
    between()
    metro.report(tap, TURNED_BACK)
    assert said(metro, tap) == (TURNED_BACK, True)
    assert metro.count("conflicts") == 0
    metro.report(tap, OPENED.replace(passed=True))
    assert metro.count("conflicts") == 1


def test_a_tap_at_a_gate_that_stayed_shut_alone_is_recorded_and_changes_nothing(
    metro: SmallMetro, between: Between
) -> None:
    metro.enter(0)
    shut = metro.decide(metro.tap("FHY-C-02", "exit", 2, report=STAYED_SHUT))
    assert shut.decision.reason is Reason.SAME_STATION_WITHIN_WINDOW
    between()
    verdict = metro.leave(3)
    assert verdict.decision.reason is Reason.SAME_STATION_WITHIN_WINDOW


def test_an_exit_that_a_gate_opened_alone_counts_as_an_exit(
    metro: SmallMetro, between: Between
) -> None:
    alone = metro.decide(metro.tap("FHY-C-02", "exit", 0, report=OPENED))
    assert alone.decision.reason is Reason.NO_OPEN_ENTRY
    assert not alone.decision.gate_opens
    between()
    assert metro.leave(0.5).decision.reason is Reason.EXIT_REPEATED


def test_a_report_in_the_batch_of_its_tap_finds_it(metro: SmallMetro, between: Between) -> None:
    tap = metro.tap("FHY-A-01", "entry")
    first, again = metro.decide_all(tap, tap.replace(report=STAYED_SHUT))
    assert isinstance(first, Verdict)
    assert again == first.replace(replayed=True)
    between()
    assert metro.leave(3).decision.reason is Reason.NO_OPEN_ENTRY


def test_taking_a_tap_back_takes_the_next_number_of_the_chain(
    metro: SmallMetro, between: Between
) -> None:
    tap = metro.tap("FHY-A-01", "entry")
    first = metro.decide(tap)
    assert metro.read_state().number == 1
    between()
    metro.report(tap, TURNED_BACK)
    between()
    assert metro.read_state() == BLANK.replace(number=2)
    assert stored(metro, tap) == StoredReport(first.row, TURNED_BACK, True, metro.now_ms, 2)
    entry = metro.enter(1)
    between()
    state = metro.read_state()
    assert (state.number, state.row) == (3, entry.row)


def test_an_exit_and_then_its_entry_are_taken_back(metro: SmallMetro, between: Between) -> None:
    entry, leaving = metro.tap("FHY-A-01", "entry"), metro.tap("FHY-C-02", "exit", 3)
    metro.decide(entry)
    open_state = metro.read_state()
    metro.decide(leaving)
    between()
    metro.report(leaving, TURNED_BACK)
    between()
    assert metro.read_state() == open_state.replace(number=3)
    metro.report(entry, TURNED_BACK)
    between()
    assert metro.read_state() == BLANK.replace(number=4)
    numbers = [found.number for tap in (leaving, entry) if (found := stored(metro, tap))]
    assert numbers == [3, 4]
    between()
    assert metro.leave(4).decision.reason is Reason.NO_OPEN_ENTRY


def test_an_entry_after_one_that_was_taken_back_is_a_journey_of_its_own(
    metro: SmallMetro, between: Between
) -> None:
    void = metro.tap("FHY-A-01", "entry")
    metro.decide(void)
    metro.report(void, TURNED_BACK)
    between()
    entry = metro.enter(1)
    assert entry.decision.reason is Reason.ENTRY_OPENED, "neither repeated nor superseding"
    between()
    verdict = metro.leave(2)
    assert verdict.decision.reason is Reason.SAME_STATION_WITHIN_WINDOW
    assert verdict.decision.entry is not None
    assert verdict.decision.entry.row == entry.row
    between()
    assert metro.read_state().number == 4


def test_a_report_that_completes_one_which_took_its_tap_back_leaves_it_so(
    metro: SmallMetro, between: Between
) -> None:
    tap = metro.tap("FHY-A-01", "entry")
    metro.decide(tap)
    metro.report(tap, STAYED_SHUT)
    between()
    completed = STAYED_SHUT.replace(passed=False)
    metro.report(tap, completed)
    assert said(metro, tap) == (completed, True)
    found = stored(metro, tap)
    assert found is not None
    assert found.number == 2, "the number that it took at first"
    between()
    assert metro.read_state() == BLANK.replace(number=2)
    assert metro.count("conflicts") == 0
    assert metro.leave(3).decision.reason is Reason.NO_OPEN_ENTRY


def test_a_report_completed_in_the_batch_that_took_its_tap_back_leaves_it_so(
    metro: SmallMetro, between: Between
) -> None:
    tap = metro.tap("FHY-A-01", "entry")
    metro.decide(tap)
    between()
    completed = STAYED_SHUT.replace(passed=False)
    metro.decide_all(tap.replace(report=STAYED_SHUT), tap.replace(report=completed))
    between()
    assert said(metro, tap) == (completed, True)
    assert metro.read_state() == BLANK.replace(number=2)
