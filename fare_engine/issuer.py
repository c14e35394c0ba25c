"""Who signs ride codes: the public keys of issuers, each in force over a stretch of time."""

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

ED25519: Final = "Ed25519"
SM2: Final = "SM2"
ALGORITHMS: Final = (ED25519, SM2)

ISSUER_ID_PATTERN: Final = r"[A-Za-z0-9_-]{1,16}"
KEY_ID_PATTERN: Final = r"[A-Za-z0-9_-]{1,16}"


class IssuerKey(NamedTuple):
    """One public key of an issuer of ride codes.

    It counts for codes issued from `valid_from_ms` on and before `valid_to_ms` (None: no end yet).
    Its algorithm is part of the key: what a code says of itself never chooses one.
    """

    issuer_id: str
    key_id: str
    algorithm: str
    public_key: bytes
    valid_from_ms: int
    valid_to_ms: int | None = None

    def covers(self, at_ms: int) -> bool:
        """Whether a code issued at this instant may be signed with this key."""
        return self.valid_from_ms <= at_ms and (
            self.valid_to_ms is None or at_ms < self.valid_to_ms
        )


def group_by_issuer(keys: Iterable[IssuerKey]) -> Mapping[str, list[IssuerKey]]:
    """Keys by issuer_id, in the order given."""
    issuers: dict[str, list[IssuerKey]] = {}
    for key in keys:
        issuers.setdefault(key.issuer_id, []).append(key)
    return issuers
