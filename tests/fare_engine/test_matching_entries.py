"""Entries: a journey opens, is opened again, or takes the place of one whose exit is missing."""

from tests.fare_engine.rule_table import check
from tests.fare_engine.rule_words import read_moment
from tests.fare_engine.rule_world import FIRST_DAY


def test_a_first_entry_opens_a_journey() -> None:
    check("08:15:30.120 A1 in tianfutong:1 | entry_opened policy=1 tariff=1")


def test_an_entry_opens_at_a_station_without_a_policy_too() -> None:
    check("08:15:30.120 J1 in tianfutong:1 | entry_opened policy=0 tariff=1")


def test_an_open_journey_holds_what_its_exit_will_need() -> None:
    state = check(
        """
        07:00:00.000  J1 in   qr:1  | entry_opened
        07:30:00.000  A1 out  qr:1  | different_station 300
        08:15:30.120  A1 in   qr:1  | entry_opened
        """
    )["qr:1"]
    journey = state.open
    assert journey is not None
    assert (journey.gate_id, journey.station_id, journey.tap_id) == ("A1", "FHY", "tap-4")
    assert journey.designated
    assert journey.entered_at_ms == state.clock_ms == read_moment("08:15:30.120", FIRST_DAY)
    assert journey.service_day == FIRST_DAY.toordinal()
    assert journey.expires_at_ms == read_moment("2021-11-25T04:00", FIRST_DAY)
    assert (journey.row, state.row, state.number) == (3, 3, 3)


def test_a_second_tap_at_the_entry_replaces_the_first_without_charge() -> None:
    check(
        """
        08:15:00.000  A1 in   qr:1  | entry_opened
        08:15:20.000  A2 in   qr:1  | entry_repeated entry=08:15:00.000
        08:30:20.000  C1 out  qr:1  | same_station_within_window 0 200 entry=08:15:20.000
        08:45:00.000  C1 out  qr:1  | no_open_entry
        """
    )


def test_a_second_tap_counts_at_every_gate_of_the_station_and_brings_its_own_designation() -> None:
    check(
        """
        08:15:00.000  A1 in   qr:1  | entry_opened
        08:15:20.000  D1 in   qr:1  | entry_repeated
        08:20:00.000  C1 out  qr:1  | gate_not_designated 200 0 ++-++ entry=08:15:20.000
        """
    )


def test_the_grace_of_a_second_tap_is_inclusive_to_the_millisecond() -> None:
    check(
        """
        08:00:00.000  A1 in   qr:1  | entry_opened
        08:01:59.999  A1 in   qr:1  | entry_repeated

        08:00:00.000  A1 in   qr:2  | entry_opened
        08:02:00.000  A1 in   qr:2  | entry_repeated

        08:00:00.000  A1 in   qr:3  | entry_opened
        08:02:00.001  A1 in   qr:3  | entry_superseded incomplete=200
        """
    )


def test_the_grace_of_a_second_tap_runs_from_the_entry_it_replaces() -> None:
    check(
        """
        08:00:00.000  A1 in   qr:1  | entry_opened
        08:02:00.000  A1 in   qr:1  | entry_repeated   entry=08:00
        08:04:00.000  A1 in   qr:1  | entry_repeated   entry=08:02
        08:06:00.001  A1 in   qr:1  | entry_superseded entry=08:04 incomplete=200
        """
    )


def test_the_grace_of_a_second_tap_is_the_one_of_the_tariff_pinned_at_the_entry() -> None:
    check(
        """
        tariff 2 from=08:01 reentry_grace=60s
        08:00:30.000  A1 in  qr:1  | entry_opened   tariff=1
        08:02:30.000  A1 in  qr:1  | entry_repeated tariff=2
        08:03:30.001  A1 in  qr:1  | entry_superseded incomplete=200
        """
    )


def test_a_second_tap_slightly_before_the_first_is_a_second_tap_of_no_age() -> None:
    check(
        """
        tariff 1 reentry_grace=0
        08:00:00.000  A1 in  qr:1  | entry_opened
        07:59:59.999  A2 in  qr:1  | entry_repeated
        08:00:00.000  A1 in  qr:1  | entry_superseded incomplete=200
        """
    )


def test_an_entry_at_another_station_supersedes_at_once() -> None:
    check(
        """
        08:00:00.000  A1 in   tianfutong:1  | entry_opened
        08:00:00.001  J1 in   tianfutong:1  | entry_superseded incomplete=180 entry=08:00
        08:10:00.000  C1 out  tianfutong:1  | different_station 270 entry=08:00:00.001
        """
    )


def test_the_missing_exit_costs_what_the_pinned_tariff_says() -> None:
    check(
        """
        tariff 2 from=08:30 missing_exit_fare=900
        08:00:00.000  A1 in  qr:1  | entry_opened
        09:00:00.000  A1 in  qr:1  | entry_superseded incomplete=200 tariff=2
        10:00:00.000  A1 in  qr:1  | entry_superseded incomplete=900 tariff=2
        """
    )


def test_a_gate_that_moves_takes_its_new_station_with_the_next_tap() -> None:
    check(
        """
        08:00:00.000  A1 in   qr:1  | entry_opened policy=1
        gate A1 station=JRC
        08:05:00.000  C1 out  qr:1  | same_station_within_window 0 200
        08:06:00.000  A1 in   qr:1  | entry_opened policy=0
        08:07:00.000  A1 out  qr:1  | station_not_in_pilot 200 0 -....
        """
    )


def test_two_media_of_one_passenger_are_two_tokens() -> None:
    check(
        """
        08:00:00.000  A1 in   tianfutong:1  | entry_opened
        08:05:00.000  C1 out  qr:1          | no_open_entry
        08:05:10.000  C1 out  tianfutong:1  | same_station_within_window 0 180
        """
    )
