"""Exits that find no open journey: a second tap is free once, all others are unmatched."""

from tests.fare_engine.rule_table import check


def test_an_exit_without_an_entry_stays_shut_and_sends_her_to_the_counter() -> None:
    check(
        """
        08:00:00.000  C1 out  tianfutong:1  | no_open_entry policy=1 tariff=1
        08:00:10.000  C1 out  tianfutong:1  | no_open_entry
        """
    )


def test_an_exit_without_an_entry_opens_for_a_fare_where_the_tariff_says_so() -> None:
    check(
        """
        tariff 1 unmatched_exit=open unmatched_exit_fare=350
        08:00:00.000  C1 out  qr:1          | no_open_entry 350 gate=open
        08:00:00.000  C1 out  tianfutong:1  | no_open_entry 315 gate=open
        """
    )


def test_an_entry_is_consumed_by_one_exit_only() -> None:
    check(
        """
        08:00:00.000  A1 in   qr:1  | entry_opened
        08:05:00.000  C1 out  qr:1  | same_station_within_window 0 200
        08:06:00.001  C1 out  qr:1  | no_open_entry
        08:06:00.002  J1 out  qr:1  | no_open_entry
        """
    )


def test_a_second_tap_at_the_exit_is_free_and_the_third_is_not() -> None:
    check(
        """
        08:00:00.000  J1 in   qr:1  | entry_opened
        08:10:00.000  C1 out  qr:1  | different_station 300
        08:10:05.000  C2 out  qr:1  | exit_repeated
        08:10:10.000  C1 out  qr:1  | no_open_entry
        08:10:15.000  C1 out  qr:1  | no_open_entry
        """
    )


def test_the_grace_of_a_second_exit_is_inclusive_to_the_millisecond() -> None:
    check(
        """
        08:00:00.000  A1 in   qr:1  | entry_opened
        08:10:00.000  C1 out  qr:1  | same_station_within_window 0 200
        08:10:59.999  C1 out  qr:1  | exit_repeated

        08:00:00.000  A1 in   qr:2  | entry_opened
        08:10:00.000  C1 out  qr:2  | same_station_within_window 0 200
        08:11:00.000  C1 out  qr:2  | exit_repeated

        08:00:00.000  A1 in   qr:3  | entry_opened
        08:10:00.000  C1 out  qr:3  | same_station_within_window 0 200
        08:11:00.001  C1 out  qr:3  | no_open_entry
        """
    )


def test_the_grace_of_a_second_exit_is_the_one_of_the_tariff_at_that_tap() -> None:
    check(
        """
        tariff 2 from=08:10:30 reexit_grace=90s
        08:00:00.000  A1 in   qr:1  | entry_opened
        08:10:00.000  C1 out  qr:1  | same_station_within_window 0 200 tariff=1
        08:11:30.000  C1 out  qr:1  | exit_repeated tariff=2

        08:00:00.000  A1 in   qr:2  | entry_opened
        08:10:00.000  C1 out  qr:2  | same_station_within_window 0 200
        08:11:30.001  C1 out  qr:2  | no_open_entry
        """
    )


def test_a_second_exit_slightly_before_the_first_is_a_second_exit() -> None:
    check(
        """
        tariff 1 reexit_grace=0
        08:00:00.000  A1 in   qr:1  | entry_opened
        08:10:00.000  C1 out  qr:1  | same_station_within_window 0 200
        08:09:59.999  C2 out  qr:1  | exit_repeated
        """
    )


def test_a_second_exit_at_another_station_is_none() -> None:
    check(
        """
        08:00:00.000  A1 in   qr:1  | entry_opened
        08:10:00.000  C1 out  qr:1  | same_station_within_window 0 200
        08:10:10.000  J1 out  qr:1  | no_open_entry
        08:10:20.000  C1 out  qr:1  | exit_repeated   # the shut gate at JRC changed nothing
        """
    )


def test_an_entry_in_between_ends_the_grace_of_a_second_exit() -> None:
    check(
        """
        08:00:00.000  A1 in   qr:1  | entry_opened
        08:10:00.000  C1 out  qr:1  | same_station_within_window 0 200
        08:10:10.000  A1 in   qr:1  | entry_opened
        08:10:20.000  C1 out  qr:1  | same_station_within_window 0 200 entry=08:10:10
        """
    )


def test_an_unmatched_exit_that_opened_may_be_tapped_once_more() -> None:
    check(
        """
        tariff 1 unmatched_exit=open
        08:00:00.000  C1 out  qr:1  | no_open_entry 200 gate=open
        08:00:20.000  C1 out  qr:1  | exit_repeated
        08:00:40.000  C1 out  qr:1  | no_open_entry 200 gate=open
        08:01:00.000  C1 out  qr:1  | exit_repeated
        """
    )


def test_the_grace_of_a_second_exit_runs_from_the_latest_exit_that_opened() -> None:
    check(
        """
        tariff 1 unmatched_exit=open
        08:00:00.000  C1 out  qr:1  | no_open_entry 200 gate=open
        08:00:30.000  J1 out  qr:1  | no_open_entry 200 gate=open
        08:00:40.000  C1 out  qr:1  | no_open_entry 200 gate=open
        08:01:40.000  C1 out  qr:1  | exit_repeated
        """
    )


def test_every_charged_exit_may_be_tapped_once_more() -> None:
    check(
        """
        08:00:00.000  D1 in   qr:1  | entry_opened
        08:10:00.000  D2 out  qr:1  | gate_not_designated 200 0 ++-++
        08:10:30.000  D2 out  qr:1  | exit_repeated

        08:00:00.000  J1 in   qr:2  | entry_opened
        12:00:00.001  D2 out  qr:2  | overstay 900
        12:00:30.000  D2 out  qr:2  | exit_repeated
        """
    )
