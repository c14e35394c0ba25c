"""Expiry: an entry without an exit ends with its service date, or after a duration."""

from tests.fare_engine.rule_table import check


def test_an_entry_expires_with_its_service_date_that_instant_included() -> None:
    check(
        """
        tariff 1 max_stay=48h
        23:00:00.000  J1 in   qr:1  | entry_opened
        23:00:00.000  J1 in   qr:2  | entry_opened
        23:00:00.000  J1 in   qr:3  | entry_opened
        date 2021-11-25
        03:59:59.999  C1 out  qr:1  | different_station 300
        04:00:00.000  C1 out  qr:2  | entry_expired entry=2021-11-24T23:00
        04:00:00.001  C1 out  qr:3  | entry_expired entry=2021-11-24T23:00
        """
    )


def test_an_entry_in_the_small_hours_belongs_to_the_day_before() -> None:
    check(
        """
        date 2021-11-25
        03:59:59.999  A1 in   qr:1  | entry_opened
        04:00:00.000  C1 out  qr:1  | entry_expired

        04:00:00.000  A1 in   qr:2  | entry_opened
        04:00:00.001  C1 out  qr:2  | same_station_within_window 0 200
        04:00:00.000  A1 in   qr:2  | entry_opened

        date 2021-11-26
        03:59:59.999  A1 in   qr:2  | entry_superseded incomplete=200 entry=2021-11-25T04:00
        """
    )


def test_the_service_date_is_cut_where_the_tariff_says() -> None:
    check(
        """
        tariff 1 cut=02:30
        date 2021-11-25
        02:29:59.999  A1 in   qr:1  | entry_opened
        02:30:00.000  C1 out  qr:1  | entry_expired
        02:30:00.000  A1 in   qr:2  | entry_opened
        02:31:00.000  C1 out  qr:2  | same_station_within_window 0 200
        """
    )


def test_a_duration_ends_an_entry_too_that_instant_included() -> None:
    check(
        """
        tariff 1 expiry=2h
        08:00:00.000  J1 in   qr:1  | entry_opened
        09:59:59.999  C1 out  qr:1  | different_station 300
        08:00:00.000  J1 in   qr:2  | entry_opened
        10:00:00.000  C1 out  qr:2  | entry_expired
        08:00:00.000  J1 in   qr:3  | entry_opened
        10:00:00.001  C1 out  qr:3  | entry_expired
        """
    )


def test_a_duration_may_carry_an_entry_into_the_next_service_date() -> None:
    check(
        """
        tariff 1 expiry=24h
        date 2021-11-25
        03:50:00.000  A1 in   qr:1  | entry_opened
        04:05:00.000  C1 out  qr:1  | same_station_within_window 0 200
        """
    )


def test_the_next_entry_closes_what_has_expired_as_incomplete() -> None:
    check(
        """
        23:00:00.000  A1 in  tianfutong:1  | entry_opened
        23:00:00.000  A1 in  tianfutong:2  | entry_opened
        date 2021-11-25
        03:59:59.999  A1 in  tianfutong:1  | entry_superseded incomplete=180
        04:00:00.000  A1 in  tianfutong:2  | entry_opened closing=expired incomplete=180
        04:10:00.000  C1 out tianfutong:2  | same_station_within_window 0 180 entry=04:00
        """
    )


def test_an_entry_that_has_expired_is_never_tapped_twice() -> None:
    check(
        """
        date 2021-11-25
        03:59:59.999  A1 in  qr:1  | entry_opened
        04:00:00.000  A1 in  qr:1  | entry_opened closing=expired incomplete=200
        """
    )


def test_an_exit_after_expiry_opens_for_a_fare_where_the_tariff_at_the_exit_says_so() -> None:
    check(
        """
        tariff 2 from=2021-11-25T04:00 unmatched_exit=open unmatched_exit_fare=500
        23:00:00.000  A1 in   tianfutong:1  | entry_opened tariff=1
        date 2021-11-25
        05:00:00.000  C1 out  tianfutong:1  | entry_expired 450 gate=open tariff=2
        """
    )


def test_an_exit_after_expiry_leaves_the_entry_to_the_next_entry_or_settlement() -> None:
    state = check(
        """
        tariff 1 unmatched_exit=open
        23:00:00.000  A1 in   qr:1  | entry_opened
        date 2021-11-25
        05:00:00.000  C1 out  qr:1  | entry_expired 200 gate=open
        05:01:00.001  C1 out  qr:1  | entry_expired 200 gate=open
        05:02:00.000  A1 in   qr:1  | entry_opened closing=expired incomplete=200
        05:03:00.000  C1 out  qr:1  | same_station_within_window 0 200
        05:04:00.001  C1 out  qr:1  | no_open_entry 200 gate=open
        """
    )["qr:1"]
    assert state.open is None


def test_a_second_tap_after_an_expired_exit_that_opened_is_free_once() -> None:
    state = check(
        """
        tariff 1 unmatched_exit=open
        23:00:00.000  A1 in   qr:1  | entry_opened
        date 2021-11-25
        05:00:00.000  C1 out  qr:1  | entry_expired 200 gate=open
        05:01:00.000  C1 out  qr:1  | exit_repeated closing=left_open entry=2021-11-24T23:00
        05:01:10.000  C1 out  qr:1  | entry_expired 200 gate=open
        """
    )["qr:1"]
    assert state.open is not None


def test_a_second_tap_after_an_expired_exit_that_stayed_shut_stays_shut() -> None:
    check(
        """
        23:00:00.000  A1 in   qr:1  | entry_opened
        date 2021-11-25
        05:00:00.000  C1 out  qr:1  | entry_expired
        05:00:10.000  C1 out  qr:1  | entry_expired
        """
    )


def test_expiry_comes_before_overstay() -> None:
    check(
        """
        tariff 1 expiry=4h max_stay=2h
        08:00:00.000  A1 in   qr:1  | entry_opened
        11:59:59.999  C1 out  qr:1  | overstay 900
        08:00:00.000  A1 in   qr:2  | entry_opened
        12:00:00.000  C1 out  qr:2  | entry_expired
        """
    )


def test_the_expiry_is_the_one_of_the_tariff_pinned_at_the_entry() -> None:
    check(
        """
        tariff 2 from=09:00 expiry=1h
        08:30:00.000  A1 in   qr:1  | entry_opened tariff=1
        10:30:00.000  D1 out  qr:1  | gate_not_designated 200 0 ++--+
        09:00:00.000  A1 in   qr:2  | entry_opened tariff=2
        10:00:00.000  C1 out  qr:2  | entry_expired
        """
    )


def test_an_entry_ends_the_grace_of_the_exit_before_it_though_it_has_expired() -> None:
    check(
        """
        tariff 1 expiry=10s
        08:00:00.000  A1 in   qr:1  | entry_opened
        08:00:05.000  C1 out  qr:1  | same_station_within_window 0 200
        08:00:10.000  A1 in   qr:1  | entry_opened
        08:00:30.000  C1 out  qr:1  | entry_expired
        """
    )
