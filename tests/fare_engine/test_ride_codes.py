"""A ride code is used once: copies are refused on every way, across batches and restarts."""

import sqlite3
from dataclasses import replace

import pytest

from fare_engine.batch import BlockedCodeId, CodeId, Finding, Submission
from fare_engine.code_use import CodeUse
from fare_engine.decision import Reason
from fare_engine.errors import (
    FareEngineError,
    LedgerUnavailable,
    NoTariffInForce,
    UnknownGate,
    UnknownMedium,
)
from fare_engine.ports import Changes, Wanted
from fare_engine.tap import Report, Tap
from fare_engine.verdict import Verdict
from tests.fare_engine.small_metro import MINUTE_MS, NOON_MS, SmallMetro, decide_batch

CODE = CodeId("61a1c3c0.metro.0011223344556677")
MS = 1 / MINUTE_MS


def show(metro: SmallMetro, tap: Tap, code: Finding = CODE) -> Verdict:
    """Decide a tap that shows a ride code, in a batch of its own."""
    (result,) = metro.engine.process([tap], metro.now_ms + 60 * MINUTE_MS, {0: code})
    assert isinstance(result, Verdict), result
    return result


def refuse(metro: SmallMetro, tap: Tap) -> FareEngineError:
    (result,) = metro.engine.process([tap], metro.now_ms + 60 * MINUTE_MS, {0: CODE})
    assert isinstance(result, FareEngineError), result
    return result


def stored(metro: SmallMetro) -> list[tuple[str, int]]:
    with sqlite3.connect(metro.path) as connection:
        return connection.execute("SELECT code_id, row FROM ride_codes ORDER BY row").fetchall()


def reason(verdict: Verdict) -> Reason:
    return verdict.decision.reason


def entry(
    metro: SmallMetro, minutes: float = 0, gate: str = "FHY-A-01", token: str = "anna"
) -> Tap:
    return metro.tap(gate, "entry", minutes, token=token, medium_type="qr")


def leaving(metro: SmallMetro, minutes: float, gate: str = "FHY-C-02") -> Tap:
    return metro.tap(gate, "exit", minutes, medium_type="qr")


def test_a_code_opens_a_journey_like_any_medium(metro: SmallMetro) -> None:
    first = show(metro, entry(metro))
    assert reason(first) is Reason.ENTRY_OPENED
    assert stored(metro) == [(CODE, first.row)]
    other = CodeId("61a1c3d0.metro.8899aabbccddeeff")
    assert reason(show(metro, leaving(metro, 5), other)) is Reason.SAME_STATION_WITHIN_WINDOW
    assert [code for code, _ in stored(metro)] == [CODE, other]


@pytest.mark.parametrize("restarts", [False, True])
@pytest.mark.parametrize(
    ("gate", "direction"),
    [("CXL-A-01", "entry"), ("FHY-C-02", "exit"), ("CXL-A-01", "exit")],
)
def test_a_copy_at_another_station_or_direction_is_refused_after_any_restart(
    metro: SmallMetro, gate: str, direction: str, restarts: bool
) -> None:
    show(metro, entry(metro))
    if restarts:
        metro.restart()
    copied = show(metro, metro.tap(gate, direction, 0.5, medium_type="qr"))
    assert reason(copied) is Reason.RIDE_CODE_REPLAYED
    assert not copied.decision.gate_opens
    assert len(stored(metro)) == 1
    # The journey is as it was: nothing of the copy is left in the token's state.
    assert reason(metro.leave(5)) is Reason.SAME_STATION_WITHIN_WINDOW


def test_a_copy_that_names_another_account_is_refused(metro: SmallMetro) -> None:
    show(metro, entry(metro))
    assert reason(show(metro, entry(metro, token="berta"))) is Reason.RIDE_CODE_REPLAYED


@pytest.mark.parametrize("same_batch", [False, True])
def test_copies_within_one_batch_and_in_the_next_are_found(
    metro: SmallMetro, same_batch: bool
) -> None:
    taps = [entry(metro), metro.tap("CXL-A-01", "entry", 0.1, medium_type="qr")]
    if same_batch:
        results = metro.engine.process(taps, metro.now_ms, {0: CODE, 1: CODE})
    else:
        results = [show(metro, tap) for tap in taps]
    reasons = [reason(result) for result in results if isinstance(result, Verdict)]
    assert reasons == [Reason.ENTRY_OPENED, Reason.RIDE_CODE_REPLAYED]


def test_a_copy_is_found_while_the_first_is_being_committed(metro: SmallMetro) -> None:
    submissions = [
        Submission([tap], metro.now_ms, lambda _: None, {0: CODE})
        for tap in (entry(metro), metro.tap("CXL-A-01", "entry", 0.1, medium_type="qr"))
    ]
    batches = []
    for submission in submissions:
        metro.engine.offer(submission)
        batches.append(decide_batch(metro.engine, metro.now_ms))
    for batch in batches:
        assert batch is not None
        metro.engine.commit(batch)
        metro.engine.committed(batch)
    assert batches[1] is not None
    results = [submission.results[0] for submission in submissions]
    reasons = [reason(result) for result in results if isinstance(result, Verdict)]
    assert reasons == [Reason.ENTRY_OPENED, Reason.RIDE_CODE_REPLAYED]
    assert len(stored(metro)) == 1


@pytest.mark.parametrize("restarts", [False, True])
def test_the_same_tap_again_is_no_copy(metro: SmallMetro, restarts: bool) -> None:
    tap = entry(metro)
    first = show(metro, tap)
    if restarts:
        metro.restart()
    assert show(metro, tap) == first.replace(replayed=True)
    assert stored(metro) == [(CODE, first.row)]


def test_an_entry_tapped_again_within_the_grace_is_no_copy(metro: SmallMetro) -> None:
    first = show(metro, entry(metro))
    for minutes in (0.2, 1.1, 2):
        assert reason(show(metro, entry(metro, minutes, "FHY-B-03"))) is Reason.ENTRY_REPEATED
    assert stored(metro) == [(CODE, first.row)]
    late = show(metro, entry(metro, 2 + MS))
    assert reason(late) is Reason.RIDE_CODE_REPLAYED, "two minutes after the first use, and 1 ms"


def test_an_exit_tapped_again_within_the_grace_is_no_copy(metro: SmallMetro) -> None:
    metro.enter()
    assert reason(show(metro, leaving(metro, 5))) is Reason.SAME_STATION_WITHIN_WINDOW
    assert reason(show(metro, leaving(metro, 6, "FHY-B-03"))) is Reason.EXIT_REPEATED
    copied = show(metro, leaving(metro, 6 + MS))
    assert reason(copied) is Reason.RIDE_CODE_REPLAYED


def test_the_graces_are_those_of_the_tariff_at_the_tap(metro: SmallMetro) -> None:
    tariff = replace(metro.catalogue.tariffs[0], reentry_grace_ms=10_000)
    metro.use(replace(metro.catalogue, tariffs=(tariff,), terms={}))
    show(metro, entry(metro))
    assert reason(show(metro, entry(metro, 10 / 60))) is Reason.ENTRY_REPEATED
    assert reason(show(metro, entry(metro, 10 / 60 + MS))) is Reason.RIDE_CODE_REPLAYED


def test_a_tap_within_the_tolerance_before_the_first_use_is_tapped_again(metro: SmallMetro) -> None:
    show(metro, entry(metro))
    assert reason(show(metro, entry(metro, -0.3, "FHY-B-03"))) is Reason.ENTRY_REPEATED


def test_a_gate_that_stayed_shut_has_used_no_code(metro: SmallMetro) -> None:
    assert reason(show(metro, leaving(metro, 0))) is Reason.NO_OPEN_ENTRY
    assert stored(metro) == []
    assert reason(show(metro, entry(metro, 0.2))) is Reason.ENTRY_OPENED


@pytest.mark.parametrize(("gate_opened", "uses"), [(True, 1), (False, 0)])
def test_of_a_gate_that_decided_alone_what_it_did_counts(
    metro: SmallMetro, gate_opened: bool, uses: int
) -> None:
    report = Report(gate_opened, 0)
    tap = metro.tap("FHY-C-02", "exit", 0, medium_type="qr", report=report)
    assert reason(show(metro, tap)) is Reason.NO_OPEN_ENTRY
    assert len(stored(metro)) == uses


def test_a_late_tap_has_used_its_code(metro: SmallMetro) -> None:
    metro.enter(10)
    assert reason(show(metro, entry(metro, 0))) is Reason.ARRIVED_OUT_OF_ORDER
    copied = show(metro, metro.tap("CXL-A-01", "entry", 11, medium_type="qr"))
    assert reason(copied) is Reason.RIDE_CODE_REPLAYED


def test_a_copy_that_is_late_too_is_a_copy_first(metro: SmallMetro) -> None:
    show(metro, entry(metro, 10))
    copied = show(metro, metro.tap("CXL-A-01", "entry", 0, medium_type="qr"))
    assert reason(copied) is Reason.RIDE_CODE_REPLAYED


@pytest.mark.parametrize(
    "found", [Reason.RIDE_CODE_INVALID, Reason.RIDE_CODE_EXPIRED, Reason.MEDIUM_BLOCKED]
)
def test_what_was_refused_has_used_no_code(metro: SmallMetro, found: Reason) -> None:
    assert reason(show(metro, entry(metro), found)) is found
    assert stored(metro) == []
    assert reason(show(metro, entry(metro, 0.1))) is Reason.ENTRY_OPENED


def test_a_tap_that_cannot_be_decided_says_so_and_uses_no_code(metro: SmallMetro) -> None:
    assert isinstance(refuse(metro, metro.tap("nowhere", "entry", medium_type="qr")), UnknownGate)
    strange = metro.tap("FHY-A-01", "entry", medium_type="paper")
    assert isinstance(refuse(metro, strange), UnknownMedium)
    early = entry(metro).replace(occurred_at_ms=-1)
    assert isinstance(refuse(metro, early), NoTariffInForce)
    assert stored(metro) == []


def test_a_used_code_stays_used_when_nobody_passed_but_she_may_tap_again(metro: SmallMetro) -> None:
    tap = entry(metro)
    show(metro, tap)
    metro.decide(tap.replace(report=Report(True, 0, passed=False)))
    assert reason(show(metro, entry(metro, 0.5))) is Reason.ENTRY_OPENED
    copied = show(metro, metro.tap("CXL-A-01", "entry", 1, medium_type="qr"))
    assert reason(copied) is Reason.RIDE_CODE_REPLAYED


def test_a_failed_commit_has_used_no_code(
    metro: SmallMetro, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_changes: Changes) -> None:
        raise LedgerUnavailable("the disk is full")

    tap = entry(metro)
    with monkeypatch.context() as broken:
        broken.setattr(metro.ledger, "commit", fail)
        assert isinstance(refuse(metro, tap), LedgerUnavailable)
    elsewhere = metro.tap("CXL-A-01", "entry", 0.1, medium_type="qr")
    assert reason(show(metro, elsewhere)) is Reason.ENTRY_OPENED
    assert reason(show(metro, tap)) is Reason.RIDE_CODE_REPLAYED


def test_the_ledger_itself_keeps_a_code_to_one_tap(metro: SmallMetro) -> None:
    first = show(metro, entry(metro))
    found = metro.ledger.load(Wanted(code_ids=[CODE, "unknown"])).codes
    assert found == {CODE: CodeUse(b"anna".ljust(16, b"\0"), "FHY", 1, NOON_MS)}
    with pytest.raises(LedgerUnavailable, match=r"UNIQUE constraint failed: ride_codes\.code_id"):
        metro.ledger.commit(Changes((), codes=[(CODE, first.row)]))


def test_a_code_at_a_gate_with_a_suspect_clock_is_marked_like_any_tap(metro: SmallMetro) -> None:
    metro.suspect_gates.add("FHY-A-01")
    assert show(metro, entry(metro)).decision.clock_suspect


def test_a_good_code_of_a_blocked_account_is_refused_at_the_entry_and_may_leave(
    metro: SmallMetro,
) -> None:
    blocked = BlockedCodeId("another")
    show(metro, entry(metro))
    assert reason(show(metro, entry(metro, 5), blocked)) is Reason.MEDIUM_BLOCKED
    assert reason(show(metro, leaving(metro, 6), blocked)) is Reason.SAME_STATION_WITHIN_WINDOW


def test_a_copied_code_of_a_blocked_account_is_told_as_a_copy(metro: SmallMetro) -> None:
    show(metro, entry(metro))
    copy = entry(metro, 5, gate="CXL-A-01")
    assert reason(show(metro, copy, BlockedCodeId(CODE))) is Reason.RIDE_CODE_REPLAYED
