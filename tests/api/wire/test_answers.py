"""The answer as it is written is the answer that the contract describes."""

import json
from typing import Any

import pytest

from api.contract.taps import TapDecision
from api.wire.answers import AnswerWriter
from fare_engine.tap import Report
from fare_engine.verdict import Verdict
from tests.fare_engine.small_metro import MINUTE_MS, SmallMetro

WRITER = AnswerWriter("Asia/Shanghai", "CNY")


def answer(verdict: Verdict) -> dict[str, Any]:
    """The answer as a client reads it; the model of the contract finds nothing amiss."""
    text = WRITER.write(verdict)
    TapDecision.model_validate_json(text)
    read: dict[str, Any] = json.loads(text)
    members = [name for name in TapDecision.model_fields if name in read or name != "clock_suspect"]
    assert list(read) == members, "members in the contract's order"
    return read


def test_a_waived_crossing_is_answered_as_the_contract_shows_it(metro: SmallMetro) -> None:
    entry = metro.enter(0)
    waived = metro.leave(212_360 / MINUTE_MS)
    assert answer(waived) == {
        "tap_id": waived.tap.tap_id,
        "outcome": "waived",
        "reason": "same_station_within_window",
        "gate_action": "open",
        "fare": 0,
        "fare_waived": 180,
        "currency": "CNY",
        "journey": {
            "entry_tap_id": entry.tap.tap_id,
            "entry_station": "FHY",
            "entered_at": "2021-11-24T12:00:00.000+08:00",
            "exit_station": "FHY",
            "exited_at": "2021-11-24T12:03:32.360+08:00",
            "elapsed_ms": 212_360,
        },
        "policy_version": 1,
        "tariff_version": 1,
        "decided_at": "2021-11-24T13:00:00.000+08:00",
    }


def test_an_entry_is_answered_with_a_journey_that_has_no_exit_yet(metro: SmallMetro) -> None:
    read = answer(metro.enter(0))
    assert (read["outcome"], read["reason"], read["fare"]) == ("entered", "entry_opened", 0)
    assert read["journey"]["entry_tap_id"] == read["tap_id"]
    assert [read["journey"][name] for name in ("exit_station", "exited_at", "elapsed_ms")] == [
        None
    ] * 3
    assert (read["policy_version"], read["tariff_version"]) == (1, 1)


def test_another_station_is_charged_without_reading_the_policy(metro: SmallMetro) -> None:
    metro.enter(0)
    read = answer(metro.leave(20, "CXL-A-01"))
    assert (read["outcome"], read["reason"]) == ("charged", "different_station")
    assert (read["fare"], read["fare_waived"]) == (360, 0)
    assert (read["policy_version"], read["tariff_version"]) == (None, 1)


def test_the_same_station_without_a_policy_is_charged_and_names_no_policy(
    metro: SmallMetro,
) -> None:
    metro.enter(0, "CXL-A-01")
    read = answer(metro.leave(5, "CXL-A-01"))
    assert (read["reason"], read["fare"]) == ("station_not_in_pilot", 180)
    assert read["policy_version"] is None


@pytest.mark.parametrize(
    ("minutes", "outcome", "reason", "action"),
    [(5, "unmatched", "no_open_entry", "refuse")],
)
def test_an_exit_without_an_entry_has_no_journey(
    metro: SmallMetro, minutes: float, outcome: str, reason: str, action: str
) -> None:
    read = answer(metro.leave(minutes))
    assert (read["outcome"], read["reason"], read["gate_action"]) == (outcome, reason, action)
    assert read["journey"] is None


def test_a_late_tap_is_told_to_open_and_has_no_journey(metro: SmallMetro) -> None:
    metro.enter(10)
    read = answer(metro.leave(5))
    assert (read["outcome"], read["reason"]) == ("late", "arrived_out_of_order")
    assert (read["gate_action"], read["journey"], read["fare"]) == ("open", None, 0)


def test_a_tap_in_quarantine_is_recorded_under_the_problem_of_it(metro: SmallMetro) -> None:
    read = answer(metro.decide(metro.tap("nowhere", "entry", report=Report(True, 0))))
    assert (read["outcome"], read["reason"], read["gate_action"]) == (
        "recorded",
        "unknown-gate",
        "open",
    )
    assert [read[name] for name in ("journey", "policy_version", "tariff_version")] == [None] * 3


def test_elapsed_time_is_never_negative(metro: SmallMetro) -> None:
    metro.enter(1)
    read = answer(metro.leave(0.9))
    assert read["reason"] == "same_station_within_window"
    assert read["journey"]["elapsed_ms"] == 0
    assert read["journey"]["exited_at"] < read["journey"]["entered_at"]


def test_the_answer_after_a_restart_is_the_same_to_the_byte(metro: SmallMetro) -> None:
    firsts = [metro.enter(0), metro.leave(3), metro.leave(3.5), metro.enter(9), metro.leave(30)]
    texts = [WRITER.write(first) for first in firsts]
    metro.restart()
    assert [WRITER.write(metro.decide(first.tap)) for first in firsts] == texts
