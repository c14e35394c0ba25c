"""Results of the engine for taps of the outbox."""

import pytest

from fare_engine.network import Direction
from fare_engine.tap import Report, Tap
from gates.client.messages import Decision, Problem
from gates.outbox import StoredTap
from gates.sending import read_results

TAP = Tap("FHY-A-01.20211124.1", "FHY-A-01", Direction.ENTRY, "qr", bytes(16), 1_637_726_400_000)
AT_ITS_LANE = StoredTap(1, TAP, None)
ACTED = StoredTap(2, TAP.replace(report=Report(True, 0)), None)
DECISION = Decision(
    TAP.tap_id, "entered", "entry_opened", "open", 0, 0, "CNY", None, None, 1, "2021-11-24"
)
FINAL = Problem("/problems/clock-ahead", 422, "ahead")
AGAIN = Problem("/problems/overloaded", 503, "later")


def test_a_decision_resolves_a_tap_and_a_final_problem_quarantines_it() -> None:
    assert read_results([ACTED], [DECISION]) == [(2, None)]
    assert read_results([ACTED], [FINAL]) == [(2, "clock-ahead: ahead")]
    assert read_results([ACTED], [AGAIN]) == []


@pytest.mark.parametrize("result", [DECISION, FINAL, AGAIN])
def test_a_tap_sent_before_its_gate_acted_is_resolved_at_its_own_lane(
    result: Decision | Problem,
) -> None:
    assert read_results([AT_ITS_LANE, ACTED], [result, DECISION]) == [(2, None)]
