"""Deciding alone: the engine's rule over the taps of a station, and the state after its answers."""

import random
from typing import Any

import pytest

from fare_engine.decision import Reason
from fare_engine.journey import BLANK, Terms, TokenState
from fare_engine.matching import decide
from fare_engine.modes import Mode
from fare_engine.network import Direction, Gate
from fare_engine.tap import Tap
from gates.alone import UNKNOWN_RULES, AloneDecision, apply_answer, decide_alone
from gates.client.messages import Decision, Journey
from gates.parameters import parse_parameters
from gates.times import format_ms, parse_ms
from gates.token_states import decode_state, encode_state
from tests.gates.documents import LANE, make_document

AT_MS = parse_ms("2026-03-03T09:00:00.000+08:00")
MINUTE_MS = 60_000
PARAMETERS = parse_parameters(make_document(), "FHY")
TERMS = Terms(PARAMETERS.tariffs[0], PARAMETERS.policies[0])


def make_tap(direction: Direction, minutes: float, place: int = 1) -> Tap:
    gate_id = LANE[0] if direction is Direction.ENTRY else LANE[1]
    at_ms = AT_MS + round(minutes * MINUTE_MS)
    return Tap(f"{gate_id}.{place}", gate_id, direction, "tianfutong", bytes(16), at_ms)


def alone(
    state: TokenState, tap: Tap, refusal: Reason | None = None, terms: Terms | None = TERMS
) -> AloneDecision:
    gate = Gate(tap.gate_id, "FHY", frozenset(Direction))
    return decide_alone(state, tap, gate, terms, 1, refusal)


def inside() -> TokenState:
    return alone(BLANK, make_tap(Direction.ENTRY, 0)).after


@pytest.mark.parametrize(
    ("after_ms", "reason", "fare"),
    [
        (15 * MINUTE_MS - 1, "same_station_within_window", 0),
        (15 * MINUTE_MS, "same_station_within_window", 0),
        (15 * MINUTE_MS + 1, "window_exceeded", 180),
        (240 * MINUTE_MS, "window_exceeded", 180),
        (240 * MINUTE_MS + 1, "overstay", 900),
    ],
)
def test_a_journey_known_here_is_decided_to_the_millisecond(
    after_ms: int, reason: str, fare: int
) -> None:
    decided = alone(inside(), make_tap(Direction.EXIT, after_ms / MINUTE_MS))
    assert decided.action == (True, fare, reason, True)
    assert decided.elapsed_ms == after_ms


@pytest.mark.parametrize("days", [0, 2], ids=["no entry", "an expired entry"])
def test_an_exit_whose_entry_is_not_known_opens_and_takes_nothing(days: int) -> None:
    state = inside() if days else BLANK
    tap = make_tap(Direction.EXIT, days * 24 * 60)
    decided = alone(state, tap)
    assert (decided.action.opens, decided.action.fare) == (True, 0)
    assert decided.after.exit_ms == tap.occurred_at_ms, "a second tap is free"


def test_a_blocked_medium_stays_out_and_may_leave() -> None:
    blocked = Reason.MEDIUM_BLOCKED
    entry = alone(BLANK, make_tap(Direction.ENTRY, 0), blocked)
    assert (entry.action.opens, entry.action.reason) == (False, "medium_blocked")
    assert entry.after is BLANK
    assert alone(inside(), make_tap(Direction.EXIT, 5), blocked).action.opens


@pytest.mark.parametrize(
    ("direction", "refusal", "opens"),
    [
        (Direction.ENTRY, None, True),
        (Direction.EXIT, None, True),
        (Direction.ENTRY, Reason.MEDIUM_BLOCKED, False),
        (Direction.EXIT, Reason.MEDIUM_BLOCKED, True),
        (Direction.EXIT, Reason.RIDE_CODE_EXPIRED, False),
    ],
)
def test_without_rules_only_a_bad_medium_keeps_a_gate_shut(
    direction: Direction, refusal: Reason | None, opens: bool
) -> None:
    decided = alone(BLANK, make_tap(direction, 0), refusal, terms=None)
    assert (decided.action.opens, decided.action.fare) == (opens, 0)
    assert (decided.action.reason == UNKNOWN_RULES) is opens


@pytest.mark.parametrize(
    ("mode", "fare"), [(Mode.SEQUENCE_FREE, 180), (Mode.EXIT_FREE, 180), (Mode.EMERGENCY, 0)]
)
def test_in_a_degraded_mode_an_exit_without_an_entry_costs_what_the_mode_says(
    mode: Mode, fare: int
) -> None:
    terms = Terms(TERMS.tariff, TERMS.policy, modes=mode)
    decided = alone(BLANK, make_tap(Direction.EXIT, 0), terms=terms)
    assert (decided.action.opens, decided.action.fare) == (True, fare)


def test_in_a_mode_that_says_nothing_of_it_an_unknown_entry_costs_nothing() -> None:
    terms = Terms(TERMS.tariff, TERMS.policy, modes=Mode.TIME_FREE)
    assert alone(BLANK, make_tap(Direction.EXIT, 0), terms=terms).action.fare == 0
    assert alone(inside(), make_tap(Direction.EXIT, 241), terms=terms).action.fare == 180


def test_in_an_emergency_everything_opens() -> None:
    terms = Terms(TERMS.tariff, TERMS.policy, modes=Mode.EMERGENCY)
    for refusal in (None, Reason.MEDIUM_BLOCKED, Reason.RIDE_CODE_INVALID):
        assert alone(BLANK, make_tap(Direction.ENTRY, 0), refusal, terms).action.opens
    assert alone(inside(), make_tap(Direction.EXIT, 20), terms=terms).action.fare == 0


def test_a_state_is_the_same_after_it_was_stored() -> None:
    for state in (BLANK, inside(), alone(inside(), make_tap(Direction.EXIT, 5)).after):
        assert decode_state(encode_state(state), lambda _pin, _at: TERMS) == state


def test_a_state_pins_its_versions() -> None:
    asked: list[Any] = []

    def find_terms(pin: Any, entered_at_ms: int) -> Terms:
        asked.append((pin, entered_at_ms))
        return TERMS

    decode_state(encode_state(inside()), find_terms)
    assert asked == [((1, False, 1), AT_MS)]


@pytest.mark.parametrize("seed", range(20))
def test_applying_the_engines_answers_gives_the_states_of_the_rule(seed: int) -> None:
    """For taps of one station the engine's answers make the same states as deciding them here."""
    chance = random.Random(seed)
    ruled = applied = BLANK
    minutes = 0.0
    modes = chance.choice([Mode(0), Mode.EMERGENCY, Mode.SEQUENCE_FREE])
    terms = Terms(TERMS.tariff, TERMS.policy, modes=modes)
    for place in range(1, 60):
        minutes += chance.choice([0.2, 0.9, 3, 14, 16, 250, 1_500])
        tap = make_tap(chance.choice(list(Direction)), minutes, place)
        gate = Gate(tap.gate_id, "FHY", frozenset(Direction))
        decision, ruled = decide(ruled, tap, gate, terms, place)
        journey = None
        if decision.entry is not None:
            entered_at = format_ms(decision.entry.entered_at_ms)
            journey = Journey("", "FHY", entered_at, "FHY", "", 0)
        answer = Decision(
            tap.tap_id,
            decision.reason.outcome.code,
            decision.reason.code,
            "open" if decision.gate_opens else "refuse",
            decision.fare,
            decision.fare_waived,
            "CNY",
            journey,
            1,
            1,
            "",
        )
        applied = apply_answer(applied, tap, "FHY", terms, place, answer)
        assert applied == ruled, decision.reason
