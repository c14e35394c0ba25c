"""The contract of the controllers' routes: parameters, heartbeats, alarms."""

from typing import Annotated, Any, Literal

from pydantic import Field, StrictInt, StringConstraints

from api.contract.taps import Answer, Id, Instant, Request, Time

SKEW_MAX_MS = 100_000_000_000
"""Three years: clocks that lost their battery say 1970 or 2000 and cannot be measured."""
GATES_MAX = 1_000
OUTBOX_TAPS_MAX = 1_000_000_000

Skew = Annotated[StrictInt, Field(ge=-SKEW_MAX_MS, le=SKEW_MAX_MS)]


class GateHeartbeat(Request):
    gate_id: Id
    clock_skew_ms: Skew = Field(description="the gate's clock minus the engine's")


class HeartbeatRequest(Request):
    """How a controller is."""

    sent_at: Instant
    parameters_version: Annotated[str, StringConstraints(max_length=64, strict=True)] | None = (
        Field(None, description="what it has; null while it has none")
    )
    outbox_taps: Annotated[StrictInt, Field(ge=0, le=OUTBOX_TAPS_MAX)]
    gates: list[GateHeartbeat] = Field(max_length=GATES_MAX)


class HeartbeatAnswer(Answer):
    received_at: Time
    parameters_version: str = Field(description="what there is; fetch it when it is another")


class ParametersAnswer(Answer):
    """All that gates need to decide while nobody answers.

    `version` is the SHA-256 of all other members as JSON in UTF-8, names sorted, without spaces.
    """

    version: str
    controller_id: str
    network: dict[str, str]
    media: list[dict[str, Any]]
    stations: list[dict[str, Any]]
    tariffs: list[dict[str, Any]]
    ride_code_issuers: list[dict[str, Any]]
    ride_code_validity_seconds: int
    blocked: list[str]


class AlarmAnswer(Answer):
    """Something that somebody should look after."""

    kind: Literal["gate_clock"]
    gate_id: str
    station_id: str
    controller_id: str | None
    since: Time
    measured_at: Time
    clock_skew_ms: int
    tolerance_ms: int | None
