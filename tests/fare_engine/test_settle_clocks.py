"""Runs of settlement over a real ledger with gates whose clocks are wrong, by days and by years."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta

import pytest
from sqlalchemy import delete

from fare_engine.decision import Reason
from fare_engine.ledger.database import Address
from fare_engine.ledger.schema import clock_skews
from fare_engine.modes import DegradedMode, Mode
from fare_engine.policy import Suspension
from fare_engine.tap import Report, Tap
from fare_engine.verdict import Verdict
from tests.fare_engine.settlement.settlement_table import (
    NEXT_MORNING_MS,
    THE_DAY,
    format_issue,
    open_metro,
    settle_day,
)
from tests.fare_engine.small_metro import MINUTE_MS, NOON_MS, PILOT, TARIFF, Metro
from tests.fare_engine.test_settle import measure

DAY_MS = 24 * 60 * MINUTE_MS
YEAR_MS = 365 * DAY_MS
OPENED = Report(gate_opened=True, fare_taken=0)


@pytest.fixture
def metro(place: Address) -> Iterator[Metro]:
    metro = open_metro(place)
    yield metro
    metro.ledger.close()


def tap(
    metro: Metro,
    gate_id: str,
    way: str,
    minutes: float,
    *,
    skew_ms: int = 0,
    report: Report | None = OPENED,
    token: str = "anna",
) -> Tap:
    """A tap at so many minutes past noon, as the gate's clock shows it."""
    made = metro.tap(gate_id, way, minutes, medium_type="qr", token=token, report=report)
    return made.replace(occurred_at_ms=made.occurred_at_ms + skew_ms)


def send(metro: Metro, sent: Tap, minutes: float) -> Verdict:
    """The engine gets a tap at so many minutes past noon by its own clock."""
    (verdict,) = metro.engine.process([sent], NOON_MS + round(minutes * MINUTE_MS))
    assert isinstance(verdict, Verdict)
    return verdict


def issued(metro: Metro, day: date = THE_DAY, now_ms: int = NEXT_MORNING_MS) -> list[str]:
    found = settle_day(metro, day, now_ms).issues
    return sorted(format_issue(issue).partition(" ")[2] for issue in found)


def date_of(at_ms: int) -> date:
    return date.fromordinal(TARIFF.calendar.service_day(at_ms).ordinal)


def cross(metro: Metro, *, entry_skew_ms: int = 0, exit_skew_ms: int = 0) -> list[Verdict]:
    """A crossing of ten minutes by gates that decide alone."""
    entry = tap(metro, "FHY-A-01", "entry", 0, skew_ms=entry_skew_ms)
    exit_ = tap(metro, "FHY-C-02", "exit", 10, skew_ms=exit_skew_ms)
    return [send(metro, entry, 0.1), send(metro, exit_, 10.1)]


@pytest.mark.parametrize("days", [-4, -5, -31, -400, -3_000])
def test_a_crossing_by_a_gate_that_is_days_slow_is_free_on_whichever_date(
    metro: Metro, days: int
) -> None:
    measure(metro, "FHY-A-01", days * DAY_MS, NOON_MS - DAY_MS)
    cross(metro, entry_skew_ms=days * DAY_MS)
    by_its_gate = THE_DAY + timedelta(days=days)
    for day in (THE_DAY, by_its_gate, THE_DAY, by_its_gate):
        assert issued(metro, day) == []


@pytest.mark.parametrize("ahead_ms", [6 * MINUTE_MS, DAY_MS, 400 * DAY_MS, 78 * YEAR_MS])
def test_a_crossing_by_a_gate_that_is_ahead_leaves_the_quarantine_at_its_corrected_time(
    metro: Metro, ahead_ms: int
) -> None:
    measure(metro, "FHY-C-02", ahead_ms, NOON_MS - DAY_MS)
    _, waits = cross(metro, exit_skew_ms=ahead_ms)
    assert waits.problem == "clock-ahead"
    by_its_gate = date_of(NOON_MS + ahead_ms)
    for day in (by_its_gate, THE_DAY):
        assert issued(metro, day) == []
    assert len(metro.read_rows("SELECT * FROM repairs")) == 1


def test_a_gate_that_lost_its_battery_before_any_tariff_leaves_the_quarantine_too(
    metro: Metro,
) -> None:
    skew_ms = -60 * YEAR_MS
    measure(metro, "FHY-A-01", skew_ms, NOON_MS - DAY_MS)
    waits, _ = cross(metro, entry_skew_ms=skew_ms)
    assert waits.problem == "no-tariff-in-force"
    assert issued(metro) == []
    assert len(metro.read_rows("SELECT * FROM repairs")) == 1


def test_a_clock_that_was_measured_only_after_the_run_is_corrected_by_the_next_one(
    metro: Metro,
) -> None:
    cross(metro, entry_skew_ms=-5 * DAY_MS)
    assert issued(metro) == ["+200 decided_again no_open_entry"]
    measure(metro, "FHY-A-01", -5 * DAY_MS, NOON_MS + 20 * MINUTE_MS)
    assert issued(metro) == ["-200 decided_again same_station_within_window"]
    assert issued(metro, THE_DAY - timedelta(days=5)) == []
    assert issued(metro) == []


def test_what_a_run_has_corrected_stays_so_once_its_measurement_is_forgotten(
    metro: Metro,
) -> None:
    measure(metro, "FHY-A-01", -5 * DAY_MS, NOON_MS - DAY_MS)
    cross(metro, entry_skew_ms=-5 * DAY_MS)
    assert issued(metro) == []
    metro.change(lambda connection: connection.execute(delete(clock_skews)))
    for days in (0, 5):
        assert issued(metro, THE_DAY - timedelta(days=days)) == []


def test_a_dry_run_pins_nothing(metro: Metro) -> None:
    measure(metro, "FHY-A-01", -5 * DAY_MS, NOON_MS - DAY_MS)
    cross(metro, entry_skew_ms=-5 * DAY_MS)
    settle_day(metro, dry_run=True)
    assert metro.read_rows("SELECT * FROM clock_corrections") == []
    settle_day(metro)
    assert len(metro.read_rows("SELECT * FROM clock_corrections")) == 1


def test_the_policy_at_the_corrected_time_counts_where_the_gate_stood_before_the_pilot(
    metro: Metro,
) -> None:
    begins = replace(PILOT, effective_from_ms=NOON_MS - DAY_MS)
    metro.use(replace(metro.catalogue, policies={"FHY": (begins,)}, terms={}))
    measure(metro, "FHY-A-01", -5 * DAY_MS, NOON_MS - DAY_MS)
    entered, _ = cross(metro, entry_skew_ms=-5 * DAY_MS)
    assert entered.decision.terms is not None
    assert entered.decision.terms.policy is None
    assert issued(metro) == []

    later = replace(PILOT, version=2, effective_from_ms=NOON_MS - MINUTE_MS, window_ms=MINUTE_MS)
    metro.use(replace(metro.catalogue, policies={"FHY": (begins, later)}, terms={}))
    assert issued(metro) == [], "what was settled pins its versions"


def test_a_suspension_counts_by_the_corrected_time(metro: Metro) -> None:
    suspended = Suspension("FHY", NOON_MS - 6 * DAY_MS, "fire", NOON_MS - 4 * DAY_MS)
    metro.use(replace(metro.catalogue, suspensions={"FHY": (suspended,)}, terms={}))
    measure(metro, "FHY-A-01", -5 * DAY_MS, NOON_MS - DAY_MS)
    cross(metro, entry_skew_ms=-5 * DAY_MS)
    assert issued(metro) == [], "by its gate it was suspended, and at its true time it was not"


def test_a_degraded_mode_counts_by_the_corrected_time(metro: Metro) -> None:
    mode = DegradedMode("CXL", Mode.EMERGENCY, NOON_MS - MINUTE_MS, "fire", NOON_MS + DAY_MS)
    metro.use(metro.catalogue.with_modes("CXL", (mode,)))
    measure(metro, "CXL-A-01", -5 * DAY_MS, NOON_MS - DAY_MS)
    send(metro, tap(metro, "FHY-A-01", "entry", 0), 0.1)
    took = Report(gate_opened=True, fare_taken=400)
    late = tap(metro, "CXL-A-01", "exit", 30, skew_ms=-5 * DAY_MS, report=took)
    assert send(metro, late, 30.1).decision.reason is Reason.ARRIVED_OUT_OF_ORDER
    assert issued(metro) == ["-400 clock_corrected emergency"]


def test_a_live_tap_of_a_slow_clock_is_settled_at_its_corrected_time(metro: Metro) -> None:
    measure(metro, "FHY-A-01", -5 * DAY_MS, NOON_MS - DAY_MS)
    entry = tap(metro, "FHY-A-01", "entry", 0, skew_ms=-5 * DAY_MS, report=None)
    exit_ = tap(metro, "FHY-C-02", "exit", 10, report=None)
    assert send(metro, entry, 0).decision.clock_suspect
    assert send(metro, exit_, 10).decision.reason is Reason.ENTRY_EXPIRED
    assert issued(metro) == []


def test_a_journey_that_a_wrong_tap_had_ended_is_missing_its_exit_on_its_own_date(
    metro: Metro,
) -> None:
    """Five days ago she went in and was not seen again; the slow gate took her exit for that."""
    long_ago = -5 * 24 * 60
    send(metro, tap(metro, "FHY-A-01", "entry", long_ago, report=None), long_ago)
    measure(metro, "FHY-C-02", -5 * DAY_MS, NOON_MS - DAY_MS)
    exit_ = tap(metro, "FHY-C-02", "exit", 10, skew_ms=-5 * DAY_MS)
    assert send(metro, exit_, 10).decision.reason is Reason.SAME_STATION_WITHIN_WINDOW
    assert issued(metro) == ["+200 clock_corrected no_open_entry"]
    assert issued(metro, THE_DAY - timedelta(days=5)) == ["missing +200 exit_missing entry_opened"]
    for days in (0, 5):
        assert issued(metro, THE_DAY - timedelta(days=days)) == []


def test_only_what_was_tapped_before_the_clock_was_set_is_corrected(metro: Metro) -> None:
    hour_ms = 60 * MINUTE_MS
    measure(metro, "FHY-C-02", -hour_ms, NOON_MS - DAY_MS)
    send(metro, tap(metro, "FHY-A-01", "entry", 0), 0.1)
    send(metro, tap(metro, "FHY-C-02", "exit", 10, skew_ms=-hour_ms), 10.1)
    send(metro, tap(metro, "FHY-A-01", "entry", 30), 30.1)
    measure(metro, "FHY-C-02", 0, NOON_MS + 39 * MINUTE_MS)
    metro.suspect_gates.clear()
    send(metro, tap(metro, "FHY-C-02", "exit", 40), 40.1)
    assert issued(metro) == []


def test_a_tap_uploaded_once_its_clock_was_right_again_is_corrected_all_the_same(
    metro: Metro,
) -> None:
    measure(metro, "FHY-C-02", 20 * MINUTE_MS, NOON_MS - DAY_MS)
    measure(metro, "FHY-C-02", 0, NOON_MS + 60 * MINUTE_MS)
    metro.suspect_gates.clear()
    send(metro, tap(metro, "FHY-A-01", "entry", 0), 0.1)
    took = Report(gate_opened=True, fare_taken=200)
    uploaded = tap(metro, "FHY-C-02", "exit", 10, skew_ms=20 * MINUTE_MS, report=took)
    assert not send(metro, uploaded, 90).decision.clock_suspect
    assert issued(metro) == ["-200 clock_corrected same_station_within_window"]


@pytest.mark.parametrize("skew_ms", [-DAY_MS, 20 * 60 * MINUTE_MS])
def test_a_correction_over_the_cut_counts_on_the_service_date_of_the_true_time(
    metro: Metro, skew_ms: int
) -> None:
    """A waiver a day: the one that a wrong clock put on another date counts on its own."""
    limited = replace(PILOT, daily_limit=1)
    metro.use(replace(metro.catalogue, policies={"FHY": (limited,)}, terms={}))
    measure(metro, "FHY-A-01", skew_ms, NOON_MS - DAY_MS)
    cross(metro, entry_skew_ms=skew_ms)
    send(metro, tap(metro, "FHY-B-03", "entry", 30), 30.1)
    send(metro, tap(metro, "FHY-C-02", "exit", 35), 35.1)
    assert issued(metro) == ["+200 taken_otherwise gate_not_designated"]
    send(metro, tap(metro, "FHY-A-01", "entry", 50, skew_ms=skew_ms), 50.1)
    send(metro, tap(metro, "FHY-C-02", "exit", 55), 55.1)
    assert issued(metro) == ["+200 decided_again daily_limit_reached"]
    assert issued(metro) == []


def test_nothing_is_overlooked_behind_which_the_engines_clock_was_set_back(
    metro: Metro,
) -> None:
    """After a restart it was twenty hours behind for a while."""
    send(metro, tap(metro, "FHY-A-01", "entry", 0), 0.1)
    send(metro, tap(metro, "CXL-A-01", "exit", 30), 30.1)
    behind = 40 - 20 * 60
    for number in range(30):
        ahead = tap(metro, "FHY-B-03", "entry", 40, token=f"other {number}")
        assert send(metro, ahead, behind).problem == "clock-ahead"
    for number in range(4):
        exit_ = tap(metro, "FHY-B-03", "exit", 50, token=f"other {number}", report=None)
        send(metro, exit_, 50)
    assert "+400 taken_otherwise different_station" in issued(metro)
