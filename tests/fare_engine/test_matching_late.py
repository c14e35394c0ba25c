"""Late taps: a token only moves forward, but for the tolerance of two gates' clocks."""

from tests.fare_engine.rule_table import check
from tests.fare_engine.rule_words import read_moment
from tests.fare_engine.rule_world import FIRST_DAY


def test_a_tap_behind_the_clock_is_late_beyond_the_tolerance_only() -> None:
    check(
        """
        08:10:00.000  A1 in   qr:1  | entry_opened
        08:09:30.001  C1 out  qr:1  | same_station_within_window 0 200

        08:10:00.000  A1 in   qr:2  | entry_opened
        08:09:30.000  C1 out  qr:2  | same_station_within_window 0 200

        08:10:00.000  A1 in   qr:3  | entry_opened
        08:09:29.999  C1 out  qr:3  | arrived_out_of_order tariff=1
        """
    )


def test_a_late_tap_opens_its_gate_and_leaves_everything_as_it_was() -> None:
    check(
        """
        08:10:00.000  A1 in   qr:1  | entry_opened
        08:05:00.000  J1 in   qr:1  | arrived_out_of_order
        08:05:00.000  J1 out  qr:1  | arrived_out_of_order
        08:20:00.000  C1 out  qr:1  | same_station_within_window 0 200 entry=08:10
        """
    )


def test_the_clock_is_the_greatest_time_and_not_the_latest_tap() -> None:
    state = check(
        """
        08:10:00.000  A1 in   qr:1  | entry_opened
        08:09:40.000  A1 in   qr:1  | entry_repeated
        08:09:29.999  C1 out  qr:1  | arrived_out_of_order
        08:09:30.000  C1 out  qr:1  | same_station_within_window 0 200 entry=08:09:40
        08:09:29.999  C1 out  qr:1  | arrived_out_of_order
        08:09:30.000  C1 out  qr:1  | exit_repeated
        """
    )["qr:1"]
    assert state.clock_ms == read_moment("08:10", FIRST_DAY)


def test_exits_move_the_clock_too_whether_matched_or_not() -> None:
    check(
        """
        tariff 1 unmatched_exit=open
        08:00:00.000  A1 in   qr:1  | entry_opened
        08:10:00.000  C1 out  qr:1  | same_station_within_window 0 200
        08:09:29.999  A1 in   qr:1  | arrived_out_of_order
        08:10:30.000  C1 out  qr:1  | exit_repeated
        08:09:59.999  A1 in   qr:1  | arrived_out_of_order
        08:20:00.000  C1 out  qr:1  | no_open_entry 200 gate=open
        08:19:29.999  A1 in   qr:1  | arrived_out_of_order
        08:19:30.000  A1 in   qr:1  | entry_opened
        """
    )


def test_taps_that_were_late_or_refused_or_found_the_gate_shut_do_not_move_the_clock() -> None:
    check(
        """
        08:00:00.000  A1 in   qr:1  | entry_opened
        09:00:00.000  A1 in   qr:1  refusal=ride_code_expired | ride_code_expired
        09:00:00.000  A1 in   qr:1  offline=refuse | entry_superseded incomplete=200
        07:00:00.000  A1 in   qr:1  | arrived_out_of_order
        08:00:00.000  C1 out  qr:1  | same_station_within_window 0 200

        09:00:00.000  C1 out  qr:2  | no_open_entry
        07:00:00.000  A1 in   qr:2  | entry_opened
        """
    )


def test_the_tolerance_is_the_one_of_the_tariff_at_the_tap() -> None:
    check(
        """
        tariff 2 from=08:10 skew=5s
        08:10:10.000  A1 in   qr:1  | entry_opened         tariff=2
        08:10:04.999  C1 out  qr:1  | arrived_out_of_order tariff=2
        08:09:59.999  C1 out  qr:1  | same_station_within_window 0 200 tariff=2

        tariff 3 from=08:30 skew=0
        08:30:00.000  A1 in   qr:2  | entry_opened
        08:30:01.000  C1 out  qr:2  | same_station_within_window 0 200
        08:30:00.999  C1 out  qr:2  | arrived_out_of_order
        08:30:01.000  C1 out  qr:2  | exit_repeated
        """
    )


def test_a_late_tap_is_late_whatever_its_gate_did() -> None:
    check(
        """
        08:10:00.000  A1 in   qr:1  | entry_opened
        08:09:00.000  C1 out  qr:1  offline=open   | arrived_out_of_order
        08:09:00.000  C1 out  qr:1  offline=refuse | arrived_out_of_order
        08:11:00.000  C1 out  qr:1  | same_station_within_window 0 200
        """
    )


def test_a_late_exit_between_two_exits_leaves_the_second_tap_free() -> None:
    check(
        """
        08:00:00.000  A1 in   qr:1  | entry_opened
        08:10:00.000  C1 out  qr:1  | same_station_within_window 0 200
        08:09:00.000  J1 out  qr:1  | arrived_out_of_order
        08:10:30.000  C1 out  qr:1  | exit_repeated
        """
    )
