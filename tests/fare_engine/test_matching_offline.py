"""Gates that decided alone: the rule's answer stands, the state follows what the gate did."""

import pytest

from tests.fare_engine.rule_table import check


def test_a_gate_that_opened_as_the_rule_says_changes_nothing_about_it() -> None:
    check(
        """
        08:00  A1 in   qr:1  offline=open | entry_opened
        08:05  C1 out  qr:1  offline=open | same_station_within_window 0 200
        """
    )


def test_an_entry_at_which_the_gate_stayed_shut_opens_no_journey() -> None:
    check(
        """
        08:00  A1 in   qr:1  offline=refuse | entry_opened
        08:05  C1 out  qr:1  | no_open_entry
        """
    )


def test_an_entry_at_which_the_gate_stayed_shut_leaves_the_open_journey_alone() -> None:
    check(
        """
        08:00  A1 in   qr:1  | entry_opened
        08:01  A2 in   qr:1  offline=refuse | entry_repeated
        08:04  J1 in   qr:1  offline=refuse | entry_superseded incomplete=200
        08:05  C1 out  qr:1  | same_station_within_window 0 200 entry=08:00
        """
    )


def test_an_exit_at_which_the_gate_stayed_shut_leaves_the_journey_open() -> None:
    check(
        """
        08:00  A1 in   qr:1  | entry_opened
        08:05  C1 out  qr:1  offline=refuse | same_station_within_window 0 200
        08:06  J1 out  qr:1  offline=refuse | different_station 300
        08:10  C2 out  qr:1  | same_station_within_window 0 200 entry=08:00
        """
    )


def test_an_exit_that_the_rule_keeps_shut_counts_as_an_exit_where_the_gate_opened() -> None:
    check(
        """
        08:00:00  C1 out  qr:1  offline=open | no_open_entry
        08:00:30  C1 out  qr:1  | exit_repeated
        08:00:40  C1 out  qr:1  | no_open_entry
        """
    )


def test_a_free_second_exit_at_which_the_gate_stayed_shut_is_not_used_up() -> None:
    check(
        """
        08:00     A1 in   qr:1  | entry_opened
        08:10:00  C1 out  qr:1  | same_station_within_window 0 200
        08:10:10  C1 out  qr:1  offline=refuse | exit_repeated
        08:10:20  C1 out  qr:1  | exit_repeated
        08:10:30  C1 out  qr:1  | no_open_entry
        """
    )


def test_an_expired_exit_at_which_the_gate_opened_may_be_tapped_once_more() -> None:
    check(
        """
        23:00     A1 in   qr:1  | entry_opened
        date 2021-11-25
        05:00:00  C1 out  qr:1  | entry_expired
        05:00:10  C1 out  qr:1  offline=open | entry_expired
        05:00:20  C1 out  qr:1  | exit_repeated closing=left_open
        """
    )


def test_an_unmatched_exit_that_should_have_opened_but_stayed_shut_changes_nothing() -> None:
    check(
        """
        tariff 1 unmatched_exit=open
        08:00:00  C1 out  qr:1  offline=refuse | no_open_entry 200 gate=open
        08:00:10  C1 out  qr:1  | no_open_entry 200 gate=open
        08:00:20  C1 out  qr:1  | exit_repeated
        """
    )


@pytest.mark.parametrize("did", ["open", "refuse"])
def test_a_refused_tap_changes_nothing_whatever_its_gate_did(did: str) -> None:
    check(
        f"""
        08:00  A1 in   qr:1  | entry_opened
        08:05  J1 in   qr:1  offline={did} refusal=medium_blocked    | medium_blocked
        08:05  J1 out  qr:1  offline={did} refusal=ride_code_expired | ride_code_expired
        08:06  C1 out  qr:1  | same_station_within_window 0 200 entry=08:00
        """
    )
