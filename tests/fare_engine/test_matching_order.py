"""The order of checks: a refusal before lateness, lateness before the rules of entry and exit."""

import re
from pathlib import Path

import pytest

from fare_engine.decision import REFUSALS, Reason
from tests.fare_engine.rule_table import check

RIDE_CODE_REFUSALS = sorted(r.code for r in REFUSALS if r is not Reason.MEDIUM_BLOCKED)


@pytest.mark.parametrize("refusal", RIDE_CODE_REFUSALS)
def test_a_ride_code_that_is_no_good_is_refused_in_both_directions(refusal: str) -> None:
    check(
        f"""
        08:00  A1 in   qr:1  refusal={refusal} | {refusal} policy=0 tariff=0
        08:01  A1 in   qr:1  | entry_opened
        08:05  C1 out  qr:1  refusal={refusal} | {refusal}
        08:06  C1 out  qr:1  | same_station_within_window 0 200
        """
    )


def test_a_blocked_medium_is_refused_at_entries_only() -> None:
    check(
        """
        08:00     A1 in   qr:1                          | entry_opened
        08:05     C1 out  qr:1  refusal=medium_blocked  | same_station_within_window 0 200
        08:05:30  C1 out  qr:1  refusal=medium_blocked  | exit_repeated
        08:07     C1 out  qr:1  refusal=medium_blocked  | no_open_entry
        08:08     A1 in   qr:1  refusal=medium_blocked  | medium_blocked
        08:09     A1 in   qr:1                          | entry_opened
        08:20     J1 out  qr:1  refusal=medium_blocked  | different_station 300
        """
    )


def test_a_blocked_medium_does_not_supersede_or_replace_its_open_journey() -> None:
    check(
        """
        08:00  A1 in   qr:1                          | entry_opened
        08:01  A1 in   qr:1  refusal=medium_blocked  | medium_blocked
        08:03  J1 in   qr:1  refusal=medium_blocked  | medium_blocked
        08:05  C1 out  qr:1  refusal=medium_blocked  | same_station_within_window 0 200 entry=08:00
        """
    )


@pytest.mark.parametrize("refusal", sorted(reason.code for reason in REFUSALS))
def test_a_refusal_comes_before_lateness(refusal: str) -> None:
    check(
        f"""
        08:00  A1 in  qr:1  | entry_opened
        07:00  A1 in  qr:1  refusal={refusal} | {refusal}
        """
    )


def test_the_late_exit_of_a_blocked_medium_is_late() -> None:
    check(
        """
        08:00  A1 in   qr:1  | entry_opened
        07:00  C1 out  qr:1  refusal=medium_blocked | arrived_out_of_order
        """
    )


def test_lateness_comes_before_a_second_tap() -> None:
    check(
        """
        08:10:00.000  A1 in   qr:1  | entry_opened
        08:09:29.999  A1 in   qr:1  | arrived_out_of_order
        08:15:00.000  C1 out  qr:1  | same_station_within_window 0 200
        08:14:29.999  C1 out  qr:1  | arrived_out_of_order
        """
    )


def test_overstay_comes_before_another_station_and_before_the_conditions() -> None:
    check(
        """
        tariff 1 max_stay=10min
        08:00  D1 in   qr:1  | entry_opened
        08:11  J1 out  qr:1  | overstay 800 0 .....
        08:20  D1 in   qr:1  | entry_opened
        08:31  D1 out  qr:1  | overstay 900 0 .....
        """
    )


def test_every_reason_that_the_rule_can_give_stands_in_a_table_beside_this_one() -> None:
    tables = "".join(
        path.read_text(encoding="utf-8") for path in Path(__file__).parent.glob("test_matching_*")
    )
    told = set(re.findall(r"\| ([a-z_]+)", tables)) | set(RIDE_CODE_REFUSALS)
    given = {reason.code for reason in Reason if reason is not Reason.RECORDED}
    assert given <= told
