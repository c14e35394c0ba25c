"""Every state that a history of taps leads to survives as bytes, in this process and in others."""

from dataclasses import replace
from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from fare_engine.catalogue import Catalogue
from fare_engine.journey import BLANK, TokenState
from fare_engine.matching import decide
from fare_engine.modes import DegradedMode, Mode
from fare_engine.network import Direction, Gate
from fare_engine.states.codec import decode_state, encode_state
from fare_engine.tap import Report, Tap
from tests.fare_engine.small_metro import MINUTE_MS, NETWORK, NOON_MS, PILOT, TARIFF
from tests.properties.rule_strategies import REPORTS

DAY_MS: Final = 1_440 * MINUTE_MS
CHANGES_MS: Final = NOON_MS + 20 * MINUTE_MS

Step = tuple[tuple[Gate, Direction], int, bool, Report | None]
"""A gate and a direction, the time since the tap before, whether it is late, and its report."""

_gates = st.sampled_from(
    [(gate, way) for gate in NETWORK.gates for way in gate.directions],
)
_gaps_ms = st.one_of(
    st.integers(0, 10 * MINUTE_MS), st.sampled_from([0, 1, 30_000, 900_001, DAY_MS])
)
_history = st.lists(st.tuples(_gates, _gaps_ms, st.booleans(), REPORTS), max_size=12)
_modes = st.lists(
    st.builds(
        DegradedMode,
        station_id=st.just("FHY"),
        mode=st.sampled_from(Mode),
        effective_from_ms=st.just(NOON_MS),
        reason=st.just("x"),
        effective_to_ms=st.sampled_from([None, CHANGES_MS]),
    ),
    max_size=2,
)


def make_catalogue(modes: list[DegradedMode], limit: int | None) -> Catalogue:
    """Two tariffs and two policies, the later of which come into force on the way."""
    tariff = replace(TARIFF, version=2, effective_from_ms=CHANGES_MS, unmatched_exit_opens=True)
    pilot = replace(PILOT, daily_limit=limit)
    policy = replace(pilot, version=2, effective_from_ms=CHANGES_MS, window_ms=MINUTE_MS)
    return Catalogue(
        NETWORK, {"FHY": (pilot, policy)}, {}, (TARIFF, tariff), modes={"FHY": tuple(modes)}
    )


def list_states(catalogue: Catalogue, history: list[Step]) -> list[TokenState]:
    """The states after each tap of a token; some taps come late."""
    state, at_ms = BLANK, NOON_MS
    states = [state]
    for row, ((gate, direction), gap_ms, is_late, report) in enumerate(history, 1):
        at_ms += gap_ms
        occurred_at_ms = at_ms - 5 * MINUTE_MS if is_late else at_ms
        tap = Tap(
            f"g.{row}",
            gate.gate_id,
            int(direction),
            "tianfutong",
            bytes(16),
            occurred_at_ms,
            report,
        )
        terms = catalogue.find_terms(gate.station_id, occurred_at_ms)
        assert terms is not None
        _, state = decide(state, tap, gate, terms, row)
        states.append(state)
    return states


@given(_history, _modes, st.sampled_from([None, 1, 2]))
def test_every_state_of_a_history_survives_as_bytes(
    history: list[Step],
    modes: list[DegradedMode],
    limit: int | None,
) -> None:
    catalogue = make_catalogue(modes, limit)
    of_another_process = make_catalogue(modes, limit)
    later = replace(catalogue, policies={**catalogue.policies, "CXL": ()})
    for state in list_states(catalogue, history):
        content = encode_state(state)
        assert decode_state(content, catalogue) == state
        assert decode_state(content, later) == state, "whatever was published since"
        elsewhere = decode_state(content, of_another_process)
        assert elsewhere is not None
        assert encode_state(elsewhere) == content
        if state.open is not None:
            assert elsewhere.open is not None
            there, here = elsewhere.open.terms, state.open.terms
            assert elsewhere.open.replace(terms=here) == state.open
            assert (there.policy, there.tariff, there.suspended, there.modes) == (
                here.policy,
                here.tariff,
                here.suspended,
                here.modes,
            )
