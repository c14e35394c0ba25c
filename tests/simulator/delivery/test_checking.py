"""An answer not as it must be is reported with its tap."""

from typing import Any

import pytest

from fare_engine.decision import Reason
from simulator.delivery.checking import Answer, Check
from simulator.world.chengdu import make_metro
from simulator.world.plan import BLOCKED
from simulator.world.presenting import Presenter
from simulator.world.world import WorldTap

TAP = WorldTap(1_740_956_400_000, 0, 2, 0, 0, 2, int(Reason.SAME_STATION_WITHIN_WINDOW), 0, 1)
RIGHT: dict[str, Any] = {
    "outcome": "waived",
    "reason": "same_station_within_window",
    "gate_action": "open",
    "fare_waived": 180,
}


def _check(tap: WorldTap = TAP, *, blocks: bool = True, **answer: Any) -> Check:
    check = Check(Presenter(make_metro()), blocks=blocks)
    check.take(tap, Answer(**(RIGHT | answer)))
    return check


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        (
            {"reason": "window_exceeded", "outcome": "charged"},
            "answered window_exceeded, intended same_station_within_window",
        ),
        ({"gate_action": "refuse"}, "same_station_within_window, and the gate action is refuse"),
        ({"fare": 180}, "waived, and 180 fen are taken"),
        ({"fare_waived": 0}, "waived, and 0 fen are waived"),
    ],
)
def test_every_way_to_be_wrong_is_reported(answer: dict[str, Any], fault: str) -> None:
    assert _check().wrong.count == 0
    check = _check(**answer)
    (example,) = check.wrong.examples
    assert example.endswith(f".20250303.00000001 (crosses): {fault}")
    assert check.list_intentions()[0]["wrong"] == 1


def test_a_blocked_medium_is_held_to_it_only_where_the_engine_knows_the_list() -> None:
    tap = TAP._replace(flags=BLOCKED, expected=int(Reason.MEDIUM_BLOCKED))
    assert _check(tap).wrong.count == 1
    unheld = _check(tap, blocks=False)
    assert unheld.wrong.count == 0
    assert unheld.list_intentions()[0]["as_intended"] == 0


def test_a_gate_that_should_stay_shut_must_not_open() -> None:
    tap = TAP._replace(expected=int(Reason.NO_OPEN_ENTRY))
    answer: dict[str, Any] = {"outcome": "unmatched", "reason": "no_open_entry", "fare_waived": 0}
    assert "action is open" in _check(tap, **answer).wrong.examples[0]
    assert _check(tap, **answer, gate_action="refuse").wrong.count == 0


def test_another_answer_to_the_same_tap_is_wrong() -> None:
    check = _check()
    check.take_again(TAP, same=True)
    assert check.wrong.count == 0
    check.take_again(TAP, same=False)
    assert check.wrong.count == 1
    assert check.again == 2
