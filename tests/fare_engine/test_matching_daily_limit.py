"""The daily limit: so many waived crossings a token, on the service date of the entry."""

from tests.fare_engine.rule_table import check


def test_crossings_are_free_up_to_the_limit_and_charged_beyond() -> None:
    check(
        """
        policy 1 daily_limit=2
        08:00  A1 in   tianfutong:1  | entry_opened
        08:05  C1 out  tianfutong:1  | same_station_within_window 0 180
        09:00  A1 in   tianfutong:1  | entry_opened
        09:05  C1 out  tianfutong:1  | same_station_within_window 0 180
        10:00  A1 in   tianfutong:1  | entry_opened
        10:05  C1 out  tianfutong:1  | daily_limit_reached 180 0 ++++-
        11:00  A1 in   tianfutong:1  | entry_opened
        11:05  C1 out  tianfutong:1  | daily_limit_reached 180 0 ++++-
        """
    )


def test_every_token_has_a_limit_of_its_own() -> None:
    check(
        """
        policy 1 daily_limit=1
        08:00  A1 in   qr:1          | entry_opened
        08:05  C1 out  qr:1          | same_station_within_window 0 200
        08:00  A1 in   qr:2          | entry_opened
        08:05  C1 out  qr:2          | same_station_within_window 0 200
        08:10  A1 in   tianfutong:1  | entry_opened
        08:15  C1 out  tianfutong:1  | same_station_within_window 0 180
        """
    )


def test_without_a_limit_every_crossing_is_free() -> None:
    crossings = "\n".join(
        f"""
        {hour:02}:00  A1 in   qr:1  | entry_opened
        {hour:02}:05  C1 out  qr:1  | same_station_within_window 0 200
        """
        for hour in range(5, 24)
    )
    check(crossings)


def test_only_waived_crossings_count() -> None:
    check(
        """
        policy 1 daily_limit=1
        08:00  D1 in   qr:1  | entry_opened
        08:05  C1 out  qr:1  | gate_not_designated 200 0 ++-++
        09:00  A1 in   qr:1  | entry_opened
        09:05  J1 out  qr:1  | different_station 300
        10:00  A1 in   qr:1  | entry_opened
        10:20  C1 out  qr:1  | window_exceeded 200 0 +++-+
        11:00  A1 in   qr:1  | entry_opened
        11:05  C1 out  qr:1  | same_station_within_window 0 200
        12:00  A1 in   qr:1  | entry_opened
        12:05  C1 out  qr:1  | daily_limit_reached 200 0 ++++-
        """
    )


def test_a_waiver_at_one_station_counts_at_every_other() -> None:
    check(
        """
        policy 1 daily_limit=1
        policy 1 station=JRC designated=J1,J2 daily_limit=1
        policy 1 station=XP designated=X1,X2 daily_limit=2
        08:00  A1 in   qr:1  | entry_opened
        08:05  C1 out  qr:1  | same_station_within_window 0 200
        09:00  J1 in   qr:1  | entry_opened
        09:05  J2 out  qr:1  | daily_limit_reached 200 0 ++++-
        10:00  X1 in   qr:1  | entry_opened
        10:05  X2 out  qr:1  | same_station_within_window 0 200
        """
    )


def test_a_new_service_date_begins_at_the_cut_to_the_millisecond() -> None:
    check(
        """
        policy 1 daily_limit=1
        20:00         A1 in   qr:1  | entry_opened
        20:05         C1 out  qr:1  | same_station_within_window 0 200
        20:00         A1 in   qr:2  | entry_opened
        20:05         C1 out  qr:2  | same_station_within_window 0 200

        date 2021-11-25
        00:00         A1 in   qr:1  | entry_opened
        00:05         C1 out  qr:1  | daily_limit_reached 200 0 ++++-
        03:59:59.998  A1 in   qr:1  | entry_opened
        03:59:59.999  C1 out  qr:1  | daily_limit_reached 200 0 ++++-
        04:00:00.000  A1 in   qr:2  | entry_opened
        04:00:00.001  C1 out  qr:2  | same_station_within_window 0 200
        """
    )


def test_a_waiver_counts_on_the_date_of_the_entry_and_not_of_the_exit() -> None:
    check(
        """
        policy 1 daily_limit=1
        tariff 1 expiry=24h
        date 2021-11-25
        03:59:59.999  A1 in   qr:1  | entry_opened
        04:10         C1 out  qr:1  | same_station_within_window 0 200
        05:00         A1 in   qr:1  | entry_opened
        05:05         C1 out  qr:1  | same_station_within_window 0 200
        06:00         A1 in   qr:1  | entry_opened
        06:05         C1 out  qr:1  | daily_limit_reached 200 0 ++++-
        """
    )


def test_around_the_cut_both_dates_are_counted_though_the_clocks_disagree() -> None:
    check(
        """
        policy 1 daily_limit=1
        tariff 1 reexit_grace=0
        date 2021-11-25
        03:50         A1 in   qr:1  | entry_opened
        03:55         C1 out  qr:1  | same_station_within_window 0 200
        04:00:05.000  A1 in   qr:1  | entry_opened
        04:00:10.000  C1 out  qr:1  | same_station_within_window 0 200
        03:59:59.000  A1 in   qr:1  | entry_opened
        03:59:59.999  C1 out  qr:1  | daily_limit_reached 200 0 ++++-
        04:00:10.000  A1 in   qr:1  | entry_opened
        04:00:15.000  C1 out  qr:1  | daily_limit_reached 200 0 ++++-
        """
    )


def test_the_limit_is_the_one_of_the_policy_pinned_at_the_entry() -> None:
    check(
        """
        policy 1 daily_limit=1
        policy 2 from=09:30 daily_limit=3
        08:00  A1 in   qr:1  | entry_opened
        08:05  C1 out  qr:1  | same_station_within_window 0 200
        09:29  A1 in   qr:1  | entry_opened                            policy=1
        09:31  C1 out  qr:1  | daily_limit_reached 200 0 ++++-         policy=1
        09:40  A1 in   qr:1  | entry_opened                            policy=2
        09:45  C1 out  qr:1  | same_station_within_window 0 200        policy=2
        """
    )


def test_what_is_counted_before_a_limit_is_published_counts_too() -> None:
    check(
        """
        policy 2 from=12:00 daily_limit=1
        08:00  A1 in   qr:1  | entry_opened
        08:05  C1 out  qr:1  | same_station_within_window 0 200
        12:00  A1 in   qr:1  | entry_opened
        12:05  C1 out  qr:1  | daily_limit_reached 200 0 ++++-
        """
    )


def test_a_crossing_at_which_the_gate_stayed_shut_is_not_counted() -> None:
    check(
        """
        policy 1 daily_limit=1
        08:00  A1 in   qr:1  | entry_opened
        08:05  C1 out  qr:1  offline=refuse | same_station_within_window 0 200
        08:06  C1 out  qr:1  | same_station_within_window 0 200
        """
    )
