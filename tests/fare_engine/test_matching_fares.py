"""Fares: what a gate takes, what it waives, and what a medium takes off."""

import pytest

from tests.fare_engine.rule_table import check


def test_another_station_costs_the_fare_of_the_pair() -> None:
    check(
        """
        08:00  A1 in   qr:1          | entry_opened
        08:20  J1 out  qr:1          | different_station 300
        08:00  A1 in   tianfutong:1  | entry_opened
        08:20  X1 out  tianfutong:1  | different_station 810
        08:00  J1 in   qr:2          | entry_opened
        08:20  X1 out  qr:2          | different_station 800
        """
    )


def test_the_fare_is_that_of_the_way_she_went() -> None:
    check(
        """
        fare FHY JRC 450
        08:00  A1 in   qr:1  | entry_opened
        08:20  J1 out  qr:1  | different_station 450
        08:00  J1 in   qr:2  | entry_opened
        08:20  A1 out  qr:2  | different_station 300
        """
    )


def test_the_fare_of_a_journey_is_that_of_the_tariff_pinned_at_the_entry() -> None:
    check(
        """
        tariff 2 from=08:10 discounts=qr:50
        08:00  A1 in   qr:1  | entry_opened
        08:20  J1 out  qr:1  | different_station 300 tariff=1
        08:10  A1 in   qr:2  | entry_opened
        08:20  J1 out  qr:2  | different_station 150 tariff=2
        """
    )


def test_a_charged_crossing_costs_the_explicit_fare_of_one_station() -> None:
    check(
        """
        tariff 1 same_station_fare=250
        08:00  A1 in   qr:1          | entry_opened
        08:20  C1 out  qr:1          | window_exceeded 250 0 +++-+
        08:00  A1 in   tianfutong:1  | entry_opened
        08:20  C1 out  tianfutong:1  | window_exceeded 225 0 +++-+
        08:00  A1 in   qr:2          | entry_opened
        08:10  C1 out  qr:2          | same_station_within_window 0 250
        08:00  A1 in   tianfutong:2  | entry_opened
        08:10  C1 out  tianfutong:2  | same_station_within_window 0 225
        """
    )


@pytest.mark.parametrize(
    ("fare", "percent", "taken"),
    [(205, 10, 185), (204, 10, 184), (206, 10, 185), (1, 50, 1), (200, 100, 0), (0, 10, 0)],
)
def test_a_discount_is_rounded_half_up_to_the_fen(fare: int, percent: int, taken: int) -> None:
    check(
        f"""
        tariff 1 same_station_fare={fare} discounts=tianfutong:{percent}
        08:00  A1 in   tianfutong:1  | entry_opened
        08:20  C1 out  tianfutong:1  | window_exceeded {taken} 0 +++-+
        """
    )


def test_a_discount_is_taken_off_every_fare() -> None:
    check(
        """
        tariff 1 discounts=qr:10 unmatched_exit=open missing_exit_fare=300 unmatched_exit_fare=400
        08:00  C1 out  qr:1  | no_open_entry 360 gate=open
        08:10  A1 in   qr:1  | entry_opened
        08:20  J1 in   qr:1  | entry_superseded incomplete=270
        12:20:00.001   A1 out  qr:1  | overstay 810
        """
    )


def test_no_entry_takes_a_fare() -> None:
    check(
        """
        08:00  A1 in   qr:1  | entry_opened     0 0
        08:01  A1 in   qr:1  | entry_repeated   0 0
        08:09  A1 in   qr:1  | entry_superseded 0 0 incomplete=200
        date 2021-11-25
        08:00  A1 in   qr:1  | entry_opened     0 0 incomplete=200 closing=expired
        """
    )


def test_the_fare_that_a_recorded_tap_lists_beats_the_tariff() -> None:
    check(
        """
        08:00  A1 in   qr:1             | entry_opened
        08:20  J1 out  qr:1  listed=550 | different_station 550
        08:30  A1 in   qr:1             | entry_opened
        08:50  C1 out  qr:1  listed=550 | window_exceeded 550 0 +++-+
        09:00  A1 in   qr:1             | entry_opened
        09:20  J1 out  qr:1  listed=0   | different_station 0
        10:00  A1 in   qr:1             | entry_opened
        15:00  J1 out  qr:1  listed=550 | overstay 550
        """
    )


def test_a_listed_fare_is_not_taken_where_the_crossing_is_free_or_nothing_is_charged() -> None:
    check(
        """
        tariff 1 unmatched_exit=open
        08:00     A1 in   qr:1  listed=550 | entry_opened
        08:05     C1 out  qr:1  listed=550 | same_station_within_window 0 200
        08:05:30  C1 out  qr:1  listed=550 | exit_repeated
        08:05:40  C1 out  qr:1  listed=550 | no_open_entry 200 gate=open
        """
    )
