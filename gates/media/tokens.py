"""From the number of a card or an account to the engine's token."""

import hashlib

KEY_BYTES_MIN = 32
TOKEN_BYTES = 16
_BLOCK_BYTES = 64


class TokenMaker:
    """Makes the pseudonymous token of a medium: HMAC-SHA-256 under the token key, 128 bits kept.

    The same medium always gives the same token under the same key, and without the key the medium
    cannot be derived from it. The maker keeps the key's two hash states, and neither stores nor
    logs an id.
    """

    __slots__ = ("_inner", "_outer")

    def __init__(self, key: bytes) -> None:
        if len(key) < KEY_BYTES_MIN:
            raise ValueError(f"a token key has at least {KEY_BYTES_MIN} bytes, not {len(key)}")
        if len(key) > _BLOCK_BYTES:
            key = hashlib.sha256(key).digest()
        block = key.ljust(_BLOCK_BYTES, b"\0")
        # RFC 2104, with both key blocks hashed beforehand: `hmac.digest` hashes them for every
        # token, which costs twice as much as the rest.
        self._inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in block))
        self._outer = hashlib.sha256(bytes(byte ^ 0x5C for byte in block))

    def token(self, medium_type: str, medium_id: str) -> bytes:
        """The token of a medium, 16 bytes."""
        inner = self._inner.copy()
        inner.update(f"{medium_type}:{medium_id}".encode())
        outer = self._outer.copy()
        outer.update(inner.digest())
        return outer.digest()[:TOKEN_BYTES]
