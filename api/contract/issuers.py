"""The contract of the issuers' routes: who may sign ride codes, and with which public keys."""

from base64 import urlsafe_b64decode
from binascii import Error
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field, StringConstraints
from pydantic_core import PydanticCustomError

from api.contract.operators import Why
from api.contract.taps import Answer, Instant, Request, Time

PUBLIC_KEY_MAX: Final = 128

IssuerId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,16}$", strict=True)]
KeyId = IssuerId
Algorithm = Literal["Ed25519", "SM2"]


def decode_key(text: str) -> bytes:
    """The bytes of a public key; ValueError when the text is none."""
    try:
        return urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except Error:
        raise ValueError("must be base64url") from None


def _check_key(text: str) -> str:
    try:
        decode_key(text)
    except ValueError as error:
        raise PydanticCustomError("base64url", "{why}", {"why": str(error)}) from None
    return text


PublicKey = Annotated[
    str,
    StringConstraints(pattern=rf"^[A-Za-z0-9_-]{{1,{PUBLIC_KEY_MAX}}}$", strict=True),
    AfterValidator(_check_key),
    Field(
        description="base64url of the 32 bytes of Ed25519, or of the 65 of SM2 (04, x, y)",
        examples=["A6EHv_POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg"],
    ),
]


class IssuerKeyRequest(Request):
    """A public key. It counts for codes issued from `valid_from` on, and before `valid_to`."""

    key_id: KeyId = Field(examples=["2027-01"], description="as codes name it; never used again")
    algorithm: Algorithm = "Ed25519"
    public_key: PublicKey
    valid_from: Instant | None = Field(None, description="null: from now on")
    valid_to: Instant | None = None


class IssuerRequest(IssuerKeyRequest):
    """An issuer of ride codes, with its first key."""

    issuer_id: IssuerId = Field(examples=["tianfutong"])


class RetireRequest(Request):
    """Which key ends, when, and why."""

    key_id: KeyId
    valid_to: Instant | None = Field(None, description="null: from now on no code of it counts")
    reason: Why


class IssuerKeyAnswer(Answer):
    key_id: str
    algorithm: Algorithm
    public_key: str
    valid_from: Time
    valid_to: Time | None


class IssuerAnswer(Answer):
    """An issuer of ride codes, with every key it ever had, by beginning."""

    issuer_id: str
    keys: list[IssuerKeyAnswer]
