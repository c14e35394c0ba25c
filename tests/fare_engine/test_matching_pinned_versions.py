"""The entry pins what is in force: policy, suspension and tariff; nothing published later moves it.

In force is the version that began last and has not ended, to the millisecond.
"""

from tests.fare_engine.rule_table import check


def test_a_policy_holds_from_its_first_instant() -> None:
    check(
        """
        policy 1 from=08:00
        07:59:59.999  A1 in   qr:1  | entry_opened policy=0
        08:05         C1 out  qr:1  | station_not_in_pilot 200 0 -.... policy=0
        08:00:00.000  A1 in   qr:2  | entry_opened policy=1
        08:05         C1 out  qr:2  | same_station_within_window 0 200 policy=1
        08:00:00.001  A1 in   qr:3  | entry_opened policy=1
        """
    )


def test_a_policy_ends_at_its_last_instant_that_one_not_included() -> None:
    check(
        """
        policy 1 to=08:00
        07:59:59.999  A1 in   qr:1  | entry_opened policy=1
        08:05         C1 out  qr:1  | same_station_within_window 0 200 policy=1
        08:00:00.000  A1 in   qr:2  | entry_opened policy=0
        08:05         C1 out  qr:2  | station_not_in_pilot 200 0 -.... policy=0
        """
    )


def test_a_policy_that_ends_does_not_give_way_to_the_one_before() -> None:
    check(
        """
        policy 2 from=08:00 to=09:00 window=10min
        07:59:59.999  A1 in  qr:1  | entry_opened policy=1
        08:00:00.000  A1 in  qr:2  | entry_opened policy=2
        08:59:59.999  A1 in  qr:3  | entry_opened policy=2
        09:00:00.000  A1 in  qr:4  | entry_opened policy=0
        """
    )


def test_of_two_policies_that_begin_together_the_higher_version_holds() -> None:
    check(
        """
        policy 3 from=08:00 window=5min
        policy 2 from=08:00 window=10min
        08:00         A1 in   qr:1  | entry_opened policy=3
        08:05:00.001  C1 out  qr:1  | window_exceeded 200 0 +++-+
        """
    )


def test_a_tariff_holds_from_its_first_instant() -> None:
    check(
        """
        tariff 2 from=08:00 same_station_fare=300
        07:59:59.999  D1 in   qr:1  | entry_opened tariff=1
        08:00:00.000  D1 in   qr:2  | entry_opened tariff=2
        08:05         D2 out  qr:1  | gate_not_designated 200 0 ++-++ tariff=1
        08:05         D2 out  qr:2  | gate_not_designated 300 0 ++-++ tariff=2
        """
    )


def test_an_exit_without_an_entry_reads_the_tariff_at_its_own_time() -> None:
    check(
        """
        tariff 2 from=08:00 unmatched_exit=open unmatched_exit_fare=700
        07:59:59.999  C1 out  qr:1  | no_open_entry tariff=1
        08:00:00.000  C1 out  qr:2  | no_open_entry 700 gate=open tariff=2
        """
    )


def test_a_suspension_holds_from_its_first_instant_until_it_is_resumed() -> None:
    check(
        """
        suspended 08:10..08:20
        08:09:59.999  A1 in   qr:1  | entry_opened
        08:10:00.000  A1 in   qr:2  | entry_opened
        08:19:59.999  A1 in   qr:3  | entry_opened
        08:20:00.000  A1 in   qr:4  | entry_opened
        08:21         C1 out  qr:1  | same_station_within_window 0 200
        08:21         C1 out  qr:2  | station_not_in_pilot 200 0 -++++
        08:21         C1 out  qr:3  | station_not_in_pilot 200 0 -++++
        08:21         C1 out  qr:4  | same_station_within_window 0 200
        """
    )


def test_a_suspension_outlives_publishing_until_it_is_resumed() -> None:
    check(
        """
        suspended 08:10..
        policy 2 from=08:30 window=10min
        08:31  A1 in   qr:1  | entry_opened policy=2
        08:35  C1 out  qr:1  | station_not_in_pilot 200 0 -++++ policy=2
        resumed 08:40
        08:39:59.999  A1 in   qr:1  | entry_opened
        08:45         C1 out  qr:1  | station_not_in_pilot 200 0 -++++
        08:45         A1 in   qr:1  | entry_opened
        08:50         C1 out  qr:1  | same_station_within_window 0 200
        """
    )


def test_publishing_while_a_journey_is_open_changes_nothing_for_it() -> None:
    check(
        """
        08:00  A1 in   qr:1  | entry_opened
        08:00  A1 in   qr:2  | entry_opened
        08:00  A1 in   qr:3  | entry_opened
        policy 2 from=08:05 window=1min media=tianfutong designated=D1 daily_limit=0
        tariff 2 from=08:05 same_station_fare=999 max_stay=1min expiry=2min
        08:10  C1 out  qr:1  | same_station_within_window 0 200 policy=1 tariff=1
        08:20  C1 out  qr:2  | window_exceeded 200 0 +++-+      policy=1 tariff=1
        08:10  J1 out  qr:3  | different_station 300            policy=1 tariff=1
        """
    )


def test_publishing_with_a_date_in_the_past_changes_nothing_for_an_open_journey() -> None:
    check(
        """
        08:00  A1 in   qr:1  | entry_opened policy=1 tariff=1
        policy 2 from=07:00 window=1min
        tariff 2 from=07:00 same_station_fare=999
        08:10  C1 out  qr:1  | same_station_within_window 0 200 policy=1 tariff=1
        08:20  A1 in   qr:1  | entry_opened policy=2 tariff=2
        08:30  C1 out  qr:1  | window_exceeded 999 0 +++-+ policy=2 tariff=2
        """
    )


def test_suspending_while_a_journey_is_open_changes_nothing_for_it() -> None:
    check(
        """
        08:00  A1 in   qr:1  | entry_opened
        suspended 07:00..
        08:10  C1 out  qr:1  | same_station_within_window 0 200
        08:11  A1 in   qr:1  | entry_opened
        resumed 08:12
        08:13  C1 out  qr:1  | station_not_in_pilot 200 0 -++++
        """
    )


def test_a_second_tap_at_the_entry_pins_anew() -> None:
    check(
        """
        policy 2 from=08:01 window=5min
        08:00:30  A1 in   qr:1  | entry_opened   policy=1
        08:01:00  A1 in   qr:1  | entry_repeated policy=2
        08:07:00  C1 out  qr:1  | window_exceeded 200 0 +++-+ policy=2
        """
    )


def test_both_gates_are_designated_by_the_pinned_policy() -> None:
    check(
        """
        policy 2 from=08:05 designated=D1,D2
        08:00  A1 in   qr:1  | entry_opened
        08:06  C1 out  qr:1  | same_station_within_window 0 200 policy=1
        08:00  D1 in   qr:2  | entry_opened
        08:06  D2 out  qr:2  | gate_not_designated 200 0 ++-++  policy=1
        08:00  A1 in   qr:3  | entry_opened
        08:06  D2 out  qr:3  | gate_not_designated 200 0 ++-++  policy=1
        08:05  D1 in   qr:4  | entry_opened
        08:06  D2 out  qr:4  | same_station_within_window 0 200 policy=2
        08:05  D1 in   qr:5  | entry_opened
        08:06  C1 out  qr:5  | gate_not_designated 200 0 ++-++  policy=2
        """
    )
