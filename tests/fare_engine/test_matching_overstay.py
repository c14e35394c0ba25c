"""Overstay: who stays longer than the limit pays the highest fare, at whichever station."""

import pytest

from tests.fare_engine.rule_table import check


def test_exactly_the_longest_stay_is_not_an_overstay_and_a_millisecond_more_is() -> None:
    check(
        """
        08:00:00.000  A1 in   qr:1  | entry_opened
        11:59:59.999  J1 out  qr:1  | different_station 300
        08:00:00.000  A1 in   qr:2  | entry_opened
        12:00:00.000  J1 out  qr:2  | different_station 300
        08:00:00.000  A1 in   qr:3  | entry_opened
        12:00:00.001  J1 out  qr:3  | overstay 800
        """
    )


@pytest.mark.parametrize(("exit_gate", "fare"), [("C1", 900), ("D1", 900), ("J1", 800)])
def test_an_overstay_costs_the_highest_fare_from_the_exit_station(
    exit_gate: str, fare: int
) -> None:
    check(
        f"""
        08:00:00.000  A1 in            qr:1  | entry_opened
        13:00:00.000  {exit_gate} out  qr:1  | overstay {fare} 0 .....
        """
    )


def test_an_overstay_takes_the_discount_of_the_medium() -> None:
    check(
        """
        08:00:00.000  J1 in   tianfutong:1  | entry_opened
        13:00:00.000  J2 out  tianfutong:1  | overstay 720
        """
    )


def test_the_highest_fare_may_be_an_explicit_one() -> None:
    check(
        """
        fare JRC FHY 1500
        08:00:00.000  A1 in   qr:1  | entry_opened
        13:00:00.000  J1 out  qr:1  | overstay 1500
        """
    )


def test_an_overstay_at_the_entry_station_is_no_crossing_and_asks_no_condition() -> None:
    check(
        """
        tariff 1 max_stay=15min
        08:00:00.000  A1 in   qr:1  | entry_opened
        08:15:00.000  C1 out  qr:1  | same_station_within_window 0 200
        08:20:00.000  A1 in   qr:1  | entry_opened
        08:35:00.001  C1 out  qr:1  | overstay 900
        """
    )


def test_the_longest_stay_is_the_one_of_the_tariff_pinned_at_the_entry() -> None:
    check(
        """
        tariff 2 from=08:30 max_stay=10min
        08:29:00.000  A1 in   qr:1  | entry_opened tariff=1
        08:45:00.000  J1 out  qr:1  | different_station 300 tariff=1
        08:30:00.000  A1 in   qr:2  | entry_opened tariff=2
        08:40:00.001  J1 out  qr:2  | overstay 800 tariff=2
        """
    )


def test_an_overstay_consumes_its_entry() -> None:
    check(
        """
        08:00:00.000  A1 in   qr:1  | entry_opened
        13:00:00.000  J1 out  qr:1  | overstay 800
        13:01:00.001  J1 out  qr:1  | no_open_entry
        """
    )
