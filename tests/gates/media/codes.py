"""Codes and keys for tests: two issuers, of which one changes its key at NOON."""

from collections.abc import Callable
from typing import Any, Final

import base45
import cbor2
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from fare_engine.issuer import ED25519, IssuerKey
from gates.media.issuing import RideCodeIssuer, public_bytes
from gates.media.ride_code import PREFIX
from gates.media.verifier import RideCodeVerifier

NOON_MS: Final = 1_637_726_400_000
DAY_MS: Final = 24 * 3_600_000


def private_key(number: int) -> Ed25519PrivateKey:
    """A key that is the same in every run."""
    return Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32)


def issuer_key(
    issuer_id: str, key_id: str, number: int, from_ms: int = 0, to_ms: int | None = None
) -> IssuerKey:
    public_key = public_bytes(private_key(number))
    return IssuerKey(issuer_id, key_id, ED25519, public_key, from_ms, to_ms)


_sign_as_metro: Final = private_key(2).sign
METRO: Final = RideCodeIssuer("metro", "2", private_key(2))
KEYS: Final = (
    issuer_key("metro", "1", 1, NOON_MS - DAY_MS, NOON_MS),
    issuer_key("metro", "2", 2, NOON_MS - DAY_MS),
    issuer_key("bank", "1", 3),
)
VERIFIER: Final = RideCodeVerifier(KEYS, validity_ms=30_000, tolerance_ms=30_000)


def pack(envelope: object) -> str:
    """Any CBOR as the text of a code."""
    packed: bytes = base45.b45encode(cbor2.dumps(envelope))
    return PREFIX + packed.decode()


def unpack(code: str) -> bytes:
    """The bytes within a code."""
    unpacked: bytes = base45.b45decode(code.removeprefix(PREFIX).encode())
    return unpacked


def signed(
    header: Any, claims: Any, sign: Callable[[bytes], bytes] = _sign_as_metro, tag: int = 18
) -> str:
    """A code with any content, properly signed."""
    protected, payload = cbor2.dumps(header), cbor2.dumps(claims)
    signature = sign(cbor2.dumps(["Signature1", protected, b"", payload]))
    return pack(cbor2.CBORTag(tag, [protected, {}, payload, signature]))


HEADER: Final[dict[Any, Any]] = {1: -19, 4: b"2"}
CLAIMS: Final[dict[Any, Any]] = {1: "metro", 2: "anna", 6: NOON_MS // 1_000, 7: b"once" * 3}
