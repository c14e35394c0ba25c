"""What a ledger does that several engines have open at once: who was first, and who loses.

Two engines, a and b, know nothing of each other but what the ledger says.
"""

from abc import abstractmethod
from dataclasses import replace
from typing import ClassVar

import pytest

from fare_engine.batch import Batch, CodeId, ReportSubmission
from fare_engine.decision import Reason
from fare_engine.engine import Engine
from fare_engine.errors import Outdated, Overtaken
from fare_engine.journey import TokenState
from fare_engine.ports import KnownTap, Wanted
from fare_engine.published import Published
from fare_engine.tap import Report
from fare_engine.verdict import Verdict
from tests.fare_engine.ports.ledger_contract import (
    ANNA,
    BERTA,
    CODE,
    NOW_MS,
    OPENED,
    TURNED_BACK,
    LedgerContract,
    decide,
    leave,
    make_tap,
    process,
    send_report,
)
from tests.fare_engine.small_metro import PILOT, decide_batch

Stored = tuple[list[Verdict], dict[str, KnownTap], dict[bytes, TokenState], set[str]]


class SharedLedgerContract(LedgerContract):
    """The tests of every ledger, and those of one that several engines share.

    `open` opens it once more beside those that are open already.
    """

    shared: ClassVar[bool] = True

    @abstractmethod
    def publish(self, published: Published) -> None:
        """Store what is published now, with a higher version, as another process would."""

    @pytest.fixture(autouse=True)
    def engines(self, storage: None) -> None:
        self.a, self.b = self.open_engine(), self.open_engine()

    def read_all(self) -> Stored:
        """Everything that can be read, for a ledger that has just been opened."""
        verdicts = self.follow_all()
        tap_ids = tuple({f"g.{nth}" for nth in range(9)})
        loaded = self.open().load(Wanted(tokens=[ANNA, BERTA], code_ids=[CODE, "other"]))
        known = self.find_known(*tap_ids)
        return verdicts, known, loaded.states, set(loaded.codes)

    def lose(self, engine: Engine, batch: Batch, error: type[Exception] = Overtaken) -> None:
        """The commit of a batch is refused, and nothing of it is stored."""
        before = self.read_all()
        conflicts = [self.count_conflicts(verdict.row) for verdict in before[0]]
        with pytest.raises(error):
            engine.commit(batch)
        assert self.read_all() == before
        assert [self.count_conflicts(verdict.row) for verdict in before[0]] == conflicts

    def decide_again(self, engine: Engine, batch: Batch) -> list[Verdict]:
        """What is answered once a batch that lost was decided again."""
        engine.decide_again(batch)
        engine.decide(batch, engine.load(batch), NOW_MS)
        engine.commit(batch)
        engine.committed(batch)
        results = [result for one in batch.submissions for result in one.results]
        verdicts = [result for result in results if isinstance(result, Verdict)]
        assert len(verdicts) == len(results)
        return verdicts

    def decide_report(self, engine: Engine, tap_id: str, report: Report) -> Batch:
        """A report in a batch of its own, which is not committed yet."""
        engine.offer(ReportSubmission(tap_id, report, NOW_MS, lambda _: None))
        batch = decide_batch(engine, NOW_MS)
        assert batch is not None
        return batch

    def test_a_chain_that_another_engine_moved_is_not_moved_again(self) -> None:
        process(self.a, make_tap("g.1"))
        late = decide(self.b, leave("g.2", 3), make_tap("g.3", token=BERTA))
        process(self.a, leave("g.4", 2.5))
        self.lose(self.b, late)
        reasons = [one.decision.reason for one in self.decide_again(self.b, late)]
        assert reasons == [Reason.EXIT_REPEATED, Reason.ENTRY_OPENED]

    def test_a_chain_that_was_only_read_must_stand_where_it_was_read(self) -> None:
        process(self.a, make_tap("g.1", minutes=10))
        batch = decide(self.b, make_tap("g.2", minutes=0))
        assert batch.fresh["g.2"].verdict.decision.reason is Reason.ARRIVED_OUT_OF_ORDER
        assert not batch.changes.moved
        process(self.a, leave("g.3", 12))
        self.lose(self.b, batch)

    def test_a_token_that_was_unseen_must_still_be_unseen(self) -> None:
        batch = decide(self.b, leave("g.2", 3))
        process(self.a, make_tap("g.1"))
        self.lose(self.b, batch)
        (leaving,) = self.decide_again(self.b, batch)
        assert leaving.decision.reason is Reason.SAME_STATION_WITHIN_WINDOW

    def test_an_entry_that_was_taken_back_meanwhile_opens_no_gate(self) -> None:
        process(self.a, make_tap("g.1"))
        batch = decide(self.b, leave("g.2", 3))
        send_report(self.a, "g.1", TURNED_BACK)
        self.lose(self.b, batch)
        (leaving,) = self.decide_again(self.b, batch)
        assert leaving.decision.reason is Reason.NO_OPEN_ENTRY

    def test_a_tap_is_stored_once_and_answered_as_it_was_stored(self) -> None:
        """A late tap moves no chain: its tap_id alone says that it is stored."""
        process(self.a, make_tap("g.1", minutes=10))
        late = make_tap("g.2", minutes=0)
        batch = decide(self.b, late)
        (first,) = process(self.a, late)
        self.lose(self.b, batch)
        assert self.decide_again(self.b, batch) == [first.replace(replayed=True)]

    def test_a_ride_code_is_used_once(self) -> None:
        batch = decide(self.b, make_tap("g.2", token=BERTA, medium_type="qr"), codes={0: CODE})
        process(self.a, make_tap("g.1", medium_type="qr"), codes={0: CODE})
        self.lose(self.b, batch)
        (copied,) = self.decide_again(self.b, batch)
        assert copied.decision.reason is Reason.RIDE_CODE_REPLAYED

    def test_a_tap_has_one_first_report(self) -> None:
        process(self.a, make_tap("g.1"))
        batch = self.decide_report(self.b, "g.1", OPENED.replace(fare_taken=180))
        send_report(self.a, "g.1", OPENED)
        self.lose(self.b, batch)
        (verdict,) = self.decide_again(self.b, batch)
        assert self.count_conflicts(verdict.row) == 1
        report = self.find_known("g.1")["g.1"].report
        assert report is not None
        assert report.report == OPENED

    def test_a_report_is_completed_once(self) -> None:
        process(self.a, make_tap("g.1", report=OPENED))
        batch = self.decide_report(self.b, "g.1", OPENED.replace(passed=True))
        send_report(self.a, "g.1", TURNED_BACK)
        self.lose(self.b, batch)
        (verdict,) = self.decide_again(self.b, batch)
        assert self.count_conflicts(verdict.row) == 1
        report = self.find_known("g.1")["g.1"].report
        assert report is not None
        assert report.report == TURNED_BACK

    def test_nothing_of_a_batch_that_lost_is_stored(self) -> None:
        process(self.b, make_tap("g.1"), make_tap("g.2", token=BERTA))
        wrong = make_tap("g.1", minutes=5)
        with_code = make_tap("g.3", minutes=10, medium_type="qr")
        with_report = leave("g.4", 3, BERTA).replace(report=OPENED)
        batch = decide(self.b, wrong, with_code, with_report, codes={1: CodeId("other")})
        assert batch.conflicts
        assert batch.new_codes
        assert batch.reports
        process(self.a, leave("g.5", 2.5, BERTA))
        self.lose(self.b, batch)

    def test_nothing_is_stored_by_what_was_published_before(self) -> None:
        batch = decide(self.b, make_tap("g.1"), leave("g.2", 3))
        shorter = replace(PILOT, version=2, window_ms=60_000)
        before = self.published
        catalogue = replace(before.catalogue, policies={"FHY": (PILOT, shorter)}, terms={})
        newer = replace(before, version=before.version + 1, catalogue=catalogue)
        self.publish(newer)
        assert self.a.load(decide(self.a, make_tap("g.3", token=BERTA))).version == newer.version
        self.lose(self.b, batch, Outdated)
        self.b.use(newer)
        reasons = [one.decision.reason for one in self.decide_again(self.b, batch)]
        assert reasons == [Reason.ENTRY_OPENED, Reason.WINDOW_EXCEEDED]

    def test_engines_never_get_the_same_rows(self) -> None:
        ledgers = [self.open() for _ in range(3)]
        taken: list[int] = []
        for count in (1, 40, 7, 100, 3):
            for ledger in ledgers:
                first = ledger.take_rows(count)
                taken += range(first, first + count)
        assert len(taken) == len(set(taken))

    def test_what_all_engines_commit_is_followed_once_each(self) -> None:
        stored: list[Verdict] = []
        for nth in range(6):
            engine = (self.a, self.b)[nth % 2]
            taps = [make_tap(f"g.{nth}", minutes=nth, token=token) for token in (ANNA, BERTA)]
            taps[1] = taps[1].replace(tap_id=f"h.{nth}")
            stored += process(engine, *taps)
        found = self.follow_all(limit=5)
        assert {one.row: one for one in found} == {one.row: one for one in stored}
        assert len(found) == 12
        times = [one.tap.occurred_at_ms for one in found if one.tap.token == ANNA]
        assert times == sorted(times)

    def test_a_cache_that_is_behind_costs_a_retry_and_nothing_else(self) -> None:
        """One remembers anna outside, and the other has let her in since."""
        process(self.a, make_tap("g.1"))
        process(self.b, leave("g.2", 1))
        process(self.a, make_tap("g.3", minutes=10))
        (leaving,) = process(self.b, leave("g.4", 12))
        assert leaving.decision.reason is Reason.SAME_STATION_WITHIN_WINDOW
        state = self.read_state()
        assert state is not None
        assert state.number == 4
