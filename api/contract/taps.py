"""The contract of the tap routes, as models: what a gate may send and what it is answered.

The bare handlers of `api.http.tap_desk` decode the same bytes by other means; a test shows that
both accept and refuse the same. Whole numbers are strict here: `false`, `"5"` and `5.0` are no
numbers.
"""

from typing import Annotated, Any, Final, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    StrictBool,
    StrictInt,
    StringConstraints,
    Tag,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import PydanticCustomError

from api.contract.card_numbers import mask_card_numbers
from api.contract.times import parse_rfc3339

FARE_MAX: Final = 1_000_000
"""10,000 CNY: no gate takes more, and a mistyped amount should not enter the books."""
CAUSE_MAX: Final = 200
MEDIUM_ID_MAX: Final = 64
RIDE_CODE_MAX: Final = 2_048

_EXAMPLE_TIME = "2021-11-24T08:15:30.120+08:00"


def _instant(value: object) -> int:
    if not isinstance(value, str):
        raise PydanticCustomError("time_type", "must be a text: a time with an offset")
    try:
        return parse_rfc3339(value)
    except ValueError as error:
        raise PydanticCustomError("time", "{why}", {"why": str(error)}) from None


Instant = Annotated[
    int,
    BeforeValidator(_instant),
    WithJsonSchema(
        {
            "type": "string",
            "format": "date-time",
            "description": "RFC 3339 with an offset; digits finer than a millisecond are cut off",
            "examples": [_EXAMPLE_TIME],
        }
    ),
]
"""A time in a request: milliseconds since 1970 once it is read."""

Time = Annotated[str, Field(json_schema_extra={"format": "date-time"}, examples=[_EXAMPLE_TIME])]
"""A time in an answer, in the network's zone."""

Id = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._:-]{1,64}$", strict=True)]
Code = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_-]{1,32}$", strict=True)]
CODE_ID_PATTERN: Final = r"[0-9a-f]{8}\.[A-Za-z0-9_-]{1,16}\.(?:[0-9a-f]{2}){8,16}"
"""The second of issue, the issuer and the code's own number: no card or account looks like it."""

CodeId = Annotated[str, StringConstraints(pattern=rf"^{CODE_ID_PATTERN}$", strict=True)]
Fen = Annotated[StrictInt, Field(ge=0, le=FARE_MAX)]
Direction = Literal["entry", "exit"]
Action = Literal["open", "refuse"]
DegradedModeCode = Literal[
    "sequence_free", "entry_free", "exit_free", "time_free", "fare_free", "emergency"
]


class Request(BaseModel):
    """What a client sends: an unknown field is a mistake that must not pass unnoticed.

    A field that may be left out may be null, which is the same.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def leave_out_null(cls, values: Any) -> Any:
        """The same without what is null and may be left out."""
        if not isinstance(values, dict):
            return values
        optional = {name for name, field in cls.model_fields.items() if not field.is_required()}
        return {
            name: value
            for name, value in values.items()
            if value is not None or name not in optional
        }


class Answer(BaseModel):
    """What a client is answered."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class MediumById(Request):
    """A card, or an account that the gate verified itself."""

    type: Code = Field(examples=["tianfutong"])
    id: Annotated[str, StringConstraints(min_length=1, max_length=MEDIUM_ID_MAX, strict=True)] = (
        Field(examples=["3104870512345678"])
    )
    code_id: CodeId | None = Field(
        None,
        description="the id of the ride code the gate verified",
        examples=["619db8c0.metro.3132333435363738"],
    )


class MediumByToken(Request):
    """A medium whose token the controller made, since it holds the token key."""

    type: Code
    token: Annotated[str, StringConstraints(pattern=r"^[0-9A-Fa-f]{32}$", strict=True)]
    code_id: CodeId | None = Field(
        None,
        description="the id of the ride code the gate verified",
        examples=["619db8c0.metro.3132333435363738"],
    )


class MediumByCode(Request):
    """A ride code for the engine to verify."""

    type: Literal["qr"]
    code: Annotated[str, StringConstraints(min_length=1, max_length=RIDE_CODE_MAX, strict=True)]


MEDIUM_FORMS: Final = ("by_id", "by_token", "by_code")


def leave_out_null_marks(value: Any) -> Any:
    """A medium without the fields of its other forms, where they are there and null."""
    if not isinstance(value, dict):
        return value
    marks = ("id", "token", "code", "code_id")
    left = {name: it for name, it in value.items() if it is not None or name not in marks}
    # Nothing but null: the field that is wrong is the one that is there.
    null = [name for name in marks if name in value]
    return left if left.keys() & marks or not null else {**left, null[0]: None}


def medium_form(value: Any) -> str:
    """Which of the three forms a medium is meant to have, by the field that marks it."""
    has = value.__contains__ if isinstance(value, dict) else lambda name: hasattr(value, name)
    if has("token"):
        return "by_token"
    return "by_code" if has("code") else "by_id"


Medium = Annotated[
    Annotated[MediumById, Tag("by_id")]
    | Annotated[MediumByToken, Tag("by_token")]
    | Annotated[MediumByCode, Tag("by_code")],
    Discriminator(medium_form),
    BeforeValidator(leave_out_null_marks),
]


class OfflineReport(Request):
    """What a gate that decided alone did, sent with the tap."""

    gate_action_taken: Action
    fare_taken: Fen


class TapRequest(Request):
    """One presentation of a medium at a gate."""

    tap_id: Id = Field(
        description="made by the gate, best of gate, service date and sequence number",
        examples=["FHY-A-01.20211124.000173"],
    )
    gate_id: Id = Field(examples=["FHY-A-01"])
    direction: Direction
    medium: Medium
    occurred_at: Instant = Field(description="the gate's clock")
    offline: OfflineReport | None = None


class BatchRequest(Request):
    """Taps that are decided in order; one that is wrong fails alone."""

    taps: list[TapRequest] = Field(min_length=1, max_length=1_000)


class ReportRequest(Request):
    """What the gate did at a tap; `passed` false when nobody went through after all."""

    gate_action_taken: Action
    fare_taken: Fen
    passed: StrictBool | None = None
    cause: (
        Annotated[
            str,
            StringConstraints(min_length=1, max_length=CAUSE_MAX, strict=True),
            AfterValidator(mask_card_numbers),
        ]
        | None
    ) = Field(None, description="what looks like a card number in it is kept as ****")


class JourneyAnswer(Answer):
    """The journey that a tap opened or closed; the exit's fields are null while it is open."""

    entry_tap_id: str
    entry_station: str
    entered_at: Time
    exit_station: str | None
    exited_at: Time | None
    elapsed_ms: int | None = Field(description="exit's clock minus entry's, at least 0")


class TapDecision(Answer):
    """What a tap came to; durable before it is answered."""

    tap_id: str
    outcome: Literal["entered", "waived", "charged", "unmatched", "late", "refused", "recorded"]
    reason: str = Field(examples=["same_station_within_window"])
    gate_action: Action
    fare: int = Field(description="what this gate takes now, in fen")
    fare_waived: int = Field(description="the same-station fare that was not taken, in fen")
    currency: str
    journey: JourneyAnswer | None
    policy_version: int | None
    tariff_version: int | None
    decided_at: Time
    clock_suspect: bool = Field(
        False, description="true, or not there: the gate's clock was known to be wrong"
    )


class FieldProblem(Answer):
    field: str
    message: str


class Problem(BaseModel):
    """An error (RFC 9457). `type` names its kind and never changes; the texts may."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(examples=["/problems/unknown-gate"])
    title: str
    status: int
    detail: str
    errors: list[FieldProblem] | None = Field(None, description="for 422: the fields at fault")


class TapProblem(Answer):
    """A tap of a batch that could not be decided, while the others were."""

    tap_id: str | None
    problem: Problem


class BatchAnswer(Answer):
    """One result a tap, in the order of the request."""

    results: list[TapDecision | TapProblem]
