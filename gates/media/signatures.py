"""The algorithms that ride codes may be signed with. A key has one, for good.

SM2 (GM/T 0003) needs the extra `sm2`; it is pure Python, and some two hundred times slower.
"""

from collections.abc import Callable
from hashlib import sha256
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from fare_engine.issuer import ALGORITHMS, ED25519, SM2
from gates.media.faults import KeyUnusable

SM2_SIGNER_ID: Final = b"1234567812345678"
"""The default id of a signer (GM/T 0009): part of every SM2 signature."""

VERIFIED_MAX: Final = 10_000
"""Signatures cached: those of codes that are shown or sent again within minutes."""

_SM2_KEY_BYTES: Final = 65
_SM2_HALF: Final = 32

IsSignature = Callable[[bytes, bytes], bool]
"""Whether the second is a signature of the first."""


_verified: Final[dict[bytes, None]] = {}
"""Hashes of key, signature and message that were verified, oldest first. No code can be derived
from them."""


def make_check(algorithm: str, public_key: bytes) -> IsSignature:
    """A check whether a key signed a message; KeyUnusable says what is wrong with the key."""
    if algorithm == ED25519:
        return _cached(public_key, _check_ed25519(public_key))
    if algorithm == SM2:
        return _cached(public_key, _check_sm2(public_key))
    raise KeyUnusable(f"the algorithm must be one of {', '.join(ALGORITHMS)}")


def _cached(public_key: bytes, is_signature: IsSignature) -> IsSignature:
    """The same check with a cache: a good signature is verified once, a bad one every time."""
    begun = sha256(len(public_key).to_bytes(4, "big") + public_key)

    def is_signature_again(message: bytes, signature: bytes) -> bool:
        hashed = begun.copy()
        # With its length, or what is hashed could be cut in another place.
        hashed.update(len(signature).to_bytes(4, "big") + signature)
        hashed.update(message)
        known = hashed.digest()
        if known in _verified:
            return True
        if not is_signature(message, signature):
            return False
        if len(_verified) >= VERIFIED_MAX:
            _verified.pop(next(iter(_verified)), None)
        _verified[known] = None
        return True

    return is_signature_again


def _check_ed25519(public_key: bytes) -> IsSignature:
    try:
        verify = Ed25519PublicKey.from_public_bytes(public_key).verify
    except ValueError:
        raise KeyUnusable("an Ed25519 key has 32 bytes") from None

    def is_signature(message: bytes, signature: bytes) -> bool:
        try:
            verify(signature, message)
        except InvalidSignature:
            return False
        return True

    return is_signature


def _check_sm2(public_key: bytes) -> IsSignature:
    try:
        import gmalg  # noqa: PLC0415  An extra: most sites have no SM2 key.
    except ImportError:
        raise KeyUnusable("SM2 keys need the extra: fare-engine[sm2]") from None
    if len(public_key) != _SM2_KEY_BYTES or public_key[0] != 4:
        raise KeyUnusable("an SM2 key has 65 bytes: 04, then the point's x and y")
    sm2 = gmalg.SM2(uid=SM2_SIGNER_ID, pk=public_key)
    if not sm2.verify_pk(public_key):
        raise KeyUnusable("this is no point of SM2's curve")

    def is_signature(message: bytes, signature: bytes) -> bool:
        if len(signature) != 2 * _SM2_HALF:
            return False
        r, s = signature[:_SM2_HALF], signature[_SM2_HALF:]
        return bool(sm2.verify(message, r, s))

    return is_signature
