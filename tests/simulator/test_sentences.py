"""What became of a passenger, in a sentence."""

from typing import Any

import pytest

from simulator.sentences import Names
from simulator.world.chengdu import make_metro

NAMES = Names(make_metro())
WAIVED = {
    "outcome": "waived",
    "reason": "same_station_within_window",
    "gate_action": "open",
    "fare": 0,
    "fare_waived": 180,
    "journey": {
        "entry_tap_id": "FHY-A-01.20211124.000173",
        "entered_at": "2021-11-24T08:15:30.120+08:00",
        "elapsed_ms": 212_360,
    },
}
CHARGED = {"outcome": "charged", "reason": "window_exceeded", "fare": 180, "fare_waived": 0}
UNMATCHED = {"reason": "no_open_entry", "gate_action": "refuse", "journey": None}


@pytest.mark.parametrize(
    ("gate_id", "answer", "sentence"),
    [
        ("FHY-C-02", {}, "08:15:30 孵化园 A-01 → C-02, 3 min 32 s: waived 1.80 CNY"),
        (
            "FHY-C-02",
            CHARGED,
            "08:15:30 孵化园 A-01 → C-02, 3 min 32 s: charged 1.80 CNY (window_exceeded)",
        ),
        (
            "CXL-A-02",
            CHARGED | {"reason": "different_station"},
            "08:15:30 孵化园 A-01 → 春熙路 A-02, 3 min 32 s: charged 1.80 CNY (different_station)",
        ),
        ("FHY-C-02", UNMATCHED, "08:19:02 孵化园 C-02: no_open_entry, the gate stays shut"),
    ],
)
def test_an_exit_makes_a_sentence(gate_id: str, answer: dict[str, Any], sentence: str) -> None:
    body = {"gate_id": gate_id, "occurred_at": "2021-11-24T08:19:02.480+08:00"}
    assert NAMES.format_tap(body, WAIVED | answer) == sentence
