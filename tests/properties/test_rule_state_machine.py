"""The rule and the naive model of it, side by side, on taps at and around every boundary."""

from dataclasses import replace
from typing import Final

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from fare_engine.conditions import unpack
from fare_engine.decision import Closing, Decision, Reason
from fare_engine.journey import BLANK, TokenState
from fare_engine.matching import decide
from fare_engine.modes import DegradedMode, Mode
from fare_engine.network import Direction
from fare_engine.policy import Policy, Suspension
from fare_engine.tap import Report, Tap
from fare_engine.tariff import Tariff
from tests.fare_engine.rule_words import read_moment
from tests.fare_engine.rule_world import DISTANCES_M, FIRST_DAY, World
from tests.properties.naive_model import Answer, Loosening, NaiveModel, Switch, end_of_service_date
from tests.properties.rule_strategies import (
    BOUNDARIES,
    DAY_MS,
    DIRECTIONS,
    FINDINGS,
    GATE_IDS,
    JITTER_MS,
    MINUTE_MS,
    MODES,
    POLICIES,
    REPORTS,
    SECOND_MS,
    STATIONS,
    TARIFFS,
    TOKENS,
)

GATE_OF: Final = World().gates


class RuleBesideItsModel(RuleBasedStateMachine):
    """Publishes, suspends and taps; the rule and the model must say the same each time."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.model = NaiveModel(DISTANCES_M)
        self.states: dict[str, TokenState] = {}
        self.closed: set[str] = set()
        self.publications_ms: list[int] = []
        self.row = 0

    @initialize(
        tariff=TARIFFS,
        policy=POLICIES,
        start=st.sampled_from(["2021-11-25T08:00", "2021-11-25T03:50", "2021-11-26T02:20"]),
    )
    def begin(self, tariff: Tariff, policy: Policy, start: str) -> None:
        self.now_ms = read_moment(start, FIRST_DAY)
        self.world.policies.clear()
        self.world.tariffs.clear()
        self.publish_tariff(tariff, -2 * DAY_MS)
        self.publish_policy(replace(policy, station_id="FHY"), -2 * DAY_MS, None)
        self.publications_ms = [self.now_ms]

    @rule(tariff=TARIFFS, after_ms=st.sampled_from([0, 5 * MINUTE_MS, -MINUTE_MS]))
    def publish_tariff(self, tariff: Tariff, after_ms: int) -> None:
        version, from_ms = len(self.world.tariffs) + 1, self.now_ms + after_ms
        published = replace(tariff, version=version, effective_from_ms=from_ms)
        self.world.tariffs[version] = published
        self.model.published.append(published)
        self.publications_ms.append(from_ms)

    @rule(
        policy=POLICIES,
        after_ms=st.sampled_from([0, 5 * MINUTE_MS, -MINUTE_MS]),
        lasts_ms=st.sampled_from([None, None, None, 10 * MINUTE_MS]),
    )
    def publish_policy(self, policy: Policy, after_ms: int, lasts_ms: int | None) -> None:
        version, from_ms = len(self.world.policies) + 1, self.now_ms + after_ms
        to_ms = None if lasts_ms is None else from_ms + lasts_ms
        published = replace(
            policy, version=version, effective_from_ms=from_ms, effective_to_ms=to_ms
        )
        self.world.policies[policy.station_id, version] = published
        self.model.published.append(published)
        self.publications_ms += [from_ms] if to_ms is None else [from_ms, to_ms]

    @rule(station_id=STATIONS)
    def suspend_or_resume(self, station_id: str) -> None:
        held = self.world.suspensions
        places = [place for place, one in enumerate(held) if one.station_id == station_id]
        suspended = bool(places) and held[places[-1]].resumed_at_ms is None
        if suspended:
            held[places[-1]] = replace(held[places[-1]], resumed_at_ms=self.now_ms)
        else:
            held.append(Suspension(station_id, self.now_ms, "test"))
        self.model.published.append(Switch(station_id, not suspended, self.now_ms))
        self.publications_ms.append(self.now_ms)

    @rule(
        station_id=STATIONS,
        mode=MODES,
        after_ms=st.sampled_from([0, 5 * MINUTE_MS, -MINUTE_MS]),
        lasts_ms=st.sampled_from([None, 0, MINUTE_MS, 10 * MINUTE_MS]),
    )
    def degrade(self, station_id: str, mode: Mode, after_ms: int, lasts_ms: int | None) -> None:
        from_ms = self.now_ms + after_ms
        to_ms = None if lasts_ms is None else from_ms + lasts_ms
        self.world.modes.append(DegradedMode(station_id, mode, from_ms, "test", to_ms))
        self.model.loosenings.append(Loosening(station_id, mode.codes[0], from_ms, to_ms))
        self.publications_ms += [from_ms] if to_ms is None else [from_ms, to_ms]

    @rule()
    def end_all_modes(self) -> None:
        """Cut short whatever is in force, so that most of a run is an ordinary day."""
        for place, one in enumerate(self.world.modes):
            if one.covers(self.now_ms):
                self.world.modes[place] = replace(one, effective_to_ms=self.now_ms)
                ended = self.model.loosenings[place]._replace(to_ms=self.now_ms)
                self.model.loosenings[place] = ended
        self.publications_ms.append(self.now_ms)

    @rule(
        medium=TOKENS,
        gate_id=GATE_IDS,
        direction=DIRECTIONS,
        boundary=st.sampled_from(BOUNDARIES),
        jitter_ms=JITTER_MS,
        report=REPORTS,
        finding=FINDINGS,
    )
    def tap(
        self,
        medium: str,
        gate_id: str,
        direction: Direction,
        boundary: str,
        jitter_ms: int,
        report: Report | None,
        finding: Reason | None,
    ) -> None:
        at_ms = self._find_boundary(medium.encode(), boundary) + jitter_ms
        self._decide_both(medium, gate_id, direction, at_ms, report, finding)

    @rule(medium=TOKENS, boundary=st.sampled_from(BOUNDARIES), jitter_ms=JITTER_MS)
    def cross(self, medium: str, boundary: str, jitter_ms: int) -> None:
        at_ms = self._find_boundary(medium.encode(), "soon")
        self._decide_both(medium, "A1", Direction.ENTRY, at_ms, None, None)
        at_ms = self._find_boundary(medium.encode(), boundary) + jitter_ms
        self._decide_both(medium, "C2", Direction.EXIT, at_ms, None, None)

    @rule(medium=TOKENS, boundary=st.sampled_from(["reentry", "reexit"]), jitter_ms=JITTER_MS)
    def tap_again(self, medium: str, boundary: str, jitter_ms: int) -> None:
        at_ms = self._find_boundary(medium.encode(), boundary) + jitter_ms
        for latest in self.model.list_history(medium.encode())[-1:]:
            direction = Direction(latest.tap.direction)
            self._decide_both(medium, latest.tap.gate_id, direction, at_ms, None, None)

    def _find_boundary(self, token: bytes, boundary: str) -> int:
        """An instant at which the answer for this token may change."""
        clock_ms = self.model.find_clock(token) or self.now_ms
        entry = self.model.find_open(token)
        latest = self.model.list_history(token)[-1:]
        tariff = self.model.tariff_of(entry) if entry else self.model.tariff_at(clock_ms)
        policy = self.model.policy_of(entry) if entry else None
        since_ms = entry.tap.occurred_at_ms if entry else clock_ms
        expiry_ms = tariff.journey_expiry_ms
        day_ends_ms = end_of_service_date(tariff, since_ms)
        instants = {
            "window": since_ms + (policy.window_ms if policy else MINUTE_MS),
            "reentry": since_ms + tariff.reentry_grace_ms,
            "reexit": (latest[0].tap.occurred_at_ms if latest else clock_ms)
            + self.model.tariff_at(clock_ms).reexit_grace_ms,
            "skew": clock_ms - self.model.tariff_at(clock_ms).clock_skew_tolerance_ms,
            "stay": since_ms + tariff.max_stay_ms,
            "expiry": day_ends_ms if expiry_ms is None else since_ms + expiry_ms,
            "cut": end_of_service_date(tariff, clock_ms),
            "publication": self.publications_ms[-1],
            "now": self.now_ms,
            "soon": max(clock_ms, self.now_ms) + 10 * SECOND_MS,
        }
        return instants[boundary]

    def _decide_both(
        self,
        medium: str,
        gate_id: str,
        direction: Direction,
        at_ms: int,
        report: Report | None,
        finding: Reason | None,
    ) -> None:
        self.row += 1
        medium_type, token, gate = medium.partition(":")[0], medium.encode(), GATE_OF[gate_id]
        tap = Tap(f"tap-{self.row}", gate_id, direction, medium_type, token, at_ms, report)
        terms = self.world.find_terms(gate.station_id, at_ms)
        before = self.states.get(medium, BLANK)
        decision, after = decide(before, tap, gate, terms, self.row, finding)
        assert decide(before, tap, gate, terms, self.row, finding) == (decision, after)
        answer = self.model.decide(tap, gate.station_id, finding.code if finding else None)
        assert answer_of(decision) == answer
        changed = self.model.past[-1].changed_something
        assert after.number == before.number + changed
        assert changed or after == before
        self._close(decision, changed)
        self.states[medium] = after
        self.now_ms = max(self.now_ms, at_ms)

    def _close(self, decision: Decision, changed: bool) -> None:
        if changed and decision.entry and decision.closing != Closing.LEFT_OPEN:
            assert decision.entry.tap_id not in self.closed
            self.closed.add(decision.entry.tap_id)

    @invariant()
    def the_state_is_what_the_taps_add_up_to(self) -> None:
        for medium, state in self.states.items():
            entry = self.model.find_open(medium.encode())
            clock_ms = self.model.find_clock(medium.encode())
            assert tap_id_of(state) == (entry.tap.tap_id if entry else None)
            assert clock_ms is None or state.clock_ms == clock_ms
            assert tap_id_of(state) not in self.closed


def tap_id_of(state: TokenState) -> str | None:
    return state.open.tap_id if state.open else None


def answer_of(decision: Decision) -> Answer:
    assert min(decision.fare, decision.fare_waived, decision.incomplete_fare) >= 0
    return Answer(
        decision.reason.code,
        decision.gate_opens,
        decision.fare,
        decision.fare_waived,
        tuple(held.code for held in unpack(decision.conditions).values()),
        decision.entry.tap_id if decision.entry else None,
        decision.incomplete_fare,
    )


RuleBesideItsModel.TestCase.settings = settings(
    max_examples=400, stateful_step_count=40, deadline=None
)
TestRuleBesideItsModel = RuleBesideItsModel.TestCase
