"""The contract of the routes that register and correct gates and media types."""

from typing import Annotated

from pydantic import Field, StringConstraints

from api.contract.card_numbers import NoCardNumber
from api.contract.operators import NameAnswer
from api.contract.taps import Answer, Code, Direction, Id, Request

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


class RegisteredGateAnswer(Answer):
    """A gate, wherever it stands."""

    gate_id: str
    station_id: str
    exit_id: str | None
    directions: list[Direction]
    controller: str | None
    designated: bool = Field(description="on the crossing lane of the policy in force")
    clock_skew_ms: int | None = Field(
        description="its clock minus the engine's, as measured last; null while nobody has"
    )


class NameRequest(Request):
    zh: Text64
    en: Text64


class MediumTypeRequest(Request):
    """A kind of medium that gates may name from now on. Its discount belongs to the tariff."""

    code: Annotated[Code, NoCardNumber]
    name: NameRequest
    id_pattern: Annotated[
        str, StringConstraints(min_length=1, max_length=200, strict=True), NoCardNumber
    ] = Field(
        description="a regular expression that an id must match as a whole",
        examples=["[0-9]{10,20}"],
    )


class MediumTypeAnswer(Answer):
    code: str
    name: NameAnswer
    id_pattern: str
