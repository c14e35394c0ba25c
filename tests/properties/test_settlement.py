"""A day in order needs no adjustment, and a day out of order comes to the same.

Two metros get the same taps, one in time and one with some of them at the end of the day. After
settlement every tap has cost the same in both.
"""

import tempfile
from collections import Counter
from pathlib import Path

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from fare_engine.decision import Reason
from fare_engine.ports import Wanted
from fare_engine.settle import Outcome
from fare_engine.settlement.adjustments import Kind
from fare_engine.tap import Tap
from fare_engine.verdict import Verdict
from tests.fare_engine.settlement.settlement_table import open_metro, settle_day
from tests.fare_engine.small_metro import MINUTE_MS, NOON_MS, Metro
from tests.properties.test_engine_is_the_rule import GATES

TOLERANCE_MS = 30_000
GAPS_MS = st.one_of(
    st.sampled_from([0, 1, 29_999, 30_000, 30_001, 60_000, 60_001, 120_000, 120_001, 900_001]),
    st.integers(0, 20 * MINUTE_MS),
)
PLACES = st.sampled_from(
    [(gate, way) for gate in GATES for way in (1, 2)]
    + [("FHY-A-01", 1), ("FHY-C-02", 2), ("CXL-A-01", 2)] * 2
)


@st.composite
def _days(draw: st.DrawFn) -> list[Tap]:
    """Taps of two tokens in the order of their times, with gates that have their directions."""
    at_ms = NOON_MS
    taps = []
    for number in range(draw(st.integers(4, 14))):
        gate_id, direction = draw(PLACES)
        at_ms += draw(GAPS_MS)
        if (gate_id, direction) in {("FHY-A-01", 2), ("FHY-C-02", 1)}:
            continue
        token = bytes([draw(st.integers(0, 1))]) * 16
        taps.append(Tap(f"g.{number:02}", gate_id, direction, "tianfutong", token, at_ms))
    return taps


def _fares(outcome: Outcome) -> Counter[str]:
    found = [issue for issue in outcome.issues if issue.adjustment.due.kind is Kind.FARE]
    return Counter({issue.tap_id: issue.adjustment.fare for issue in found})


def _missing_exits(outcome: Outcome) -> Counter[str]:
    found = [issue for issue in outcome.issues if issue.adjustment.due.kind is Kind.MISSING_EXIT]
    return Counter({issue.tap_id: issue.adjustment.fare for issue in found})


def _decide(metro: Metro, taps: list[Tap]) -> dict[str, Verdict]:
    verdicts = [result for result in metro.decide_all(*taps) if isinstance(result, Verdict)]
    assert len(verdicts) == len(taps)
    return {verdict.tap.tap_id: verdict for verdict in verdicts}


@settings(max_examples=40, deadline=None)
@given(_days(), st.sets(st.integers(0, 13)), st.booleans(), st.sampled_from([None, 1]))
def test_a_late_tap_comes_to_the_same_as_one_in_time(
    day: list[Tap], late: set[int], opens: bool, limit: int | None
) -> None:
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        in_time = open_metro(Path(one), unmatched_exit_opens=opens, daily_limit=limit)
        behind = open_metro(Path(other), unmatched_exit_opens=opens, daily_limit=limit)
        try:
            _compare(in_time, behind, day, late)
        finally:
            in_time.ledger.close()
            behind.ledger.close()


def _can_be_late(day: list[Tap], tap: Tap) -> bool:
    """Whether a tap of the token follows beyond the tolerance, so that this one may be late."""
    return any(
        later.token == tap.token and later.occurred_at_ms > tap.occurred_at_ms + TOLERANCE_MS
        for later in day
    )


def _compare(in_time: Metro, behind: Metro, day: list[Tap], late: set[int]) -> None:
    decided = _decide(in_time, day)
    settled = settle_day(in_time)
    assert _fares(settled) == Counter(), "a day in order needs no adjustment"

    delayed = [tap for place, tap in enumerate(day) if place in late and _can_be_late(day, tap)]
    _decide(behind, [tap for tap in day if tap not in delayed])
    middle = len(delayed) // 2
    first = _decide(behind, delayed[:middle])
    issued = settle_day(behind)
    fares, missing = _fares(issued), _missing_exits(issued)
    behind.restart()
    first |= _decide(behind, delayed[middle:])
    # A tap that finds nothing later of its token is not late: it keeps the place it came at.
    assume(all(v.decision.reason is Reason.ARRIVED_OUT_OF_ORDER for v in first.values()))
    issued = settle_day(behind)
    fares.update(_fares(issued))
    missing.update(_missing_exits(issued))
    assert settle_day(behind).issues == [], "settling again issues nothing"

    for tap in day:
        known = behind.ledger.load(Wanted([tap.tap_id])).known[tap.tap_id]
        paid = known.verdict.decision.fare + fares[tap.tap_id]
        assert paid == decided[tap.tap_id].decision.fare, tap
    assert +missing == +_missing_exits(settled)
    assert -missing == Counter()
