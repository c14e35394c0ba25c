"""The contract of `GET /v1/conflicts`: taps and reports that were refused as conflicts."""

from typing import Literal

from pydantic import Field

from api.contract.operators import Page
from api.contract.taps import Action, Answer, Direction, Time


class ConflictReport(Answer):
    """What a gate said it did."""

    gate_action_taken: Action
    fare_taken: int
    passed: bool | None
    cause: str | None


class ConflictTap(Answer):
    """A tap under the tap_id; no token and no card."""

    gate_id: str
    station_id: str | None = Field(description="null: nobody has registered the gate")
    direction: Direction
    medium_type: str
    occurred_at: Time = Field(description="the gate's clock")
    offline: ConflictReport | None = Field(
        description="what the gate did alone: who was let in or out by a tap that does not count"
    )


class ConflictAnswer(Answer):
    """What was sent and refused, beside what stands under the same tap_id."""

    conflict_id: int
    kind: Literal["tap", "report"]
    tap_id: str
    received_at: Time
    sender: str | None = Field(description="the key that sent it; null where none was kept")
    differs: list[
        Literal[
            "gate_id",
            "direction",
            "medium",
            "occurred_at",
            "gate_action_taken",
            "fare_taken",
            "passed",
            "cause",
        ]
    ] = Field(description="the fields in which the two are not the same")
    sent_tap: ConflictTap | None = Field(description="of a tap that was refused")
    first_tap: ConflictTap | None = Field(
        description="the tap that stands under the tap_id; null where none did: the tap_id is one "
        "of another gate"
    )
    sent_report: ConflictReport | None = Field(description="of a report that contradicts the first")
    first_report: ConflictReport | None


class ConflictPage(Page[ConflictAnswer]):
    """Conflicts, and how many more there were."""

    left_out: int = Field(
        description="refused above the limits of a tap or a key on the days asked for: counted, "
        "and not kept"
    )
