"""Engines with one bug each, planted by name: what simulation and auditor have to find.

Every one changes one thing in the engine, in the rule it calls or in gates, and nothing else.
"""

from collections.abc import Callable
from typing import Any, Final

from fare_engine import deciding, matching, reports
from fare_engine.batch import Batch, Finding, Result, Submission
from fare_engine.calendar import from_ms
from fare_engine.conditions import evaluate
from fare_engine.deciding import Decider
from fare_engine.decision import Closing, Decision, Reason
from fare_engine.engine import Engine
from fare_engine.errors import FareEngineError
from fare_engine.journey import NEVER_MS, OpenJourney, Terms, TokenState, open_journey
from fare_engine.matching import decide
from fare_engine.network import Direction, Gate
from fare_engine.ports import KnownTap, Loaded
from fare_engine.tap import Report, Tap
from simulator.deterministic.planted.clocks import CLOCK_BUGS
from simulator.deterministic.planted.media import MEDIA_BUGS
from simulator.deterministic.planted.planting import Bug
from simulator.deterministic.planted.settlement import SETTLEMENT_BUGS
from simulator.deterministic.planted.sharing import SHARING_BUGS

Decided = tuple[Decision, TokenState]


class _AcknowledgesEarly(Engine):
    """Answers what is decided, and stores it then."""

    def decide(self, batch: Batch, loaded: Loaded, now_ms: int) -> None:
        super().decide(batch, loaded, now_ms)
        for submission in batch.submissions:
            submission.done(submission.results)
            submission.done = _nothing


class _DecidesAnew(Engine):
    """Does not look whether a tap_id is stored."""

    def load(self, batch: Batch) -> Loaded:
        return super().load(batch)._replace(known={})


class _AppliesEarly(Engine):
    """Applies states before they are stored, and leaves them when that fails."""

    def commit(self, batch: Batch) -> None:
        self._cache.apply(batch.states)
        super().commit(batch)

    def failed(self, batch: Batch, error: FareEngineError) -> None:
        super().failed(batch, error)
        self._cache.apply(batch.states)


class _AnswersConflicts(Decider):
    """Answers the first decision whatever the content is."""

    def _answer_again(
        self,
        batch: Batch,
        known: KnownTap,
        tap: Tap,
        submission: Submission,
        finding: Finding | None,
    ) -> Result:
        return super()._answer_again(batch, known, known.verdict.tap, submission, finding)


class _ForgetsConflicts(Decider):
    """Refuses other content under a known tap_id, and keeps no record of it."""

    def _answer_again(
        self,
        batch: Batch,
        known: KnownTap,
        tap: Tap,
        submission: Submission,
        finding: Finding | None,
    ) -> Result:
        result = super()._answer_again(batch, known, tap, submission, finding)
        batch.conflicts.clear()
        return result


class _WithAnsweredConflicts(Engine):
    _make_decider = _AnswersConflicts


class _WithForgottenConflicts(Engine):
    _make_decider = _ForgetsConflicts


class _LosesTheBase(Engine):
    """Decides the next batch as if the one being committed were not there."""

    def gather(self) -> Batch | None:
        batch = super().gather()
        if batch is not None:
            batch.base = None
            batch.wanted = batch.wanted._replace(tokens=tuple(batch.tokens))
        return batch


def _nothing(_results: list[Result]) -> None:
    """It was answered before."""


def _evaluate_below(
    journey: OpenJourney, gate_id: str, medium_type: str, elapsed_ms: int, waived_before: int
) -> int:
    return evaluate(journey, gate_id, medium_type, elapsed_ms + 1, waived_before)


def _open_at_midnight(
    tap_id: str, gate_id: str, station_id: str, entered_at_ms: int, terms: Terms, row: int
) -> OpenJourney:
    journey = open_journey(tap_id, gate_id, station_id, entered_at_ms, terms, row)
    day = from_ms(entered_at_ms, terms.tariff.calendar.zone).toordinal()
    return journey.replace(service_day=day)


def _take_nothing_back(batch: Batch, known: KnownTap, report: Report) -> None:
    return None


def _consume_twice(state: TokenState, tap: Tap, *more: Any) -> Decided:
    decision, after = decide(state, tap, *more)
    if decision.closing is Closing.CONSUMED and after is not state:
        after = after.replace(open=decision.entry)
    return decision, after


def _read_at_exit(state: TokenState, tap: Tap, gate: Gate, terms: Terms, *more: Any) -> Decided:
    journey = state.open
    if tap.direction == Direction.EXIT and journey and journey.station_id == gate.station_id:
        designated = journey.gate_id in terms.designated_gates
        changed = state.replace(open=journey.replace(terms=terms, designated=designated))
        decision, after = decide(changed, tap, gate, terms, *more)
        return decision, state if after is changed else after
    return decide(state, tap, gate, terms, *more)


def _take_late(state: TokenState, tap: Tap, *more: Any) -> Decided:
    decision, after = decide(state, tap, *more)
    if decision.reason is Reason.ARRIVED_OUT_OF_ORDER:
        changed = state.replace(clock_ms=NEVER_MS)
        decision, after = decide(changed, tap, *more)
        return decision, state if after is changed else after
    return decision, after


def _follow_clock_back(state: TokenState, tap: Tap, *more: Any) -> Decided:
    decision, after = decide(state, tap, *more)
    return decision, after if after is state else after.replace(clock_ms=tap.occurred_at_ms)


def _discount_waiver(state: TokenState, tap: Tap, gate: Gate, terms: Terms, *more: Any) -> Decided:
    decision, after = decide(state, tap, gate, terms, *more)
    waived = terms.tariff.discounted(decision.fare_waived, tap.medium_type)
    return decision.replace(fare_waived=waived), after


def _deciding(description: str, replacement: Callable[..., Decided]) -> Bug:
    return Bug(description, module=deciding, name="decide", replacement=replacement)


_ENGINE_BUGS: Final[dict[str, Bug]] = {
    "window-exclusive": Bug(
        "`<` for `<=` at the window", Engine, matching, "_evaluate", _evaluate_below
    ),
    "acknowledged-early": Bug("acknowledge before the commit", _AcknowledgesEarly),
    "consumed-twice": _deciding("an exit leaves its entry open", _consume_twice),
    "decided-anew": Bug("a duplicate is decided anew", _DecidesAnew),
    "policy-of-exit": _deciding("the policy of the exit, not of the entry", _read_at_exit),
    "applied-early": Bug("states of a failed commit stay applied", _AppliesEarly),
    "late-accepted": _deciding("a tap behind its token's clock is decided", _take_late),
    "clock-not-kept": _deciding("a token's clock goes back with a tap", _follow_clock_back),
    "wrong-service-date": Bug(
        "the service date is cut at midnight", Engine, matching, "open_journey", _open_at_midnight
    ),
    "conflict-answered": Bug(
        "other content is answered the first decision", _WithAnsweredConflicts
    ),
    "conflict-forgotten": Bug("a conflict is refused and not recorded", _WithForgottenConflicts),
    "waiver-discounted": _deciding("a discount is taken off a waiver again", _discount_waiver),
    "passage-kept": Bug(
        "a passage that did not happen stays",
        Engine,
        reports,
        "_reverse_passage",
        _take_nothing_back,
    ),
    "base-lost": Bug("a batch decided ahead does not stand on the one before", _LosesTheBase),
}

BUGS: Final = _ENGINE_BUGS | MEDIA_BUGS | SETTLEMENT_BUGS | CLOCK_BUGS | SHARING_BUGS
