"""A cache of token states outside the process, which may lose, delay, swap or forge what it holds.

Every value carries a keyed hash over the ledger's epoch, its token and its bytes. What does not fit
is a miss; what fits and is old loses at the commit, where the number of the chain is compared.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from hashlib import blake2b
from typing import Final, Protocol

from fare_engine.catalogue import Catalogue
from fare_engine.journey import TokenState
from fare_engine.states.codec import decode_state, encode_state

SEAL_BYTES: Final = 8
_PURPOSE: Final = b"fare states"


class ByteStore(Protocol):
    """Bytes by token, wherever they are."""

    def get_many(self, tokens: Sequence[bytes]) -> Sequence[bytes | None]:
        """What is held of these tokens, in their order."""

    def set_many(self, values: Mapping[bytes, bytes]) -> None:
        """Hold these values."""

    def delete_many(self, tokens: Iterable[bytes]) -> None:
        """Hold nothing of these tokens."""


class Seal:
    """The keyed hash of one epoch; its key is derived from the token key.

    An epoch is a stretch of the ledger's life in which nothing acknowledged was lost: after a
    failover or a restore all values of before are misses.
    """

    def __init__(self, token_key: bytes, epoch: str) -> None:
        self._key = blake2b(_PURPOSE, key=token_key[:64]).digest()
        self._epoch = len(epoch).to_bytes(2) + epoch.encode()

    def seal(self, token: bytes, content: bytes) -> bytes:
        """The content with its hash behind it."""
        return content + self._hash(token, content)

    def open(self, token: bytes, value: bytes) -> bytes | None:
        """The content; None where the hash is another."""
        content, found = value[:-SEAL_BYTES], value[-SEAL_BYTES:]
        return content if self._hash(token, content) == found else None

    def _hash(self, token: bytes, content: bytes) -> bytes:
        whole = b"".join((self._epoch, token, content))
        return blake2b(whole, key=self._key, digest_size=SEAL_BYTES).digest()


class SealedStates:
    """The cache of token states over a store of bytes.

    `get_catalogue` gives the catalogue that decides now; `seal` is replaced with a new epoch.
    """

    def __init__(
        self, store: ByteStore, seal: Seal, get_catalogue: Callable[[], Catalogue]
    ) -> None:
        self.seal = seal
        self._store = store
        self._get_catalogue = get_catalogue

    def find(self, tokens: Iterable[bytes]) -> dict[bytes, TokenState]:
        """The states that are held, and sealed by this ledger in this epoch."""
        wanted = list(tokens)
        catalogue = self._get_catalogue()
        found = {}
        for token, value in zip(wanted, self._store.get_many(wanted), strict=True):
            content = None if value is None else self.seal.open(token, value)
            state = None if content is None else decode_state(content, catalogue)
            if state is not None:
                found[token] = state
        return found

    def apply(self, states: Mapping[bytes, TokenState]) -> None:
        """Hold states that are durable."""
        seal = self.seal.seal
        self._store.set_many(
            {token: seal(token, encode_state(state)) for token, state in states.items()}
        )

    def forget(self, tokens: Iterable[bytes]) -> None:
        """Hold nothing of these tokens."""
        self._store.delete_many(tokens)
