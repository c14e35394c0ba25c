"""The outbox over a real file: ids, order, the backlog, and what a crash leaves."""

import random
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fare_engine.calendar import ServiceCalendar
from fare_engine.journey import BLANK
from fare_engine.network import Direction
from fare_engine.tap import Report
from gates import outbox as outbox_module
from gates import token_states
from gates.errors import OutboxBroken, OutboxFull, OutboxInUse, UnknownTap
from gates.outbox import KEPT_MS, Action, Counts, Outbox, StoredTap
from gates.reading import MediumRead
from gates.station_file import FILE_NAME, StationFile, lock_directory
from gates.token_states import find_state

NOON_MS = 1_637_726_400_000
"""2021-11-24 12:00 in Chengdu: long before the files of these tests were made."""

OPENED = Action(True, 0, "entry_opened", alone=True)
ANSWERED = Action(True, 0, "entry_opened", alone=False)
FIRST, SECOND = bytes(16), bytes(range(16))


@pytest.fixture
def file(tmp_path: Path) -> Iterator[StationFile]:
    with StationFile(tmp_path) as made:
        yield made


@pytest.fixture
def outbox(file: StationFile) -> Outbox:
    return Outbox(file)


def add(
    outbox: Outbox, token: bytes = FIRST, at_ms: int = NOON_MS, gate_id: str = "FHY-A-01"
) -> StoredTap:
    day = ServiceCalendar().service_day(at_ms)
    return outbox.add(gate_id, Direction.ENTRY, MediumRead("tianfutong", token), at_ms, day)


def test_a_tap_id_is_gate_service_date_and_number(outbox: Outbox) -> None:
    ids = [add(outbox).tap.tap_id for _ in range(2)]
    assert ids == ["FHY-A-01.20211124.00000001", "FHY-A-01.20211124.00000002"]


def test_a_code_is_used_by_the_tap_whose_gate_opened_first_whichever_came_first(
    outbox: Outbox,
) -> None:
    day = ServiceCalendar().service_day(NOON_MS)
    read = MediumRead("qr", FIRST, code_id="61a0.app.00")
    slow = outbox.add("FHY-A-01", Direction.ENTRY, read, NOON_MS, day)
    fast = outbox.add("FHY-A-02", Direction.EXIT, read, NOON_MS + 1, day)
    assert outbox.find_code_use(fast) is None
    outbox.record(fast, OPENED)
    assert outbox.find_code_use(fast) is None
    used = outbox.find_code_use(slow)
    assert used is not None
    assert used.tap_id == fast.tap.tap_id


def test_numbers_are_those_of_a_gate_and_a_service_date(outbox: Outbox) -> None:
    before_the_cut_ms = NOON_MS - 8 * 3_600_000 - 1
    assert add(outbox, gate_id="FHY-C-01").tap.tap_id == "FHY-C-01.20211124.00000001"
    assert add(outbox, at_ms=before_the_cut_ms).tap.tap_id == "FHY-A-01.20211123.00000001"
    assert add(outbox, at_ms=before_the_cut_ms + 1).tap.tap_id == "FHY-A-01.20211124.00000001"


def test_numbers_go_on_after_a_restart_and_after_pruning(tmp_path: Path) -> None:
    with StationFile(tmp_path) as file:
        outbox = Outbox(file)
        outbox.record(add(outbox), ANSWERED)
        outbox.prune(NOON_MS + KEPT_MS + 1)
        assert file.read("SELECT count(*) FROM taps") == [(0,)]
    with StationFile(tmp_path) as file:
        stored = add(Outbox(file))
        assert stored.tap.tap_id.endswith(".00000002")
        assert stored.place == 2, "places are never given twice either"


def test_a_file_made_today_begins_above_all_that_a_lost_one_gave(file: StationFile) -> None:
    day = ServiceCalendar().service_day(file.created_at_ms)
    read = MediumRead("tianfutong", FIRST)
    stored = Outbox(file).add("FHY-A-01", Direction.ENTRY, read, file.created_at_ms, day)
    number = int(stored.tap.tap_id.rpartition(".")[2])
    assert number == file.created_at_ms - day.start_ms + 1


def test_an_answered_tap_does_not_wait(outbox: Outbox) -> None:
    outbox.record(add(outbox), ANSWERED)
    assert outbox.list_waiting(10) == []


def test_taps_wait_in_their_order_with_what_the_gate_did(outbox: Outbox) -> None:
    taps = [add(outbox, token) for token in (FIRST, SECOND, FIRST)]
    for stored in reversed(taps):
        outbox.record(stored, OPENED)
    waiting = outbox.list_waiting(10)
    assert [stored.place for stored in waiting] == [1, 2, 3]
    assert all(stored.tap.report == Report(True, 0) for stored in waiting)
    assert len(outbox.list_waiting(2)) == 2


def test_nothing_is_sent_past_a_tap_that_is_still_at_its_lane(outbox: Outbox) -> None:
    first, second, third = add(outbox), add(outbox), add(outbox)
    outbox.record(first, OPENED)
    outbox.record(third, OPENED)
    assert [stored.place for stored in outbox.list_waiting(10)] == [1]
    outbox.record(second, OPENED)
    assert [stored.place for stored in outbox.list_waiting(10)] == [1, 2, 3]


def test_the_waiting_taps_of_one_token_go_with_its_next(outbox: Outbox) -> None:
    for token in (FIRST, SECOND, FIRST):
        outbox.record(add(outbox, token), OPENED)
    newest = add(outbox, FIRST)
    assert [stored.place for stored in outbox.list_waiting_of(newest, 10)] == [1, 3]


def test_the_only_waiting_tap_goes_with_the_next_of_its_token(outbox: Outbox) -> None:
    outbox.record(add(outbox), OPENED)
    assert [stored.place for stored in outbox.list_waiting_of(add(outbox), 10)] == [1]


def test_taps_with_final_problems_are_quarantined_and_can_be_released(outbox: Outbox) -> None:
    for _ in range(3):
        outbox.record(add(outbox), OPENED)
    outbox.resolve([(1, None), (2, "tap-conflict: other content")])
    assert [stored.place for stored in outbox.list_waiting(10)] == [3]
    (quarantined,) = outbox.list_quarantined(10)
    assert (quarantined.tap_id, quarantined.problem) == (
        "FHY-A-01.20211124.00000002",
        "tap-conflict: other content",
    )
    assert outbox.release() == 1
    assert [stored.place for stored in outbox.list_waiting(10)] == [2, 3]


@pytest.mark.parametrize("seed", range(20))
def test_what_it_counts_in_memory_is_what_the_file_holds(file: StationFile, seed: int) -> None:
    """It does not ask the file when by its own count there is nothing."""
    chance, outbox = random.Random(seed), Outbox(file)
    at_lane: list[StoredTap] = []
    for _ in range(80):
        match chance.randrange(6):
            case 0:
                gate_id = f"FHY-A-0{chance.randrange(3)}"
                at_lane.append(add(outbox, chance.choice((FIRST, SECOND)), gate_id=gate_id))
            case 1 | 2 if at_lane:
                stored = at_lane.pop(chance.randrange(len(at_lane)))
                outbox.record(stored, chance.choice((OPENED, ANSWERED)))
                if chance.random() < 0.3:
                    outbox.add_report(stored.tap.tap_id, False, None)
                    outbox.add_report(stored.tap.tap_id, False, "again")
            case 3:
                waiting = [stored.place for stored in outbox.list_waiting(10)]
                outbox.resolve([(place, chance.choice((None, "no"))) for place in waiting * 2])
            case 4:
                for report in outbox.list_reports(10) * 2:
                    outbox.resolve_report(report.place, chance.choice((None, "no")))
            case 5 if chance.random() < 0.3:
                Outbox(file).release()  # the operator's, from another process
                outbox.prune(NOON_MS + KEPT_MS + 1)
        again = Outbox(file)
        assert outbox.list_gates() == again.list_gates()
        assert outbox.count() == again.count() == Counts(*_count(file))
        assert outbox.list_waiting(10) == again.list_waiting(10)
        assert outbox.list_reports(10) == again.list_reports(10)
        for stored in at_lane:
            assert outbox.list_waiting_of(stored, 10) == again.list_waiting_of(stored, 10)


def _count(file: StationFile) -> list[int]:
    questions = (
        "FROM taps WHERE standing = 0",
        "FROM taps WHERE standing = 2",
        "FROM reports r JOIN taps t USING (place) WHERE r.standing = 0 AND t.standing != 2",
    )
    return [file.read(f"SELECT count(*) {question}")[0][0] for question in questions]


class Failing(StationFile):
    """A file whose next transactions cannot end."""

    fails = False

    def _commit(self) -> None:
        if self.fails:
            raise sqlite3.OperationalError("disk I/O error")
        super()._commit()


def test_what_was_not_stored_is_not_counted(tmp_path: Path) -> None:
    with Failing(tmp_path) as file:
        outbox = Outbox(file)
        waits = add(outbox)
        outbox.record(waits, OPENED)
        at_lane = add(outbox)
        changes: list[Callable[[], object]] = [
            lambda: add(outbox, gate_id="FHY-C-01"),
            lambda: outbox.record(at_lane, ANSWERED),
            lambda: outbox.resolve([(waits.place, None)]),
            lambda: outbox.add_report(waits.tap.tap_id, False, None),
        ]
        file.fails = True
        for change in changes:
            with pytest.raises(OutboxBroken, match="disk I/O error"):
                change()
        file.fails = False
        assert outbox.count() == Counts(waiting=2, quarantined=0, reports_waiting=0)
        assert outbox.list_gates() == ["FHY-A-01"]
        for change in changes:
            change()
        assert outbox.count() == Counts(waiting=1, quarantined=0, reports_waiting=1)
        assert outbox.list_gates() == ["FHY-A-01", "FHY-C-01"]


def test_after_a_crash_gates_without_a_recorded_action_never_moved(tmp_path: Path) -> None:
    with StationFile(tmp_path) as file:
        add(Outbox(file))
    with StationFile(tmp_path) as file:
        outbox = Outbox(file)
        assert outbox.list_waiting(10) == []
        outbox.repair()
        (stored,) = outbox.list_waiting(10)
        assert stored.tap.report == Report(False, 0)


def test_a_full_outbox_takes_no_more(outbox: Outbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox_module, "WAITING_MAX", 2)
    first = add(outbox)
    add(outbox)
    with pytest.raises(OutboxFull):
        add(outbox)
    outbox.record(first, ANSWERED)
    add(outbox)


def test_only_old_taps_that_are_done_are_removed(file: StationFile, outbox: Outbox) -> None:
    old, older_but_waiting, new = add(outbox), add(outbox), add(outbox, at_ms=NOON_MS + 1)
    outbox.record(old, ANSWERED)
    outbox.record(older_but_waiting, OPENED)
    outbox.record(new, ANSWERED)
    outbox.prune(NOON_MS + KEPT_MS + 1)
    assert file.read("SELECT place FROM taps ORDER BY place") == [(2,), (3,)]


def test_a_tap_whose_report_waits_is_not_removed(file: StationFile, outbox: Outbox) -> None:
    stored = add(outbox)
    outbox.record(stored, ANSWERED)
    outbox.add_report(stored.tap.tap_id, False, "turned back")
    outbox.prune(NOON_MS + KEPT_MS + 1)
    (report,) = outbox.list_reports(10)
    assert (report.tap_id, report.passed, report.cause) == (stored.tap.tap_id, False, "turned back")
    outbox.resolve_report(report.place, None)
    outbox.prune(NOON_MS + KEPT_MS + 1)
    assert file.read("SELECT place FROM taps ORDER BY place") == []


def test_a_report_waits_until_the_engine_has_its_tap(outbox: Outbox) -> None:
    stored = add(outbox)
    outbox.record(stored, OPENED)
    outbox.add_report(stored.tap.tap_id, False, None)
    assert outbox.list_reports(10) == []
    outbox.resolve([(stored.place, None)])
    assert [report.place for report in outbox.list_reports(10)] == [stored.place]


def test_the_first_report_counts(outbox: Outbox) -> None:
    stored = add(outbox)
    outbox.record(stored, ANSWERED)
    outbox.add_report(stored.tap.tap_id, False, "first")
    outbox.add_report(stored.tap.tap_id, True, "second")
    assert [report.cause for report in outbox.list_reports(10)] == ["first"]


def test_a_report_of_an_unknown_tap_is_refused(outbox: Outbox) -> None:
    with pytest.raises(UnknownTap):
        outbox.add_report("FHY-A-01.20211124.00000001", False, None)


def test_when_the_passenger_did_not_pass_the_token_gets_its_former_state_back(
    file: StationFile, outbox: Outbox
) -> None:
    after = BLANK.replace(clock_ms=NOON_MS, number=1, row=1)
    stored = add(outbox)
    outbox.record(stored, OPENED, (BLANK, after))
    outbox.add_report(stored.tap.tap_id, False, None)
    state = find_state(file, FIRST, lambda _pin, _at: None)
    assert state == BLANK.replace(number=1), "its number goes on"


def test_a_report_of_an_older_tap_changes_no_state(file: StationFile, outbox: Outbox) -> None:
    first, second = add(outbox), add(outbox)
    states = [BLANK.replace(clock_ms=NOON_MS, number=n, row=n) for n in (1, 2)]
    outbox.record(first, OPENED, (BLANK, states[0]))
    outbox.record(second, OPENED, (states[0], states[1]))
    outbox.add_report(first.tap.tap_id, False, None)
    assert find_state(file, FIRST, lambda _pin, _at: None) == states[1]


def test_tokens_not_seen_for_longest_are_removed_first(
    file: StationFile, outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(token_states, "STATES_MAX", 1)
    monkeypatch.setattr(outbox_module, "PRUNE_TAPS", 1)
    for token, at_ms in ((SECOND, NOON_MS), (FIRST, NOON_MS + 1)):
        stored = add(outbox, token, at_ms)
        outbox.record(stored, ANSWERED, (BLANK, BLANK.replace(number=1)))
    outbox.prune(NOON_MS + 2)
    assert file.read("SELECT token FROM states") == [(FIRST,)]


def start_mode(file: StationFile, then: Callable[[sqlite3.Connection], object]) -> None:
    with file.transaction() as sql:
        sql.execute("INSERT INTO modes (mode, effective_from, reason) VALUES ('time_free', 0, '')")
        then(sql)


def test_a_transaction_that_breaks_off_leaves_nothing_and_the_next_begins(
    file: StationFile,
) -> None:
    with pytest.raises(ValueError, match="seven"):
        start_mode(file, lambda _sql: int("seven"))
    with pytest.raises(OutboxBroken, match="no such table"):
        start_mode(file, lambda sql: sql.execute("DELETE FROM nowhere"))
    start_mode(file, lambda sql: sql.in_transaction)
    assert file.read("SELECT count(*) FROM modes") == [(1,)]


def test_one_controller_locks_a_directory(tmp_path: Path) -> None:
    with lock_directory(tmp_path), pytest.raises(OutboxInUse), lock_directory(tmp_path):
        pass
    with lock_directory(tmp_path):
        pass


def test_a_file_that_is_no_database_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_bytes(b"no database at all, and long enough to be read as one")
    with pytest.raises(OutboxBroken, match="not a database"):
        StationFile(tmp_path)


def test_a_file_of_a_later_version_is_left_alone(tmp_path: Path) -> None:
    with StationFile(tmp_path) as file, file.transaction() as sql:
        sql.execute("PRAGMA user_version = 99")
    with pytest.raises(OutboxBroken, match="version 99"):
        StationFile(tmp_path)
