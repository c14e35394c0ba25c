"""Which measurement of a gate's clock holds for a tap."""

import pytest

from fare_engine.settlement.clocks import MeasuredClocks, Measurement, Reading
from tests.fare_engine.small_metro import MINUTE_MS, NOON_MS, TARIFF

DAY_MS = 24 * 60 * MINUTE_MS
HOUR_MS = 60 * MINUTE_MS


def skew(
    *measured: tuple[float, int],
    shows: float,
    received: float,
    was_live: bool = False,
) -> int:
    """The skew at a tap; times are hours after noon, skews minutes."""
    measurements = [
        Measurement(NOON_MS + round(at * HOUR_MS), skew * MINUTE_MS) for at, skew in measured
    ]
    clocks = MeasuredClocks(lambda gate_id: measurements, (TARIFF,))
    at_gate_ms, received_ms = (NOON_MS + round(at * HOUR_MS) for at in (shows, received))
    return clocks.find_skew("A", Reading(at_gate_ms, received_ms, was_live)) // MINUTE_MS


def test_without_a_measurement_nobody_knows() -> None:
    assert skew(shows=1, received=1) == 0


def test_what_was_measured_last_before_the_tap_holds() -> None:
    assert skew((0, 10), (2, 20), shows=1.5, received=1.4) == 10
    assert skew((0, 10), (2, 20), shows=2.5, received=2.4) == 20


def test_before_the_first_measurement_the_first_one_holds() -> None:
    assert skew((2, 10), shows=1, received=3) == 10


def test_a_tap_uploaded_later_goes_by_its_own_time_and_not_by_its_receipt() -> None:
    assert skew((0, 10), (2, 0), shows=1, received=5) == 10
    assert skew((0, 0), (2, 10), shows=1, received=5) == 0


@pytest.mark.parametrize("days", [-20_000, -400, -5, 5, 400, 20_000])
def test_a_clock_may_be_off_by_any_number_of_days(days: int) -> None:
    minutes = days * DAY_MS // MINUTE_MS
    assert skew((0, minutes), shows=1 + days * 24, received=1.5) == minutes
    assert skew((2, minutes), shows=1 + days * 24, received=1.5) == minutes


def test_a_tap_between_a_jump_and_its_measurement_goes_by_the_measurement_after_it() -> None:
    """Five days slow until half past one, when the clock was set; measured at two."""
    slow = -5 * DAY_MS // MINUTE_MS
    assert skew((0, slow), (2, 0), shows=1.75, received=1.75) == 0
    assert skew((0, slow), (2, 0), shows=1.25 - 120, received=1.25) == slow


def test_no_tap_is_corrected_to_long_after_it_was_received() -> None:
    """The clock was set, and nobody has measured it since."""
    assert skew((0, -5 * DAY_MS // MINUTE_MS), shows=1, received=1) == 0
    assert skew((0, -4), shows=1, received=1) == -4, "as far ahead as any clock may be"


def test_what_was_measured_after_the_receipt_does_not_hold_while_something_before_it_does() -> None:
    """Four minutes fast; set right and measured a minute after the tap was received."""
    assert skew((0, 4), (1 + 1 / 60, 0), shows=1 + 4 / 60, received=1) == 4


def test_a_clock_that_shows_a_time_twice_is_read_by_the_time_of_the_receipt() -> None:
    """Set back by an hour at two: it shows half past one at half past one and at half past two."""
    assert skew((0, 0), (2, -60), shows=1.5, received=1.5) == 0
    assert skew((0, 0), (2, -60), shows=1.5, received=2.5) == -60


def test_an_error_within_the_tolerance_is_none() -> None:
    measured = Measurement(NOON_MS, TARIFF.clock_skew_tolerance_ms)
    clocks = MeasuredClocks(lambda gate_id: [measured], (TARIFF,))
    assert clocks.find_skew("A", Reading(NOON_MS + HOUR_MS, NOON_MS + HOUR_MS, False)) == 0


def test_a_live_tap_is_corrected_by_a_later_measurement_only_if_its_receipt_bears_it_out() -> None:
    """Nobody measured the clock before: it may have been right when it was tapped."""
    assert skew((2, 4), shows=1, received=1, was_live=True) == 0
    slow = -5 * DAY_MS // MINUTE_MS
    assert skew((2, slow), shows=1 - 120, received=1.1, was_live=True) == slow


def test_no_tap_is_corrected_to_before_there_was_a_tariff() -> None:
    absurd = 9_999 * 365 * DAY_MS // MINUTE_MS
    assert skew((0, absurd), shows=1, received=1) == 0


def test_where_nothing_agrees_what_was_known_at_the_receipt_holds() -> None:
    """Right at one and at two, twenty days slow at three; its tap says ten past twelve."""
    slow = -20 * DAY_MS // MINUTE_MS
    assert skew((1, 0), (2, 0), (3, slow), shows=1 / 6 - 480, received=3.5) == slow


def test_a_clock_set_right_since_says_nothing_of_before_it_was_measured() -> None:
    assert skew((1, 20), (5, 0), shows=0.5, received=6) == 20


def test_what_was_known_at_the_receipt_holds_for_a_tap_that_came_soon() -> None:
    """An hour ahead at one, set right a minute later; its tap says one, and comes at five past."""
    assert skew((1, 60), (1 + 1 / 60, 0), shows=1, received=1 + 5 / 60) == 0
