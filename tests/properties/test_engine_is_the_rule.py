"""However taps are batched, and whatever is lost between batches, the engine is the rule.

The model is a loop: `matching.decide` over a dictionary of states, one tap after the other.
"""

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from fare_engine.decision import Closing, Decision
from fare_engine.engine import Engine
from fare_engine.errors import TapConflict
from fare_engine.journey import BLANK, TokenState
from fare_engine.matching import decide
from fare_engine.modes import DegradedMode, Mode
from fare_engine.network import Direction
from fare_engine.states.memory import MemoryStates
from fare_engine.tap import Report, Tap
from fare_engine.verdict import Verdict
from tests.fare_engine.small_metro import MINUTE_MS, NOON_MS, SmallMetro

GATES = ("FHY-A-01", "FHY-C-02", "FHY-B-03", "CXL-A-01")
_times = st.one_of(
    st.integers(0, 50 * MINUTE_MS),
    st.sampled_from([0, 30_000, 30_001, 60_000, 60_001, 120_000, 120_001, 900_000, 900_001]),
)


@st.composite
def _taps(draw: st.DrawFn) -> Tap:
    gate_id = draw(st.sampled_from(GATES))
    direction = {"FHY-A-01": Direction.ENTRY, "FHY-C-02": Direction.EXIT}.get(gate_id)
    if direction is None:
        direction = draw(st.sampled_from(Direction))
    number = draw(st.integers(0, 30))
    # A tap has one report or none, whenever it is sent: what another one does to states is told
    # in `test_engine_reports`.
    report = {3: Report(True, 0), 4: Report(False, 0)}.get(number % 5)
    return Tap(
        f"g.{number:02}",
        gate_id,
        int(direction),
        "tianfutong",
        bytes([draw(st.integers(0, 2))]) * 16,
        NOON_MS + draw(_times),
        report,
    )


_disturbances = st.sampled_from(["nothing", "nothing", "restart", "index lost"])
_batches = st.lists(st.tuples(st.lists(_taps(), min_size=1, max_size=6), _disturbances))


class Loop:
    """The rule in a loop, with everything it needs in dictionaries."""

    def __init__(self, metro: SmallMetro) -> None:
        self._catalogue = metro.catalogue
        self._states: dict[bytes, TokenState] = {}
        self._first: dict[str, tuple[Tap, Decision]] = {}

    def decide(self, tap: Tap, row: int) -> Decision | None:
        """The decision, or None for a conflict; a tap that is new gets this row."""
        if tap.tap_id in self._first:
            first, decision = self._first[tap.tap_id]
            return decision if first.has_content_of(tap) else None
        gate = self._catalogue.gates[tap.gate_id]
        terms = self._catalogue.find_terms(gate.station_id, tap.occurred_at_ms)
        assert terms is not None
        state = self._states.get(tap.token, BLANK)
        decision, self._states[tap.token] = decide(state, tap, gate, terms, row)
        self._first[tap.tap_id] = tap, decision
        return decision


_modes = st.lists(
    st.builds(
        lambda mode, start, length: DegradedMode(
            "FHY", mode, NOON_MS + start, "test", NOON_MS + start + length
        ),
        st.sampled_from(Mode),
        _times,
        st.integers(1, 30 * MINUTE_MS),
    ),
    max_size=2,
)


@settings(max_examples=60, deadline=None)
@given(_batches, _modes)
def test_batches_restarts_and_a_lost_index_change_no_decision(
    batches: list[tuple[list[Tap], str]], modes: list[DegradedMode]
) -> None:
    with tempfile.TemporaryDirectory() as directory:
        metro = SmallMetro(Path(directory), run_rows=8)
        metro.catalogue = metro.catalogue.with_modes("FHY", tuple(modes))
        metro.restart()
        try:
            _compare(metro, batches)
        finally:
            metro.ledger.close()


def _compare(metro: SmallMetro, batches: list[tuple[list[Tap], str]]) -> None:
    loop = Loop(metro)
    consumed: set[int] = set()
    for taps, disturbance in batches:
        for tap, result in zip(taps, metro.decide_all(*taps), strict=True):
            expected = loop.decide(tap, result.row if isinstance(result, Verdict) else 0)
            if expected is None:
                assert isinstance(result, TapConflict)
                continue
            assert isinstance(result, Verdict), result
            assert result.decision == expected
            if not result.replayed and _consumes(result):
                assert result.decision.entry is not None
                assert result.decision.entry.row not in consumed
                consumed.add(result.decision.entry.row)
        if disturbance == "restart":
            metro.restart()
        elif disturbance == "index lost":
            metro.engine = Engine(metro.ledger, MemoryStates(), metro.published)


def _consumes(verdict: Verdict) -> bool:
    opened = verdict.tap.report is None or verdict.tap.report.gate_opened
    return opened and verdict.decision.closing is Closing.CONSUMED
