"""What is counted, told, and held against the intention."""

from typing import Any

import pytest

from simulator.crowd import SimulatedTap
from simulator.passengers import Step
from simulator.tally import Tally
from tests.simulator.a_metro import make_metro

WAIVED = "same_station_within_window"


def _take(expected: str, gate_id: str = "FHY-C-02", **answer: Any) -> Tally:
    """One answer to an exit, which is waived but for what is said otherwise."""
    decision = {
        "outcome": "waived",
        "reason": WAIVED,
        "gate_action": "open",
        "fare": 0,
        "fare_waived": 180,
        "journey": {
            "entry_tap_id": "FHY-A-01.20211124.000173",
            "entry_station": "FHY",
            "entered_at": "2021-11-24T08:15:30.120+08:00",
            "exit_station": gate_id.partition("-")[0],
            "elapsed_ms": 212_360,
        },
    }
    body = {
        "tap_id": f"{gate_id}.20211124.000391",
        "gate_id": gate_id,
        "occurred_at": "2021-11-24T08:19:02.480+08:00",
    }
    tally = Tally(make_metro())
    tally.take(SimulatedTap(1, 0, Step(0, "exit", "lane", expected), body), decision | answer)
    return tally


CHARGED = {"outcome": "charged", "reason": "window_exceeded", "fare": 180, "fare_waived": 0}
UNMATCHED = {
    "outcome": "unmatched",
    "reason": "no_open_entry",
    "gate_action": "refuse",
    "fare_waived": 0,
    "journey": None,
}


@pytest.mark.parametrize(
    ("expected", "answer", "sentence"),
    [
        (WAIVED, {}, "08:15:30 孵化园 A-01 → C-02, 3 min 32 s: waived 1.80 CNY"),
        (
            "window_exceeded",
            CHARGED,
            "08:15:30 孵化园 A-01 → C-02, 3 min 32 s: charged 1.80 CNY (window_exceeded)",
        ),
        (
            "different_station",
            CHARGED | {"gate_id": "CXL-A-02", "reason": "different_station"},
            "08:15:30 孵化园 A-01 → 春熙路 A-02, 3 min 32 s: charged 1.80 CNY (different_station)",
        ),
        ("no_open_entry", UNMATCHED, "08:19:02 孵化园 C-02: no_open_entry, the gate stays shut"),
    ],
)
def test_an_answer_as_intended_is_told_in_a_sentence(
    expected: str, answer: dict[str, Any], sentence: str
) -> None:
    tally = _take(expected, **answer)
    assert tally.unexpected == []
    assert list(tally.examples.values()) == [sentence]


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        (CHARGED, "answered window_exceeded, intended same_station_within_window"),
        ({"gate_action": "refuse"}, "same_station_within_window, and the gate is told to refuse"),
        ({"fare": 180}, "waived, and 180 fen are taken"),
        ({"fare_waived": 0}, "waived, and 0 fen are waived"),
    ],
)
def test_an_answer_not_as_intended_is_told_with_its_tap(answer: dict[str, Any], fault: str) -> None:
    assert _take(WAIVED, **answer).unexpected == [f"FHY-C-02.20211124.000391: {fault}"]
