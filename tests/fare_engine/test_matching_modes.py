"""Degraded modes: what a station lets go while something is broken, read at the tap."""

import pytest

from tests.fare_engine.rule_table import check


def test_sequence_free_opens_an_unmatched_exit_for_the_lowest_fare() -> None:
    check(
        """
        mode sequence_free 08:00..09:00
        07:59:59.999  C1 out  tianfutong:1  | no_open_entry modes=
        08:00:00.000  C1 out  tianfutong:2  | no_open_entry 270 gate=open modes=sequence_free
        08:59:59.999  C1 out  qr:3          | no_open_entry 300 gate=open
        09:00:00.000  C1 out  qr:4          | no_open_entry modes=
        """
    )


def test_a_mode_holds_at_its_own_station_alone() -> None:
    check(
        """
        mode sequence_free 08:00.. station=JRC
        08:30  C1 out  qr:1  | no_open_entry modes=
        08:30  J1 out  qr:2  | no_open_entry 300 gate=open modes=sequence_free
        """
    )


@pytest.mark.parametrize("mode", ["sequence_free", "entry_free", "exit_free"])
def test_the_lowest_fare_is_that_from_the_exit_station(mode: str) -> None:
    check(
        f"""
        fare JRC FHY 150
        mode {mode} 08:00.. station=XP
        mode {mode} 08:00.. station=JRC
        08:30  X1 out  qr:1          | no_open_entry 800 gate=open
        08:30  J1 out  qr:2          | no_open_entry 150 gate=open
        08:30  J1 out  tianfutong:3  | no_open_entry 135 gate=open
        """
    )


def test_an_unmatched_exit_that_opens_anyway_costs_no_more_for_a_mode() -> None:
    check(
        """
        tariff 2 from=07:00 unmatched_exit=open unmatched_exit_fare=250
        tariff 3 from=09:00 unmatched_exit=open unmatched_exit_fare=350
        mode sequence_free 08:00..
        07:30  C1 out  qr:1  | no_open_entry 250 gate=open
        08:30  C1 out  qr:2  | no_open_entry 250 gate=open
        09:30  C1 out  qr:3  | no_open_entry 300 gate=open
        """
    )


def test_an_expired_entry_opens_in_sequence_free_and_waits_for_the_next_entry() -> None:
    check(
        """
        tariff 2 from=07:00 expiry=1h
        mode sequence_free 09:00..
        08:00  J1 in   qr:1  | entry_opened
        09:00  C1 out  qr:1  | entry_expired 300 gate=open entry=08:00
        09:01  C1 out  qr:1  | exit_repeated entry=08:00 closing=left_open modes=sequence_free
        09:30  A1 in   qr:1  | entry_opened closing=expired incomplete=200 entry=08:00
        """
    )


def test_a_second_tap_at_an_exit_is_free_in_sequence_free_once() -> None:
    check(
        """
        mode sequence_free 08:00..
        08:30:00.000  C1 out  qr:1  | no_open_entry 300 gate=open
        08:31:00.000  C1 out  qr:1  | exit_repeated
        08:31:30.000  C1 out  qr:1  | no_open_entry 300 gate=open
        """
    )


def test_what_is_matched_is_decided_as_usual_in_sequence_entry_and_exit_free() -> None:
    check(
        """
        mode sequence_free 08:00..
        mode entry_free 08:00..
        mode exit_free 08:00..
        08:00:00.000  A1 in   qr:1  | entry_opened modes=sequence_free,entry_free,exit_free
        08:15:00.000  C1 out  qr:1  | same_station_within_window 0 200
        08:30:00.000  A1 in   qr:1  | entry_opened
        08:45:00.001  C1 out  qr:1  | window_exceeded 200 0 +++-+
        09:00:00.000  X1 in   qr:1  | entry_opened modes=
        10:00:00.000  C1 out  qr:1  | different_station 900
        11:00:00.000  X1 in   qr:1  | entry_opened
        15:00:00.001  C1 out  qr:1  | overstay 900
        """
    )


@pytest.mark.parametrize("mode", ["entry_free", "exit_free", "emergency"])
def test_who_may_have_left_through_open_gates_owes_no_missing_exit_fare(mode: str) -> None:
    check(
        f"""
        mode {mode} 08:30..09:00
        08:00:00.000  J1 in  qr:1  | entry_opened
        09:30:00.000  J1 in  qr:1  | entry_superseded closing=excused entry=08:00
        08:59:59.999  J1 in  qr:2  | entry_opened
        09:30:00.000  J1 in  qr:2  | entry_superseded closing=excused entry=08:59:59.999
        09:00:00.000  J1 in  qr:3  | entry_opened
        09:30:00.000  J1 in  qr:3  | entry_superseded incomplete=200 entry=09:00
        08:00:00.000  J1 in  qr:4  | entry_opened
        08:29:59.999  J1 in  qr:4  | entry_superseded incomplete=200 entry=08:00
        08:00:00.000  J1 in  qr:5  | entry_opened
        08:30:00.000  J1 in  qr:5  | entry_superseded closing=excused entry=08:00
        """
    )


@pytest.mark.parametrize("mode", ["sequence_free", "time_free", "fare_free"])
def test_modes_in_which_gates_stay_shut_excuse_no_missing_exit(mode: str) -> None:
    check(
        f"""
        mode {mode} 08:30..09:00
        08:00  J1 in  qr:1  | entry_opened
        08:45  A1 in  qr:1  | entry_superseded incomplete=200 entry=08:00
        """
    )


def test_an_expired_journey_is_excused_when_gates_stood_open_before_it_expired() -> None:
    check(
        """
        tariff 2 from=07:00 expiry=1h
        mode exit_free 09:00:00.000..09:30
        08:00:00.000  A1 in  qr:1  | entry_opened
        10:00         A1 in  qr:1  | entry_opened closing=expired incomplete=200 entry=08:00
        08:00:00.001  A1 in  qr:2  | entry_opened
        10:00         A1 in  qr:2  | entry_opened closing=excused entry=08:00:00.001
        """
    )


def test_an_entry_by_a_clock_ahead_is_excused_by_gates_that_stood_open_at_it() -> None:
    check(
        """
        mode exit_free 08:30:00.000..09:30
        08:30:00.000  J1 in  qr:1  | entry_opened
        08:29:59.999  A1 in  qr:1  | entry_superseded closing=excused entry=08:30:00.000
        """
    )


def test_stretches_that_overlap_excuse_as_one() -> None:
    check(
        """
        mode exit_free 08:30..09:30
        mode emergency 08:40..08:50 station=JRC
        mode entry_free 11:00..12:00 station=XP
        09:29:59.999  A1 in  qr:1  | entry_opened
        10:00         A1 in  qr:1  | entry_superseded closing=excused entry=09:29:59.999
        09:30         A1 in  qr:2  | entry_opened
        10:00         A1 in  qr:2  | entry_superseded incomplete=200 entry=09:30
        """
    )


def test_a_second_tap_at_an_entry_is_replaced_and_not_excused() -> None:
    check(
        """
        mode exit_free 08:00..09:00
        08:00:00.000  A1 in  qr:1  | entry_opened
        08:02:00.000  A1 in  qr:1  | entry_repeated entry=08:00
        """
    )


def test_time_free_knows_no_overstay_and_keeps_the_window() -> None:
    check(
        """
        mode time_free 12:00..13:00
        07:00:00.000  A1 in   qr:1  | entry_opened
        11:59:59.999  J1 out  qr:1  | overstay 800
        08:00:00.000  J1 in   qr:2  | entry_opened
        12:00:00.001  C1 out  qr:2  | different_station 300 modes=time_free
        08:00:00.000  A1 in   qr:3  | entry_opened
        12:30:00.000  C1 out  qr:3  | window_exceeded 200 0 +++-+
        08:00:00.000  J1 in   qr:4  | entry_opened
        13:00:00.000  C1 out  qr:4  | overstay 900
        12:10:00.000  A1 in   qr:5  | entry_opened
        12:25:00.000  C1 out  qr:5  | same_station_within_window 0 200
        """
    )


def test_time_free_brings_no_expired_journey_back() -> None:
    check(
        """
        tariff 2 from=07:00 expiry=1h
        mode time_free 08:00..
        08:00  A1 in   qr:1  | entry_opened
        09:00  C1 out  qr:1  | entry_expired
        """
    )


def test_fare_free_lets_another_station_cost_the_lowest_fare() -> None:
    check(
        """
        mode fare_free 08:00..09:00
        07:30:00.000  X1 in   qr:1          | entry_opened
        07:59:59.999  C1 out  qr:1          | different_station 900
        07:30:00.000  X1 in   qr:2          | entry_opened
        08:00:00.000  C1 out  qr:2          | different_station 300 modes=fare_free
        07:30:00.000  X1 in   tianfutong:3  | entry_opened
        08:30:00.000  C1 out  tianfutong:3  | different_station 270
        07:30:00.000  X1 in   qr:4          | entry_opened
        09:00:00.000  C1 out  qr:4          | different_station 900
        """
    )


def test_fare_free_takes_no_more_than_the_pair_costs() -> None:
    check(
        """
        fare XP FHY 120
        mode fare_free 08:00..
        08:00  X1 in   qr:1  | entry_opened
        09:00  C1 out  qr:1  | different_station 120
        """
    )


def test_the_lowest_fare_is_the_entry_s_tariff_s_in_fare_free_and_the_tap_s_when_unmatched() -> (
    None
):
    check(
        """
        tariff 2 from=08:30 discounts=qr:50
        mode fare_free 08:00..
        mode sequence_free 08:00..
        08:00  X1 in   qr:1  | entry_opened tariff=1
        09:00  C1 out  qr:1  | different_station 300 tariff=1
        09:00  C1 out  qr:2  | no_open_entry 150 gate=open tariff=2
        """
    )


def test_fare_free_leaves_overstay_and_crossings_alone() -> None:
    check(
        """
        mode fare_free 08:00..
        08:00:00.000  X1 in   qr:1  | entry_opened
        12:00:00.001  C1 out  qr:1  | overstay 900
        13:00:00.000  A1 in   qr:1  | entry_opened
        13:15:00.001  C1 out  qr:1  | window_exceeded 200 0 +++-+
        14:00:00.000  A1 in   qr:1  | entry_opened
        14:15:00.000  C1 out  qr:1  | same_station_within_window 0 200
        """
    )


def test_time_free_and_fare_free_together_lift_both() -> None:
    check(
        """
        mode fare_free 08:00..
        mode time_free 08:00..
        08:00:00.000  X1 in   qr:1  | entry_opened
        12:00:00.001  C1 out  qr:1  | different_station 300 modes=time_free,fare_free
        """
    )


def test_an_emergency_ends_every_journey_without_charge() -> None:
    check(
        """
        mode emergency 08:30..14:00
        08:00:00.000  X1 in   qr:1  | entry_opened
        08:29:59.999  C1 out  qr:1  | different_station 900
        08:00:00.000  X1 in   qr:2  | entry_opened
        08:30:00.000  C1 out  qr:2  | emergency modes=emergency
        08:00:00.000  D1 in   qr:3  | entry_opened
        09:00:00.000  D2 out  qr:3  | emergency
        08:00:00.000  X1 in   qr:4  | entry_opened
        12:30:00.000  C1 out  qr:4  | emergency
        13:59:59.999  C1 out  qr:5  | no_open_entry gate=open
        14:00:00.000  C1 out  qr:6  | no_open_entry
        """
    )


def test_an_emergency_is_told_by_its_own_name_within_the_window_too() -> None:
    check(
        """
        mode emergency 08:00..09:00
        policy 2 from=07:00 daily_limit=1
        08:00  A1 in   qr:1  | entry_opened
        08:05  C1 out  qr:1  | emergency
        09:10  A1 in   qr:1  | entry_opened
        09:15  C1 out  qr:1  | same_station_within_window 0 200
        09:20  A1 in   qr:1  | entry_opened
        09:25  C1 out  qr:1  | daily_limit_reached 200 0 ++++-
        """
    )


def test_an_exit_in_an_emergency_may_be_tapped_twice() -> None:
    check(
        """
        mode emergency 08:00..
        08:00:00  A1 in   qr:1  | entry_opened
        08:05:00  C1 out  qr:1  | emergency
        08:05:30  C1 out  qr:1  | exit_repeated modes=emergency
        """
    )


def test_an_expired_entry_leaves_free_in_an_emergency_and_owes_nothing_later() -> None:
    check(
        """
        tariff 2 from=07:00 expiry=1h
        mode emergency 08:30..10:00
        08:00  A1 in   qr:1  | entry_opened
        09:00  C1 out  qr:1  | entry_expired gate=open
        11:00  A1 in   qr:1  | entry_opened closing=excused entry=08:00
        """
    )


@pytest.mark.parametrize(
    ("mode", "entry", "exit_"),
    [
        ("sequence_free", "shut", "shut"),
        ("time_free", "shut", "shut"),
        ("fare_free", "shut", "shut"),
        ("entry_free", "open", "shut"),
        ("exit_free", "shut", "open"),
        ("emergency", "open", "open"),
    ],
)
def test_a_refused_tap_opens_where_the_gates_stand_open_and_changes_nothing(
    mode: str, entry: str, exit_: str
) -> None:
    check(
        f"""
        08:00  A1 in   qr:1  | entry_opened
        mode {mode} 08:30..
        08:40  A1 in   qr:1  refusal=medium_blocked    | medium_blocked gate={entry}
        08:41  C1 out  qr:1  refusal=ride_code_expired | ride_code_expired gate={exit_}
        """
    )


def test_a_refused_tap_that_opens_tells_the_tariff_it_was_read_under() -> None:
    check(
        """
        mode emergency 08:00..
        08:40  A1 in  qr:1  refusal=medium_blocked | medium_blocked gate=open tariff=1
        07:40  A1 in  qr:2  refusal=medium_blocked | medium_blocked tariff=0
        """
    )


def test_a_blocked_medium_leaves_in_an_emergency_as_all_do() -> None:
    check(
        """
        mode emergency 08:30..
        08:00  A1 in   qr:1  | entry_opened
        08:40  C1 out  qr:1  refusal=medium_blocked | emergency
        """
    )


def test_a_late_tap_is_late_in_every_mode() -> None:
    check(
        """
        mode emergency 08:00..
        08:30:00.000  A1 in   qr:1  | entry_opened
        08:29:29.999  C1 out  qr:1  | arrived_out_of_order modes=emergency
        08:29:30.000  C1 out  qr:1  | emergency
        """
    )


def test_a_gate_that_stayed_shut_in_a_mode_changes_nothing() -> None:
    check(
        """
        mode sequence_free 08:00..
        08:30:00  C1 out  qr:1  offline=refuse | no_open_entry 300 gate=open
        08:30:30  C1 out  qr:1                 | no_open_entry 300 gate=open
        """
    )


def test_the_entry_pins_no_mode() -> None:
    check(
        """
        mode fare_free 08:00..09:00 station=XP
        mode time_free 08:00..09:00 station=XP
        08:00:00.000  X1 in   qr:1  | entry_opened modes=time_free,fare_free
        12:00:00.001  C1 out  qr:1  | overstay 900 modes=
        """
    )
