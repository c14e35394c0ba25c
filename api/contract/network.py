"""The contract of the routes that register and correct gates and media types."""

from typing import Annotated

from pydantic import Field, StringConstraints

from api.contract.card_numbers import NoCardNumber
from api.contract.operators import NameAnswer
from api.contract.taps import Answer, Code, Direction, Id, Instant, Request, Time

Text64 = Annotated[
    str,
    StringConstraints(min_length=1, max_length=64, strip_whitespace=True, strict=True),
    NoCardNumber,
]


class GateRequest(Request):
    """What a gate is to be, as a whole: what is left out is not kept from before."""

    station_id: Id
    exit_id: Id | None = None
    directions: list[Direction] = Field(min_length=1, max_length=2, examples=[["entry", "exit"]])
    controller: Text64 | None = None
    effective_from: Instant | None = Field(
        None,
        description="the first instant of it, also one that is past or to come; left out: now, or "
        "the beginning of what it only adds to",
    )


class PlacementAnswer(Answer):
    """Where a gate stands from an instant on, and what it does there."""

    station_id: str
    exit_id: str | None
    directions: list[Direction] = Field(description="none: it was taken down")
    controller: str | None
    effective_from: Time | None = Field(description="null: from the beginning")


class RegisteredGateAnswer(PlacementAnswer):
    """A gate as it stands now, or is to stand first."""

    gate_id: str
    designated: bool = Field(description="on the crossing lane of the policy in force")
    clock_skew_ms: int | None = Field(
        description="its clock minus the engine's, as measured last; null while nobody has"
    )


class GateHistoryAnswer(RegisteredGateAnswer):
    """A gate with everywhere it stood, stands and is to stand, oldest first."""

    placements: list[PlacementAnswer]


class NameRequest(Request):
    zh: Text64
    en: Text64


class MediumTypeCorrection(Request):
    """What a kind of medium is to be from now on, but for its code."""

    name: NameRequest
    id_pattern: Annotated[
        str, StringConstraints(min_length=1, max_length=200, strict=True), NoCardNumber
    ] = Field(
        description="a regular expression that an id must match as a whole; no look-around, "
        "no back-references, and not too large once it is compiled",
        examples=["[0-9]{10,20}"],
    )


class MediumTypeRequest(MediumTypeCorrection):
    """A kind of medium that gates may name from now on. Its discount belongs to the tariff."""

    code: Annotated[Code, NoCardNumber]


class MediumTypeAnswer(Answer):
    code: str
    name: NameAnswer
    id_pattern: str
