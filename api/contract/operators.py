"""The contract of the operators' routes: stations, policies, keys, lists."""

from typing import Annotated, Any, Final, Generic, Literal, TypeVar

from pydantic import Field, StrictInt, StringConstraints

from api.contract.card_numbers import NoCardNumber
from api.contract.taps import Answer, Code, DegradedModeCode, Direction, Id, Instant, Request, Time
from fare_engine.policy import DAILY_LIMIT_MAX

T = TypeVar("T")

NOTE_MAX: Final = 2_000
REASON_MAX: Final = 500
PAGE_MAX: Final = 1_000
WINDOW_MAX_SECONDS: Final = 86_400

Note = Annotated[str, StringConstraints(max_length=NOTE_MAX, strict=True), NoCardNumber]
Why = Annotated[
    str,
    StringConstraints(min_length=1, max_length=REASON_MAX, strip_whitespace=True, strict=True),
    NoCardNumber,
]


class Page(Answer, Generic[T]):
    """A part of a list; `next_cursor` asks for what follows, null at the end."""

    items: list[T]
    next_cursor: str | None


class NameAnswer(Answer):
    zh: str
    en: str


class ExitAnswer(Answer):
    exit_id: str
    name: NameAnswer


class GateAnswer(Answer):
    gate_id: str
    exit_id: str | None
    directions: list[Direction]
    controller: str | None
    designated: bool = Field(description="on the crossing lane of the policy in force")


class PolicyRequest(Request):
    """A new version of a station's crossing rule."""

    window_seconds: Annotated[StrictInt, Field(ge=1, le=WINDOW_MAX_SECONDS)] = Field(
        description="inclusive: with 900, 15:00.000 is free and 15:00.001 is not", examples=[900]
    )
    media: list[Code] = Field(min_length=1, max_length=64, examples=[["qr", "tianfutong"]])
    designated_gates: list[Id] = Field(min_length=1, max_length=1_000)
    daily_limit: Annotated[StrictInt, Field(ge=1, le=DAILY_LIMIT_MAX)] | None = Field(
        None, description="waivers of one medium on one service date; null: no limit"
    )
    effective_from: Instant
    effective_to: Instant | None = None
    note: Note = ""


class PolicyAnswer(Answer):
    station_id: str
    version: int
    window_seconds: float | int
    media: list[str]
    designated_gates: list[str]
    daily_limit: int | None
    effective_from: Time
    effective_to: Time | None
    note: str


class SuspensionRequest(Request):
    """Why a station's policy is suspended, or resumed."""

    reason: Why


class SuspensionAnswer(Answer):
    """The kill switch of a station, as it stands."""

    station_id: str
    suspended: bool
    suspended_at: Time | None
    resumed_at: Time | None
    reason: str | None


class ModeRequest(Request):
    """A degraded mode to start at a station."""

    mode: DegradedModeCode
    effective_from: Instant | None = Field(None, description="left out: now; may lie in the past")
    effective_to: Instant | None = Field(None, description="left out: until it is ended")
    reason: Why


class ModeEndRequest(Request):
    """A degraded mode to end at a station."""

    mode: DegradedModeCode
    effective_to: Instant | None = Field(None, description="left out: now; may lie in the past")
    reason: Why


class ModeAnswer(Answer):
    """A stretch of time in which a station lets something go."""

    number: int
    mode: DegradedModeCode
    effective_from: Time
    effective_to: Time | None = Field(description="not included; null: until it is ended")
    reason: str
    in_force: bool


class StationAnswer(Answer):
    """A station, with what decides a crossing there now and next."""

    station_id: str
    name: NameAnswer
    lines: list[str] = Field(examples=[["1号线"]])
    exits: list[ExitAnswer]
    gates: list[GateAnswer]
    policy: PolicyAnswer | None = Field(description="in force now")
    next_policy: PolicyAnswer | None = Field(description="the next to come into force")
    suspended: bool
    degraded_modes: list[DegradedModeCode] = Field(description="in force now")


class KeyRequest(Request):
    """A key to make. A gate key speaks for the gates of its stations, an admin key for all."""

    kind: Literal["gate", "admin"]
    name: Annotated[
        str,
        StringConstraints(min_length=1, max_length=100, strip_whitespace=True, strict=True),
        NoCardNumber,
    ] = Field(examples=["controller of 孵化园"])
    stations: list[Id] | None = Field(
        None, max_length=1_000, description="needed for a gate key, null for an admin key"
    )


class KeyAnswer(Answer):
    key_id: str
    kind: Literal["gate", "admin"]
    name: str
    stations: list[str] | None
    created_at: Time
    revoked_at: Time | None


class KeyCreated(KeyAnswer):
    """A new key; `key` is told this once and never again."""

    key: str


class AuditAnswer(Answer):
    entry: int
    at: Time
    actor: str = Field(description="a key's id, or the command line")
    action: str
    subject: str
    before: Any
    after: Any


class SetAsideAnswer(Answer):
    """A tap of a gate that decided alone, set aside until what it names is repaired.

    The gate was answered for good; what is told here is for settlement.
    """

    tap_id: str
    problem: str
    detail: str
    gate_id: str
    direction: Direction
    medium_type: str
    occurred_at: Time
    received_at: Time
    gate_action_taken: Literal["open", "refuse"] | None
    fare_taken: int | None
    sender: str | None = Field(description="the key that sent it; null where none was kept")
    repairable: bool = Field(description="settlement can decide it as things stand now")
    problem_now: str | None = Field(description="what still stands in the way, if anything")
    settlement_id: int | None = Field(description="the run that has decided it")
