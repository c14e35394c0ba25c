"""The auditor's rule, on the tables of the rule and on tables of its own."""

import importlib
import inspect
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.fare_engine import rule_table as engine
from tests.simulator.auditor.rule_table import check

TABLES = Path(__file__).parents[2] / "fare_engine"
NOT_OVER_HTTP = ("listed=", "refusal=ride_code_")
"""What no gate can send: fares of recorded taps, and findings that the tables make up."""


def _list_tests() -> Iterator[Any]:
    """The tests that decide tables of the rule, with the arguments of each."""
    for path in sorted([*TABLES.glob("test_matching_*.py"), TABLES / "test_conditions.py"]):
        module = importlib.import_module(f"tests.fare_engine.{path.stem}")
        for name, test in inspect.getmembers(module, inspect.isfunction):
            if not name.startswith("test_") or "check" not in test.__code__.co_names:
                continue
            for number, arguments in enumerate(_list_arguments(test)):
                if inspect.signature(test).parameters.keys() == arguments.keys():
                    yield pytest.param(module, name, arguments, id=f"{path.stem}:{name}:{number}")


def _list_arguments(test: Any) -> list[dict[str, Any]]:
    """Of a test with one `parametrize`, or none."""
    marks = [mark for mark in getattr(test, "pytestmark", ()) if mark.name == "parametrize"]
    if not marks:
        return [{}]
    names, rows = marks[0].args
    names = [names] if isinstance(names, str) else names
    return [dict(zip(names, row if len(names) > 1 else [row], strict=True)) for row in rows]


@pytest.mark.parametrize(("module", "name", "arguments"), list(_list_tests()))
def test_the_auditor_agrees_with_every_table_of_the_rule(
    module: ModuleType, name: str, arguments: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def ask_both(table: str) -> Any:
        if not any(words in table for words in NOT_OVER_HTTP):
            check(table)
        return engine.check(table)

    monkeypatch.setattr(module, "check", ask_both)
    getattr(module, name)(**arguments)


def test_the_tables_are_found() -> None:
    assert len(list(_list_tests())) > 120


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
        blocked qr:1 08:09:00.000
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
        08:00:00.000  C1 out  qr:1  | no_open_entry 300 gate=open
        09:00:00.000  C1 out  qr:2  | no_open_entry gate=shut
        08:00:00.000  A1 in   qr:3  | entry_opened
        15:59:59.999  J1 out  qr:3  | different_station 300
        08:00:00.000  A1 in   qr:4  | entry_opened
        16:00:00.000  J1 out  qr:4  | overstay 800
        17:00:00.000  A1 in   qr:5  | entry_opened
        17:30:00.000  X1 out  qr:5  | different_station 800
        18:50:00.000  J1 in   qr:6  | entry_opened
        19:10:00.000  A1 out  qr:6  | emergency 0
        19:20:00.000  A1 out  qr:6  | no_open_entry gate=open
        """
    )


def test_a_missing_exit_costs_nothing_where_gates_stood_open_before_it_expired() -> None:
    check(
        """
        tariff 2 from=07:00 expiry=1h
        mode exit_free 08:30..09:30 station=XP
        08:00:00.000  A1 in   qr:1  | entry_opened
        08:29:59.999  A1 in   qr:1  | entry_superseded incomplete=200
        08:30:00.000  A1 in   qr:1  | entry_repeated incomplete=0
        09:00:00.000  A1 in   qr:1  | entry_superseded closing=excused incomplete=0
        11:00:00.000  A1 in   qr:1  | entry_opened closing=excused incomplete=0
        11:30:00.000  A1 in   qr:1  | entry_superseded incomplete=200
        07:30:00.000  A1 in   qr:2  | entry_opened
        11:00:00.000  A1 in   qr:2  | entry_opened closing=expired incomplete=200
        """
    )


def test_a_block_holds_from_its_own_instant() -> None:
    check(
        """
        blocked qr:1 08:09:00.000
        08:09:00.000  A1 in   qr:1  | medium_blocked gate=shut
        08:08:59.999  A1 in   qr:1  | entry_opened
        """
    )


def test_a_code_is_used_where_the_gate_opened_and_its_grace_runs_from_then() -> None:
    check(
        """
        08:00:00.000  A1 in   qr:1 code_id=c1 offline=refuse  | entry_opened
        08:10:00.000  A1 in   qr:1 code_id=c1                 | entry_opened
        08:11:00.000  A1 in   qr:1 code_id=c1                 | entry_repeated
        08:12:00.001  A1 in   qr:1 code_id=c1                 | ride_code_replayed gate=shut
        """
    )
