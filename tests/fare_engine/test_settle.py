"""Runs of settlement over a real ledger: again, further late taps, dry, quarantine, broken off."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from fare_engine import settle
from fare_engine.catalogue import Catalogue
from fare_engine.decision import Reason
from fare_engine.errors import NoTariffInForce
from fare_engine.ledger.database import Address
from fare_engine.ledger.queries import settlement_scan
from fare_engine.ledger.schema import taps
from fare_engine.ledger.stores import clocks as clock_store
from fare_engine.ledger.stores import settlements as settlement_store
from fare_engine.ledger.stores.network import put_gate
from fare_engine.ledger.stores.settlements import Totals
from fare_engine.network import Direction, Gate
from fare_engine.tap import Report, Tap
from fare_engine.verdict import Verdict
from tests.fare_engine.settlement.settlement_table import (
    NEXT_MORNING_MS,
    format_issue,
    open_metro,
    send_report,
    settle_day,
)
from tests.fare_engine.small_metro import MINUTE_MS, NOON_MS, TARIFF, Metro, make_token

OPENED = Report(gate_opened=True, fare_taken=0)


@pytest.fixture
def metro(place: Address) -> Iterator[Metro]:
    metro = open_metro(place)
    yield metro
    metro.ledger.close()


def issued(metro: Metro, service_date: date = date(2021, 11, 24)) -> list[str]:
    return sorted(
        format_issue(issue).partition(" ")[2] for issue in settle_day(metro, service_date).issues
    )


def qr(metro: Metro, gate_id: str, way: str, minutes: float, **more: Any) -> Tap:
    return metro.tap(gate_id, way, minutes, medium_type="qr", **more)


def cross_late(metro: Metro) -> tuple[Tap, Tap]:
    """A crossing at noon half past; the taps of a ride before it are not sent yet."""
    entry, exit_ = qr(metro, "CXL-A-01", "entry", 0), qr(metro, "FHY-C-02", "exit", 20)
    metro.decide_all(qr(metro, "FHY-A-01", "entry", 30), qr(metro, "FHY-C-02", "exit", 35))
    return entry, exit_


def test_a_further_late_tap_issues_only_the_difference(metro: Metro) -> None:
    entry, exit_ = cross_late(metro)
    metro.decide(exit_)
    assert issued(metro) == []
    metro.decide(entry)
    assert issued(metro) == ["+400 arrived_late different_station"]
    metro.decide(qr(metro, "FHY-B-03", "entry", 15, report=OPENED))
    assert issued(metro) == [
        "-200 arrived_late gate_not_designated",
        "missing +200 exit_missing entry_opened",
    ]
    totals = metro.read_rows("SELECT row, kind, sum(fare) FROM adjustments GROUP BY row, kind")
    assert sorted(fare for *_, fare in totals) == [200, 200]
    assert issued(metro) == []


def test_a_dry_run_tells_the_same_and_stores_nothing(metro: Metro) -> None:
    metro.decide_all(*cross_late(metro))
    tried = settle_day(metro, dry_run=True)
    assert tried.settlement is None
    assert metro.read_rows("SELECT * FROM settlements") == []
    assert metro.read_rows("SELECT * FROM adjustments") == []
    settled = settle_day(metro)
    assert settled == replace(tried, settlement=1)
    ((number, day, tokens, ended_at),) = metro.read_rows(
        "SELECT settlement, service_date, tokens, ended_at FROM settlements"
    )
    assert (number, day, tokens, ended_at) == (1, "2021-11-24", 1, NEXT_MORNING_MS)


def test_decisions_are_never_rewritten(metro: Metro) -> None:
    taps = cross_late(metro)
    metro.decide_all(*taps)
    before = metro.read_rows("SELECT * FROM taps")
    settle_day(metro)
    assert metro.read_rows("SELECT * FROM taps") == before
    assert metro.decide(taps[1]).decision.reason is Reason.ARRIVED_OUT_OF_ORDER


def test_a_run_that_is_broken_off_is_finished_by_the_next(
    metro: Metro, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(5):
        token = f"rider {number}"
        metro.decide_all(
            qr(metro, "FHY-A-01", "entry", 30, token=token),
            qr(metro, "CXL-A-01", "exit", 0, token=token),
        )
        metro.decide(qr(metro, "CXL-A-01", "entry", 2, token=token, report=OPENED))
        metro.decide(qr(metro, "FHY-C-02", "exit", 60, token=token))
    whole = settle_day(metro, dry_run=True)
    monkeypatch.setattr(settle, "TOKENS_AT_ONCE", 2)
    original = settlement_store.insert_adjustments
    calls = 0

    def fail_second(*arguments: Any) -> None:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise ZeroDivisionError
        original(*arguments)

    monkeypatch.setattr(settle, "insert_adjustments", fail_second)
    with pytest.raises(ZeroDivisionError):
        settle_day(metro)
    first = metro.read_rows("SELECT row, kind, fare FROM adjustments")
    assert metro.read_rows("SELECT ended_at FROM settlements") == [(None,)]
    settle_day(metro)
    every = metro.read_rows("SELECT row, kind, fare FROM adjustments")
    assert 0 < len(first) < len(every) == len(whole.issues)
    assert issued(metro) == []


def test_many_tokens_and_stretches_of_rows_are_one_run(
    metro: Metro, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settlement_scan, "SCAN_ROWS", 3)
    monkeypatch.setattr(settlement_scan, "LOOKUP_MAX", 2)
    monkeypatch.setattr(settle, "TOKENS_AT_ONCE", 2)
    monkeypatch.setattr(settle, "TOKENS_REMEMBERED_MAX", 3)
    monkeypatch.setattr(settle, "KEPT_MAX", 4)
    for number in range(20):
        token = f"rider {number}"
        metro.decide(qr(metro, "FHY-A-01", "entry", number, token=token))
        if number % 4:
            metro.decide(qr(metro, "FHY-C-02", "exit", number + 1, token=token))
    outcome = settle_day(metro)
    assert outcome.totals == Totals(missing_exits=5, missing_exit_fares=1_000)
    assert len(outcome.issues) == 4
    assert len(metro.read_rows("SELECT * FROM adjustments")) == 5


def test_a_journey_that_may_still_be_ended_is_left_alone(metro: Metro) -> None:
    metro.decide(qr(metro, "FHY-A-01", "entry", 0))
    cut_ms = NOON_MS + 16 * 60 * MINUTE_MS
    assert settle_day(metro, now_ms=cut_ms - 1).issues == []
    (issue,) = settle_day(metro, now_ms=cut_ms).issues
    assert issue.adjustment.fare == 200


def test_a_missing_exit_that_turns_up_gives_its_fare_back(metro: Metro) -> None:
    metro.decide(qr(metro, "FHY-A-01", "entry", 0))
    assert len(settle_day(metro).issues) == 1
    late = qr(metro, "CXL-A-01", "exit", 40)
    metro.decide_all(qr(metro, "FHY-A-01", "entry", 60), qr(metro, "FHY-C-02", "exit", 61), late)
    assert issued(metro) == [
        "+400 arrived_late different_station",
        "missing -200 exit_found entry_opened",
    ]


def test_another_date_is_left_alone(metro: Metro) -> None:
    metro.decide_all(*cross_late(metro))
    for day in (23, 25):
        assert settle_day(metro, date(2021, 11, day)).tokens == 0
    assert settle_day(metro).tokens == 1


def test_a_date_without_a_tariff_cannot_be_settled(metro: Metro) -> None:
    with pytest.raises(NoTariffInForce, match="1969-12-30"):
        settle_day(metro, date(1969, 12, 30))


def test_a_tariff_dated_back_changes_nothing_that_was_decided(metro: Metro) -> None:
    metro.decide(qr(metro, "FHY-A-01", "entry", 20 / 60))
    metro.decide(qr(metro, "CXL-A-01", "exit", 0))  # twenty seconds behind: not late
    strict = replace(
        TARIFF,
        version=2,
        effective_from_ms=NOON_MS - MINUTE_MS,
        clock_skew_tolerance_ms=0,
        missing_exit_fare=900,
    )
    metro.catalogue = replace(metro.catalogue, tariffs=(*metro.catalogue.tariffs, strict))
    assert settle_day(metro).issues == []


def test_a_refused_medium_that_a_gate_alone_let_in_has_made_its_journey(
    metro: Metro,
) -> None:
    entry = qr(metro, "FHY-A-01", "entry", 0, report=OPENED)
    exit_ = qr(metro, "CXL-A-01", "exit", 30, report=OPENED)
    findings = {0: Reason.RIDE_CODE_EXPIRED}
    (refused,) = metro.engine.process([entry], NEXT_MORNING_MS, findings)
    assert refused.decision.reason is Reason.RIDE_CODE_EXPIRED  # type: ignore[union-attr]
    assert metro.decide(exit_).decision.reason is Reason.NO_OPEN_ENTRY
    assert issued(metro) == ["+400 decided_again different_station"]


def test_an_invalid_code_names_nobody(metro: Metro) -> None:
    entry = qr(metro, "FHY-A-01", "entry", 0, report=OPENED)
    metro.engine.process([entry], NEXT_MORNING_MS, {0: Reason.RIDE_CODE_INVALID})
    assert issued(metro) == []


def test_a_gate_that_was_missing_is_registered_and_its_taps_settled(metro: Metro) -> None:
    entry = qr(metro, "CXL-B-09", "entry", 0, report=OPENED)
    exit_ = qr(metro, "FHY-C-02", "exit", 30, report=Report(True, 200))
    first = metro.decide(entry)
    assert first.decision.reason is Reason.RECORDED
    assert metro.decide(exit_).decision.reason is Reason.NO_OPEN_ENTRY
    assert settle_day(metro).issues == [], "an unmatched exit that opened costs 200: it took them"

    metro.catalogue = register(metro, Gate("CXL-B-09", "CXL", frozenset(Direction)))
    outcome = settle_day(metro)
    assert outcome.repaired == 1
    assert [format_issue(issue).partition(" ")[2] for issue in outcome.issues] == [
        "+200 decided_again different_station"
    ]
    metro.use(metro.catalogue)
    assert metro.decide(entry) == first.replace(replayed=True), "the answer stays for ever"

    metro.catalogue = register(metro, Gate("CXL-B-09", "FHY", frozenset(Direction)))
    again = settle_day(metro)
    assert (again.repaired, again.issues) == (0, []), "the tap keeps the station it was settled at"


def register(metro: Metro, gate: Gate) -> Catalogue:
    return metro.change(
        lambda connection: put_gate(connection, metro.catalogue, gate, "test", NOON_MS)
    )


def test_a_report_that_a_gate_alone_completes_is_settled(metro: Metro) -> None:
    entry = qr(metro, "FHY-A-01", "entry", 0)
    exit_ = qr(metro, "CXL-A-01", "exit", 30, report=Report(True, 400))
    metro.decide_all(entry, exit_)
    assert settle_day(metro).issues == []
    send_report(metro, exit_, Report(True, 400, passed=False))
    fares = [issue.adjustment.fare for issue in settle_day(metro).issues]
    assert sorted(fares) == [-400, 200]


def test_what_is_published_and_tapped_while_it_runs_waits_for_the_next(
    metro: Metro, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A row that names a gate which the run's catalogue does not know must not end the run."""
    metro.decide_all(*cross_late(metro))
    original = settlement_scan.scan_tokens

    def register_and_tap(*arguments: Any) -> Iterator[list[bytes]]:
        run_with = metro.catalogue
        metro.use(register(metro, Gate("CXL-B-09", "CXL", frozenset(Direction))))
        metro.decide(qr(metro, "CXL-B-09", "entry", 90))
        metro.catalogue = run_with
        yield from original(*arguments)

    monkeypatch.setattr(settle, "scan_tokens", register_and_tap)
    assert issued(metro) == ["+400 arrived_late different_station"]


def measure(metro: Metro, gate_id: str, skew_ms: int, at_ms: int) -> None:
    """A heartbeat's measurement, as the runtime takes it."""
    number = metro.catalogue.gates[gate_id].number
    metro.change(lambda connection: clock_store.record_skews(connection, {number: skew_ms}, at_ms))
    metro.suspect_gates.add(gate_id)


@pytest.mark.parametrize(("ahead_ms", "due"), [(59_999, []), (60_000, ["-200 clock_corrected"])])
def test_a_tap_of_a_suspect_clock_is_settled_at_its_corrected_time(
    metro: Metro, ahead_ms: int, due: list[str]
) -> None:
    """She took 15 minutes and a clock a minute ahead made it 16."""
    measure(metro, "FHY-C-02", ahead_ms, NEXT_MORNING_MS - 1)
    entry, exit_ = qr(metro, "FHY-A-01", "entry", 0), qr(metro, "FHY-C-02", "exit", 16)
    verdicts = [metro.decide(tap) for tap in (entry, exit_)]
    assert [verdict.decision.clock_suspect for verdict in verdicts] == [False, True]
    found = [text.rpartition(" ")[0] for text in issued(metro)]
    assert found == due
    assert issued(metro) == []


def test_an_uploaded_tap_is_corrected_by_what_was_measured_by_its_own_time(
    metro: Metro,
) -> None:
    measure(metro, "FHY-C-02", 60_000, NOON_MS)
    measure(metro, "FHY-C-02", 40_000, NEXT_MORNING_MS - 1)
    entry = qr(metro, "FHY-A-01", "entry", 0)
    took = Report(gate_opened=True, fare_taken=200)
    metro.decide_all(entry, qr(metro, "FHY-C-02", "exit", 16).replace(report=took))
    assert issued(metro) == ["-200 clock_corrected same_station_within_window"]


def test_a_tap_that_waited_in_quarantine_is_settled_at_its_corrected_time_too(
    metro: Metro,
) -> None:
    """She took 15 minutes and a clock ten minutes ahead made it 25, which was not believed."""
    measure(metro, "FHY-C-02", 10 * MINUTE_MS, NOON_MS)
    metro.engine.process([qr(metro, "FHY-A-01", "entry", 0)], NOON_MS)
    exit_ = qr(metro, "FHY-C-02", "exit", 25, report=Report(gate_opened=True, fare_taken=200))
    (waits,) = metro.engine.process([exit_], NOON_MS + 15 * MINUTE_MS)
    assert isinstance(waits, Verdict)
    assert (waits.problem, waits.decision.clock_suspect) == ("clock-ahead", True)
    assert issued(metro) == ["-200 clock_corrected same_station_within_window"]


def test_a_token_whose_rows_are_damaged_is_left_out_and_all_others_are_settled(
    metro: Metro,
) -> None:
    for token in ("anna", "ben", "cleo"):
        metro.decide(qr(metro, "FHY-A-01", "entry", 0, token=token))
    metro.ledger.close()
    of_ben = taps.update().where(taps.c.token == make_token("ben"))
    changed = metro.change(lambda connection: connection.execute(of_ben.values(tariff_version=99)))
    assert changed.rowcount == 1
    metro.open()
    outcome = settle_day(metro)
    assert (outcome.tokens, outcome.unsettled) == (2, 1)
    assert outcome.totals == Totals(missing_exits=2, missing_exit_fares=400)
