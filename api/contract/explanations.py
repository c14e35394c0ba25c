"""The contract of `GET /v1/taps/{tap_id}`: a decision, and everything it rests on."""

from typing import Literal

from pydantic import Field

from api.contract.settlements import AdjustmentAnswer
from api.contract.taps import Action, Answer, DegradedModeCode, Direction, TapDecision, Time


class TapSummary(Answer):
    """Another tap that this one stands in relation to; no token and no card."""

    tap_id: str
    gate_id: str
    station_id: str | None
    direction: Direction
    medium_type: str
    occurred_at: Time = Field(description="the gate's clock")
    received_at: Time = Field(description="the engine's clock")
    outcome: str
    reason: str


class ConditionAnswer(Answer):
    """One of the five conditions of a waived crossing, with what was compared."""

    condition: Literal[
        "station_in_pilot",
        "medium_eligible",
        "gates_designated",
        "within_window",
        "below_daily_limit",
    ]
    held: Literal["held", "failed", "not_applicable"]
    reason_when_failed: str
    values: dict[str, str | int | bool | list[str] | None]


class ReportAnswer(Answer):
    """What the gate did, as it told."""

    gate_action_taken: Action
    fare_taken: int
    passed: bool | None
    cause: str | None
    received_at: Time
    returned_to_before: bool = Field(
        description="nobody passed: the medium's state went back to what it was before this tap"
    )


class TapExplanation(TapDecision):
    """A decision with its explanation."""

    gate_id: str
    station_id: str | None = Field(description="null while the tap waits in quarantine")
    direction: Direction
    medium_type: str
    occurred_at: Time = Field(description="the gate's clock")
    received_at: Time = Field(description="the engine's clock")
    corrected_at: Time | None = Field(
        description="occurred_at less the error of the gate's clock, once settlement has corrected "
        "it; else null"
    )
    offline: bool = Field(description="it came with what its gate had done alone")
    entry: TapSummary | None = Field(description="the tap that had opened the journey found open")
    journey_found: Literal[
        "none", "consumed", "replaced", "superseded", "expired", "left_open", "excused"
    ] = Field(
        description="what this tap did to the journey it found open; excused: closed without an "
        "exit and without a fare for it, since gates stood open meanwhile"
    )
    degraded_modes: list[DegradedModeCode] = Field(
        description="in force at the station at occurred_at, and read by the decision"
    )
    closed_by: TapSummary | None = Field(
        description="of an entry: the tap that closed the journey it opened; null too to a gate "
        "key that does not speak for that tap's station"
    )
    incomplete_fare: int = Field(
        description="recorded against the journey closed without an exit, in fen"
    )
    conditions: list[ConditionAnswer] = Field(
        description="of an exit at the station of its entry: all five, in their order"
    )
    report: ReportAnswer | None
    conflicts: int = Field(description="contradictions of this tap or of its report")
    quarantine_detail: str | None = Field(description="why it could not be decided")
    adjustments: list[AdjustmentAnswer] = Field(
        description="what settlement issued for it; the decision stays as it was answered"
    )
