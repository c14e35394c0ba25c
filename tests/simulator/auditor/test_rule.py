"""The auditor's rule, on the tables of the rule and on tables of its own."""

import ast
from pathlib import Path

import pytest

from tests.simulator.auditor.rule_table import check

TABLES = Path(__file__).parents[2] / "fare_engine"
NOT_OVER_HTTP = ("listed=", "refusal=ride_code_")
"""What no gate can send: fares of recorded taps, and findings that the tables make up."""


def _list_tables() -> list[object]:
    tables: list[object] = []
    for path in sorted([*TABLES.glob("test_matching_*.py"), TABLES / "test_conditions.py"]):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            match node:
                case ast.Call(func=ast.Name(id="check"), args=[ast.Constant(value=str(table))]):
                    if not any(words in table for words in NOT_OVER_HTTP):
                        tables.append(pytest.param(table, id=f"{path.stem}:{node.lineno}"))
    return tables


@pytest.mark.parametrize("table", _list_tables())
def test_the_auditor_agrees_with_every_table_of_the_rule(table: str) -> None:
    check(table)


def test_the_tables_are_found() -> None:
    assert len(_list_tables()) > 90


def test_the_window_is_inclusive() -> None:
    check(
        """
        08:00:00.000  A1 in   qr:1  | entry_opened
        08:14:59.999  C1 out  qr:1  | same_station_within_window 0 200 +++++
        09:00:00.000  A1 in   qr:2  | entry_opened
        09:15:00.000  C1 out  qr:2  | same_station_within_window 0 200 +++++
        10:00:00.000  A1 in   qr:3  | entry_opened
        10:15:00.001  C1 out  qr:3  | window_exceeded 200 0 +++-+
        """
    )


def test_a_stay_of_just_the_longest_is_no_overstay() -> None:
    check(
        """
        08:00:00.000  A1 in   qr:1  | entry_opened
        12:00:00.000  J1 out  qr:1  | different_station 300
        08:00:00.000  A1 in   qr:2  | entry_opened
        12:00:00.001  J1 out  qr:2  | overstay 800
        """
    )


def test_a_tap_thirty_seconds_behind_is_not_late() -> None:
    check(
        """
        08:10:00.000  A1 in   qr:1  | entry_opened
        08:09:30.000  C1 out  qr:1  | same_station_within_window 0 200 +++++
        08:09:29.999  A1 in   qr:1  | arrived_out_of_order
        """
    )


def test_second_entries_and_exits_have_their_graces_inclusive() -> None:
    check(
        """
        08:00:00.000  A1 in   qr:1  | entry_opened
        08:02:00.000  A2 in   qr:1  | entry_repeated
        08:04:00.001  A1 in   qr:1  | entry_superseded incomplete=200
        08:05:00.000  C1 out  qr:1  | same_station_within_window 0 200 +++++
        08:06:00.000  C1 out  qr:1  | exit_repeated
        08:06:01.000  C1 out  qr:1  | no_open_entry gate=shut
        09:00:00.000  A1 in   qr:2  | entry_opened
        09:05:00.000  C1 out  qr:2  | same_station_within_window 0 200 +++++
        09:06:00.001  C1 out  qr:2  | no_open_entry gate=shut
        """
    )


def test_a_journey_expires_at_the_cut() -> None:
    check(
        """
        date 2021-11-25
        03:50:00.000  A1 in   qr:1  | entry_opened
        03:59:59.999  C1 out  qr:1  | same_station_within_window 0 200 +++++
        03:50:00.000  A1 in   qr:2  | entry_opened
        04:00:00.000  C1 out  qr:2  | entry_expired gate=shut
        """
    )


def test_a_blocked_medium_may_leave_and_not_enter() -> None:
    check(
        """
        08:00:00.000  A1 in   qr:1  | entry_opened
        blocked qr:1
        08:05:00.000  C1 out  qr:1  | same_station_within_window 0 200 +++++
        08:10:00.000  A1 in   qr:1  | medium_blocked gate=shut
        """
    )


def test_a_ride_code_is_fresh_for_its_validity_and_the_tolerance_of_clocks() -> None:
    check(
        """
        code c1 qr:1 08:00:00.000
        code c2 qr:1 08:00:00.000 forged
        08:01:00.000  A1 in   qr:1 code=c1  | entry_opened
        08:01:00.001  A1 in   qr:1 code=c1  | ride_code_expired gate=shut
        07:58:59.999  A1 in   qr:1 code=c1  | ride_code_expired gate=shut
        08:00:00.000  A1 in   qr:1 code=c2  | ride_code_invalid gate=shut
        """
    )


def test_a_ride_code_shown_again_is_a_replay_unless_it_is_a_second_tap_here() -> None:
    check(
        """
        08:00:00.000  A1 in   qr:1 code_id=c1  | entry_opened
        08:02:00.000  A2 in   qr:1 code_id=c1  | entry_repeated
        08:02:00.001  A1 in   qr:1 code_id=c1  | ride_code_replayed gate=shut
        08:02:01.000  C1 out  qr:1 code_id=c1  | ride_code_replayed gate=shut
        08:02:02.000  J1 in   qr:1 code_id=c1  | ride_code_replayed gate=shut
        """
    )


def test_degraded_modes_change_what_they_say_and_no_more() -> None:
    check(
        """
        mode sequence_free 08:00..09:00
        mode time_free 12:00..16:00 station=JRC
        mode fare_free 17:00..18:00 station=XP
        mode emergency 19:00..20:00
        07:59:59.999  C1 out  qr:1  | no_open_entry gate=shut
        08:00:00.000  C1 out  qr:1  | no_open_entry 200 gate=open
        09:00:00.000  C1 out  qr:2  | no_open_entry gate=shut
        08:00:00.000  A1 in   qr:3  | entry_opened
        15:59:59.999  J1 out  qr:3  | different_station 300
        08:00:00.000  A1 in   qr:4  | entry_opened
        16:00:00.000  J1 out  qr:4  | overstay 800
        17:00:00.000  J1 in   qr:5  | entry_opened
        17:30:00.000  X1 out  qr:5  | different_station 200
        18:50:00.000  J1 in   qr:6  | entry_opened
        19:10:00.000  A1 out  qr:6  | different_station 0
        19:20:00.000  A1 out  qr:6  | no_open_entry gate=open
        """
    )


def test_where_gates_stand_open_a_missing_exit_costs_nothing() -> None:
    check(
        """
        mode exit_free 08:30..09:30
        08:00:00.000  A1 in   qr:1  | entry_opened
        09:00:00.000  A1 in   qr:1  | entry_superseded incomplete=0
        10:00:00.000  A1 in   qr:1  | entry_superseded incomplete=200
        """
    )
