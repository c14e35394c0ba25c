"""Issues ride codes, as the server behind a passenger's app does. Gates do not need it."""

import secrets
from typing import Final

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from fare_engine.issuer import ED25519
from gates.media.faults import KeyUnusable
from gates.media.ride_code import ONE_TIME_ID_BYTES_MAX, RideCode, write

_RAW: Final = serialization.Encoding.Raw, serialization.PublicFormat.Raw


class RideCodeIssuer:
    """Issues codes under one private key of an issuer (Ed25519), and never shows the key."""

    __slots__ = ("_issuer_id", "_key_id", "_private_key")

    def __init__(self, issuer_id: str, key_id: str, private_key: Ed25519PrivateKey) -> None:
        self._issuer_id = issuer_id
        self._key_id = key_id
        self._private_key = private_key

    def issue(
        self,
        account: str,
        issued_at_ms: int,
        *,
        companion: int = 0,
        one_time_id: bytes | None = None,
    ) -> str:
        """A code for an account, issued in the second that holds this instant.

        ValueError when an id or a number is out of range.
        """
        if one_time_id is None:
            one_time_id = secrets.token_bytes(ONE_TIME_ID_BYTES_MAX)
        second_ms = issued_at_ms - issued_at_ms % 1_000
        ride_code = RideCode(
            self._issuer_id, self._key_id, account, second_ms, one_time_id, companion
        )
        return write(ride_code, ED25519, self._private_key.sign)


def generate_private_key() -> Ed25519PrivateKey:
    """A new key."""
    return Ed25519PrivateKey.generate()


def public_bytes(private_key: Ed25519PrivateKey) -> bytes:
    """The 32 bytes that verify what this key signs."""
    return private_key.public_key().public_bytes(*_RAW)


def to_pem(private_key: Ed25519PrivateKey) -> bytes:
    """The private key as a file holds it (PKCS #8), not encrypted."""
    return private_key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def read_private_key(pem: bytes) -> Ed25519PrivateKey:
    """The private key of a PEM file; KeyUnusable when it holds none."""
    try:
        key = serialization.load_pem_private_key(pem, None)
    except (ValueError, TypeError):  # TypeError: the key is encrypted
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise KeyUnusable("must be a PEM file with an Ed25519 private key, not encrypted")
    return key


def read_public_key(pem: bytes) -> bytes:
    """The 32 bytes of a public key's PEM file; KeyUnusable when it holds none."""
    try:
        key = serialization.load_pem_public_key(pem)
    except ValueError:
        key = None
    if not isinstance(key, Ed25519PublicKey):
        raise KeyUnusable("must be a PEM file with an Ed25519 public key")
    return key.public_bytes(*_RAW)
