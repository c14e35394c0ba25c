"""The contract of the block list: media that may not enter."""

from typing import Annotated

from pydantic import BeforeValidator, Discriminator, Field, Tag

from api.contract.operators import Why
from api.contract.taps import (
    Answer,
    MediumById,
    MediumByToken,
    Request,
    Time,
    leave_out_null_marks,
    medium_form,
)

KnownMedium = Annotated[
    Annotated[MediumById, Tag("by_id")] | Annotated[MediumByToken, Tag("by_token")],
    Discriminator(medium_form),
    BeforeValidator(leave_out_null_marks),
]
"""A medium by its number or token. A ride code changes every few seconds: block its account."""


class BlockRequest(Request):
    """A medium to put on the block list, or to take off it."""

    medium: KnownMedium
    reason: Why


class BlockedAnswer(Answer):
    """A medium, and whether it may enter. Its number is not kept."""

    token: str = Field(description="32 hexadecimal digits")
    medium_type: str
    masked: str | None = Field(
        description="the end of its number; null where only the token was told",
        examples=["****5678"],
    )
    blocked: bool
    blocked_at: Time | None
    reason: str | None
