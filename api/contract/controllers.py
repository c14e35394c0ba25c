"""The contract of the controllers' routes: parameters, heartbeats, alarms."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import (
    Field,
    PrivateAttr,
    StrictInt,
    StringConstraints,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)

from api.contract.taps import Answer, Id, Instant, Request, Time

SKEW_MAX_MS = 400_000_000_000_000
"""More than lies between the years 1 and 9999: what is beyond counts as so much."""
GATES_MAX = 1_000
OUTBOX_TAPS_MAX = 1_000_000_000
SHOWN_MAX = 64
"""Characters that are shown of what a heartbeat has in the place of a gate_id."""


class GateHeartbeat(Request):
    gate_id: Id
    clock_skew_ms: StrictInt = Field(description="the gate's clock minus the engine's")
    _fault: str | None = PrivateAttr(None)

    @property
    def fault(self) -> str | None:
        """What is wrong with this entry, which does not count then."""
        return self._fault

    @property
    def bounded_skew_ms(self) -> int:
        """The skew as it is kept: a number that no clock can be off by is still an alarm."""
        return max(-SKEW_MAX_MS, min(self.clock_skew_ms, SKEW_MAX_MS))


def _keep_faulty(value: Any, read: ValidatorFunctionWrapHandler) -> GateHeartbeat:
    """One entry that cannot be read must not lose what the heartbeat says of all other gates."""
    try:
        gate: GateHeartbeat = read(value)
    except ValidationError as error:
        first = error.errors()[0]
        named = value.get("gate_id") if isinstance(value, Mapping) else None
        shown = named[:SHOWN_MAX] if isinstance(named, str) else ""
        gate = GateHeartbeat.model_construct(gate_id=shown, clock_skew_ms=0)
        gate._fault = ": ".join([*map(str, first["loc"]), first["msg"]])
    return gate


class HeartbeatRequest(Request):
    """How a controller is."""

    sent_at: Instant
    parameters_version: Annotated[str, StringConstraints(max_length=64, strict=True)] | None = (
        Field(None, description="what it has; null while it has none")
    )
    outbox_taps: Annotated[StrictInt, Field(ge=0, le=OUTBOX_TAPS_MAX)]
    gates: list[Annotated[GateHeartbeat, WrapValidator(_keep_faulty)]] = Field(max_length=GATES_MAX)


class NotTaken(Answer):
    """An entry of a heartbeat that does not count; all others do."""

    gate_id: str = Field(description="as it was sent; empty where it could not be read")
    detail: str


class HeartbeatAnswer(Answer):
    received_at: Time
    parameters_version: str = Field(description="what there is; fetch it when it is another")
    not_taken: list[NotTaken] = Field(description="entries of gates that do not count")


class ControllerAnswer(Answer):
    """A controller, as it reported itself last; null where it has not yet."""

    controller_id: str
    gates: list[str] = Field(description="those that name it now")
    heartbeat_at: Time | None
    parameters_version: str | None
    outbox_taps: int | None = Field(description="taps that waited there")


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
