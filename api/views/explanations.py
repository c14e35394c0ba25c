"""Turns a stored explanation into the answer a clerk reads: every condition with its values."""

from functools import lru_cache
from typing import Final, Literal

import msgspec

from api.contract.explanations import (
    ConditionAnswer,
    ReportAnswer,
    TapExplanation,
    TapSummary,
)
from api.contract.taps import Action, DegradedModeCode, Direction
from api.contract.times import format_ms
from api.views.settlements import view_adjustment
from api.wire.answers import AnswerWriter
from fare_engine.conditions import FAILURES, Condition, Held, unpack
from fare_engine.decision import Closing
from fare_engine.journey import OpenJourney
from fare_engine.ledger.queries.explanations import Explanation
from fare_engine.modes import Mode
from fare_engine.network import Direction as GateDirection
from fare_engine.network import Network
from fare_engine.ports import StoredReport
from fare_engine.verdict import Verdict

_find_writer: Final = lru_cache(AnswerWriter)
"""One writer a network: the minutes that it has formatted serve the next explanation too."""

Values = dict[str, str | int | bool | list[str] | None]


def explain(explanation: Explanation, network: Network) -> TapExplanation:
    """The whole answer."""
    verdict = explanation.verdict
    zone = network.time_zone
    tap, decision, corrected_ms = verdict.tap, verdict.decision, explanation.corrected_ms
    answer = msgspec.json.decode(_find_writer(zone, network.currency).write(verdict))
    return TapExplanation(
        **answer,
        gate_id=tap.gate_id,
        station_id=verdict.station_id,
        direction=view_direction(tap.direction),
        medium_type=tap.medium_type,
        occurred_at=format_ms(tap.occurred_at_ms, zone),
        received_at=format_ms(verdict.received_at_ms, zone),
        corrected_at=None if corrected_ms is None else format_ms(corrected_ms, zone),
        offline=tap.report is not None,
        entry=_summary(explanation.entry, zone),
        journey_found=_CLOSINGS[decision.closing],
        degraded_modes=view_modes(decision.modes),
        closed_by=_summary(explanation.closed_by, zone),
        incomplete_fare=decision.incomplete_fare,
        conditions=_conditions(explanation),
        report=_report(explanation.report, zone),
        conflicts=explanation.conflicts,
        quarantine_detail=explanation.detail,
        adjustments=[view_adjustment(issued, zone) for issued in explanation.adjustments],
    )


def view_direction(direction: int) -> Direction:
    """The contract's word for a direction."""
    return "entry" if direction == GateDirection.ENTRY else "exit"


def view_action(opened: bool) -> Action:
    """The contract's word for what a gate did."""
    return "open" if opened else "refuse"


def view_modes(modes: int) -> list[DegradedModeCode]:
    """The contract's words for degraded modes."""
    return [code for mode, code in _MODES.items() if modes & mode]


def _summary(verdict: Verdict | None, zone: str) -> TapSummary | None:
    if verdict is None:
        return None
    tap, reason = verdict.tap, verdict.decision.reason
    return TapSummary(
        tap_id=tap.tap_id,
        gate_id=tap.gate_id,
        station_id=verdict.station_id,
        direction=view_direction(tap.direction),
        medium_type=tap.medium_type,
        occurred_at=format_ms(tap.occurred_at_ms, zone),
        received_at=format_ms(verdict.received_at_ms, zone),
        outcome=reason.outcome.code,
        reason=reason.code,
    )


def _report(stored: StoredReport | None, zone: str) -> ReportAnswer | None:
    if stored is None:
        return None
    report = stored.report
    return ReportAnswer(
        gate_action_taken=view_action(report.gate_opened),
        fare_taken=report.fare_taken,
        passed=report.passed,
        cause=report.cause,
        received_at=format_ms(stored.received_at_ms, zone),
        returned_to_before=stored.reversed,
    )


def _conditions(explanation: Explanation) -> list[ConditionAnswer]:
    decision = explanation.verdict.decision
    if not decision.conditions or decision.entry is None:
        return []
    values = _values(explanation, decision.entry)
    return [
        ConditionAnswer(
            condition=_CONDITIONS[condition],
            held=_HELD[held],
            reason_when_failed=FAILURES[condition].code,
            values={} if held is Held.NOT_APPLICABLE else values[condition],
        )
        for condition, held in unpack(decision.conditions).items()
    ]


def _values(explanation: Explanation, journey: OpenJourney) -> dict[Condition, Values]:
    """What each condition compared. Without a policy only the first was asked."""
    tap, terms = explanation.verdict.tap, journey.terms
    policy = terms.policy
    in_pilot: Values = {
        "policy_version": policy.version if policy else None,
        "suspended": terms.suspended,
    }
    if policy is None:
        return {Condition.STATION_IN_PILOT: in_pilot}
    return {
        Condition.STATION_IN_PILOT: in_pilot,
        Condition.MEDIUM_ELIGIBLE: {
            "medium_type": tap.medium_type,
            "media": sorted(policy.media),
        },
        Condition.GATES_DESIGNATED: {
            "entry_gate": journey.gate_id,
            "entry_gate_designated": journey.designated,
            "exit_gate": tap.gate_id,
            "exit_gate_designated": tap.gate_id in policy.designated_gates,
        },
        Condition.WITHIN_WINDOW: {
            "elapsed_ms": max(0, tap.occurred_at_ms - journey.entered_at_ms),
            "window_ms": policy.window_ms,
        },
        Condition.BELOW_DAILY_LIMIT: {
            "waived_before": explanation.waived_before,
            "daily_limit": policy.daily_limit,
        },
    }


_CLOSINGS: dict[
    Closing,
    Literal["none", "consumed", "replaced", "superseded", "expired", "left_open", "excused"],
] = {
    Closing.NOTHING: "none",
    Closing.CONSUMED: "consumed",
    Closing.REPLACED: "replaced",
    Closing.SUPERSEDED: "superseded",
    Closing.EXPIRED: "expired",
    Closing.LEFT_OPEN: "left_open",
    Closing.EXCUSED: "excused",
}
_MODES: dict[int, DegradedModeCode] = {
    Mode.SEQUENCE_FREE.value: "sequence_free",
    Mode.ENTRY_FREE.value: "entry_free",
    Mode.EXIT_FREE.value: "exit_free",
    Mode.TIME_FREE.value: "time_free",
    Mode.FARE_FREE.value: "fare_free",
    Mode.EMERGENCY.value: "emergency",
}
_HELD: dict[Held, Literal["held", "failed", "not_applicable"]] = {
    Held.YES: "held",
    Held.NO: "failed",
    Held.NOT_APPLICABLE: "not_applicable",
}
_CONDITIONS: dict[
    Condition,
    Literal[
        "station_in_pilot",
        "medium_eligible",
        "gates_designated",
        "within_window",
        "below_daily_limit",
    ],
] = {
    Condition.STATION_IN_PILOT: "station_in_pilot",
    Condition.MEDIUM_ELIGIBLE: "medium_eligible",
    Condition.GATES_DESIGNATED: "gates_designated",
    Condition.WITHIN_WINDOW: "within_window",
    Condition.BELOW_DAILY_LIMIT: "below_daily_limit",
}
