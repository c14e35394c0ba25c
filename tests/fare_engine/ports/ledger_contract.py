"""What every ledger does, whatever stores it: run by each of them with a small class of its own.

What is committed here was decided by an engine, so that it is what a ledger really gets.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar, Final

import pytest

from fare_engine.batch import Batch, CodeId, Finding, ReportSubmission, Result, Submission
from fare_engine.code_use import CodeUse
from fare_engine.decision import Reason
from fare_engine.engine import Engine
from fare_engine.errors import LedgerUnavailable
from fare_engine.journey import BLANK, TokenState
from fare_engine.network import Direction
from fare_engine.ports import START, KnownTap, Ledger, Wanted
from fare_engine.published import Published
from fare_engine.states.memory import MemoryStates
from fare_engine.tap import Report, Tap
from fare_engine.verdict import Verdict
from tests.fare_engine.small_metro import MINUTE_MS, NOON_MS, decide_batch, make_token

NOW_MS: Final = NOON_MS + 60 * MINUTE_MS
ANNA, BERTA = make_token("anna"), make_token("berta")
CODE: Final = CodeId("61a1c3c0.metro.0011223344556677")
OPENED: Final = Report(gate_opened=True, fare_taken=0)
TURNED_BACK: Final = Report(gate_opened=True, fare_taken=0, passed=False)
CONFLICTS_MAX: Final = 16
UNKNOWN: Final = LedgerUnavailable("the connection broke")


def make_tap(
    tap_id: str,
    gate_id: str = "FHY-A-01",
    minutes: float = 0,
    *,
    token: bytes = ANNA,
    medium_type: str = "tianfutong",
    report: Report | None = None,
) -> Tap:
    """A tap so many minutes after noon; an exit at the gate for exits, else an entry."""
    direction = Direction.EXIT if gate_id == "FHY-C-02" else Direction.ENTRY
    at_ms = NOON_MS + round(minutes * MINUTE_MS)
    return Tap(tap_id, gate_id, int(direction), medium_type, token, at_ms, report)


def leave(tap_id: str, minutes: float, token: bytes = ANNA) -> Tap:
    """An exit."""
    return make_tap(tap_id, "FHY-C-02", minutes, token=token)


def process(engine: Engine, *taps: Tap, codes: dict[int, Finding] | None = None) -> list[Verdict]:
    """Decide and store taps in one batch, each of which gets a verdict."""
    verdicts = [one for one in engine.process(taps, NOW_MS, codes) if isinstance(one, Verdict)]
    assert len(verdicts) == len(taps)
    return verdicts


def offer(engine: Engine, *taps: Tap, codes: dict[int, Finding] | None = None) -> Submission:
    """Taps that wait for a batch."""
    submission = Submission(taps, NOW_MS, _nothing, codes)
    engine.offer(submission)
    return submission


def decide(engine: Engine, *taps: Tap, codes: dict[int, Finding] | None = None) -> Batch:
    """Decide taps in one batch, which is not committed yet."""
    offer(engine, *taps, codes=codes)
    batch = decide_batch(engine, NOW_MS)
    assert batch is not None
    return batch


def send_report(engine: Engine, tap_id: str, report: Report) -> Result:
    """Store what a gate did at a tap of before."""
    submission = ReportSubmission(tap_id, report, NOW_MS, _nothing)
    engine.offer(submission)
    engine.run_batch(NOW_MS)
    return submission.results[0]


def _nothing(_results: list[Result]) -> None:
    pass


class LedgerContract(ABC):
    """The tests; `open` may be called again, for the storage that `create` has made.

    `shared` says that several engines may have it open at once, and that a tap which another of
    them has stored may be taken for a new one when it is looked for the first time.
    """

    shared: ClassVar[bool] = False
    published: Published

    @pytest.fixture(autouse=True)
    def storage(self, tmp_path: Path) -> Iterator[None]:
        self.published = self.create(tmp_path)
        yield
        self.close()

    @abstractmethod
    def create(self, directory: Path) -> Published:
        """Make an empty storage; what is published in it, with the small metro's network."""

    @abstractmethod
    def open(self) -> Ledger:
        """Open the storage, again if need be: what was opened before is used no more."""

    @abstractmethod
    def count_conflicts(self, row: int) -> int:
        """How many conflicts are stored of a tap."""

    def close(self) -> None:  # noqa: B027 - what is in memory has nothing to be closed
        """Let go of the storage."""

    def open_engine(self) -> Engine:
        """An engine that remembers nothing, over the storage as it is."""
        self.ledger = self.open()
        return Engine(self.ledger, MemoryStates(), self.published)

    def find_known(self, *tap_ids: str, reported: tuple[str, ...] = ()) -> dict[str, KnownTap]:
        """What is known of these taps to a ledger that has just been opened."""
        ledger = self.open()
        wanted = Wanted(tap_ids, reported)
        if self.shared:
            ledger.load(wanted)
        return ledger.load(wanted).known

    def read_state(self, token: bytes = ANNA) -> TokenState | None:
        """The state of a token, for a ledger that has just been opened."""
        return self.open().load(Wanted(tokens=[token])).states.get(token)

    def follow_all(self, limit: int = 1_000) -> list[Verdict]:
        """All that was committed, page by page."""
        ledger = self.open()
        page = ledger.follow(START, limit)
        found: list[Verdict] = []
        while page.verdicts:
            assert len(page.verdicts) <= limit
            found += page.verdicts
            page = ledger.follow(page.cursor, limit)
        return found

    def test_an_empty_ledger_knows_nothing(self) -> None:
        wanted = Wanted(["g.1"], ["g.1"], [ANNA], [CODE])
        known, states, codes, version = self.open().load(wanted)
        assert (known, states, codes) == ({}, {}, {})
        assert version == self.published.version
        assert self.follow_all() == []

    def test_stored_taps_are_known_with_their_verdicts(self) -> None:
        engine = self.open_engine()
        first = process(engine, make_tap("g.1"), leave("g.2", 3), make_tap("g.3", minutes=-9))
        later = process(engine, make_tap("g.4", token=BERTA), leave("g.5", 3.5))
        verdicts = {verdict.tap.tap_id: verdict for verdict in first + later}
        assert {verdict.decision.reason for verdict in verdicts.values()} == {
            Reason.ENTRY_OPENED,
            Reason.SAME_STATION_WITHIN_WINDOW,
            Reason.ARRIVED_OUT_OF_ORDER,
            Reason.EXIT_REPEATED,
        }
        for known in (
            self.ledger.load(Wanted([*verdicts, "g.6"])).known,
            self.find_known(*verdicts, "g.6"),
        ):
            assert known == {tap_id: KnownTap(one) for tap_id, one in verdicts.items()}

    def test_a_tap_that_could_not_be_decided_is_known_as_it_was_recorded(self) -> None:
        engine = self.open_engine()
        (recorded,) = process(engine, make_tap("g.1", "nowhere", report=OPENED))
        assert recorded.problem == "unknown-gate"
        known = self.find_known("g.1")["g.1"]
        assert known.verdict == recorded
        assert known.report is not None
        assert known.report.report == OPENED

    def test_a_state_is_that_after_the_latest_tap_that_changed_it(self) -> None:
        engine = self.open_engine()
        assert self.ledger.load(Wanted(tokens=[ANNA])).states == {}
        batch = decide(engine, make_tap("g.1"), leave("g.2", 3), make_tap("g.3", minutes=4))
        engine.commit(batch)
        engine.committed(batch)
        state = batch.states[ANNA]
        process(engine, make_tap("g.4", minutes=-9))  # late: it changes nothing
        assert self.ledger.load(Wanted(tokens=[ANNA, BERTA])).states == {ANNA: state}
        assert self.read_state() == state

    def test_a_report_is_known_with_its_tap_and_the_state_before_it(self) -> None:
        engine = self.open_engine()
        batch = decide(engine, make_tap("g.1"))
        engine.commit(batch)
        engine.committed(batch)
        opened = batch.states[ANNA]
        process(engine, leave("g.2", 3))
        after = self.read_state()
        engine = self.open_engine()
        send_report(engine, "g.1", OPENED)
        known = self.find_known("g.1", "g.2", reported=("g.2",))
        assert known["g.1"].report is not None
        assert known["g.1"].report.report == OPENED
        assert not known["g.1"].report.reversed
        assert known["g.1"].before is None, "nobody has asked for it"
        assert known["g.2"].report is None
        before = known["g.2"].before
        assert before is not None
        assert before.replace(number=1) == opened
        ledger = self.open()
        loaded = ledger.load(Wanted(["g.2"], ["g.2"]))
        assert loaded.states == {ANNA: after}, "the token of a reported tap is wanted too"

    def test_a_tap_that_is_taken_back_takes_a_number(self) -> None:
        engine = self.open_engine()
        process(engine, make_tap("g.1"))
        engine = self.open_engine()
        send_report(engine, "g.1", TURNED_BACK)
        assert self.read_state() == BLANK.replace(number=2)
        report = self.find_known("g.1")["g.1"].report
        assert report is not None
        assert (report.report, report.reversed, report.number) == (TURNED_BACK, True, 2)
        (leaving,) = process(self.open_engine(), leave("g.2", 3))
        assert leaving.decision.reason is Reason.NO_OPEN_ENTRY

    def test_a_used_ride_code_is_known_with_its_first_use(self) -> None:
        engine = self.open_engine()
        process(engine, make_tap("g.1", medium_type="qr"), codes={0: CODE})
        use = CodeUse(ANNA, "FHY", int(Direction.ENTRY), NOON_MS)
        assert self.ledger.load(Wanted(code_ids=[CODE, "unused"])).codes == {CODE: use}
        assert self.open().load(Wanted(code_ids=[CODE, "unused"])).codes == {CODE: use}

    def test_no_row_is_given_twice(self) -> None:
        taken: list[int] = []
        for opened in range(4):
            engine = self.open_engine()
            for count in (1, 7, 3):
                first = self.ledger.take_rows(count)
                taken += range(first, first + count)
            taken += [verdict.row for verdict in process(engine, make_tap(f"g.{opened}"))]
            failing = decide(engine, make_tap(f"h.{opened}"), make_tap(f"i.{opened}"))
            taken += [one.verdict.row for one in failing.fresh.values()]
            engine.failed(failing, UNKNOWN)
            taken += [verdict.row for verdict in process(engine, make_tap(f"j.{opened}"))]
            stored = {verdict.row for verdict in self.follow_all()}
            assert stored <= set(taken)
        # A ledger that nobody else uses may give rows again that nothing was stored under.
        rows = [verdict.row for verdict in self.follow_all()]
        assert len(rows) == len(set(rows)) == 8
        if self.shared:
            assert len(taken) == len(set(taken))

    @pytest.mark.parametrize("is_stored", [True, False])
    def test_a_commit_in_doubt_is_looked_up_before_anything_else_is_decided(
        self, is_stored: bool
    ) -> None:
        engine = self.open_engine()
        entry = make_tap("g.1")
        batch = decide(engine, entry)
        first = batch.fresh["g.1"].verdict
        if is_stored:
            engine.commit(batch)
        engine.failed(batch, UNKNOWN)
        (again,) = process(engine, entry)
        assert again.replayed == is_stored
        if is_stored:
            assert again == first.replace(replayed=True)
        (leaving,) = process(engine, leave("g.2", 3))
        assert leaving.decision.reason is Reason.SAME_STATION_WITHIN_WINDOW
        assert len(self.follow_all()) == 2

    def test_conflicts_are_kept_up_to_a_limit_a_tap(self) -> None:
        engine = self.open_engine()
        first, other = process(engine, make_tap("g.1"), make_tap("g.2", token=BERTA))
        for _ in range(3):
            engine.process([make_tap("g.1", minutes=1)] * 10, NOW_MS)
        engine.process([make_tap("g.2", minutes=1)] * 2, NOW_MS)
        assert self.count_conflicts(first.row) == CONFLICTS_MAX
        assert self.count_conflicts(other.row) == 2

    @pytest.mark.parametrize("limit", [1, 2, 3, 100])
    def test_what_was_committed_is_followed_once_each_in_a_safe_order(self, limit: int) -> None:
        stored: list[Verdict] = []
        found: list[Verdict] = []
        cursor = START
        for nth in range(4):
            engine = self.open_engine()
            minutes = 6 * nth
            stored += process(engine, make_tap(f"g.{nth}", minutes=minutes))
            stored += process(
                engine,
                leave(f"h.{nth}", minutes + 3),
                make_tap(f"i.{nth}", minutes=minutes, token=BERTA),
            )
            page = self.ledger.follow(cursor, limit)
            found += page.verdicts
            cursor = page.cursor
        ledger = self.open()
        while (page := ledger.follow(cursor, limit)).verdicts:
            found += page.verdicts
            cursor = page.cursor
        assert page.cursor == cursor, "there is nothing more, until something is committed"
        assert {verdict.row: verdict for verdict in found} == {one.row: one for one in stored}
        assert len(found) == len(stored)
        for token in (ANNA, BERTA):
            times = [one.tap.occurred_at_ms for one in found if one.tap.token == token]
            assert times == sorted(times), "a token's taps in the order of its chain"
        assert self.follow_all(limit) == found
