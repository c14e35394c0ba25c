"""A key with which a program speaks to the engine."""

from dataclasses import dataclass
from typing import Final

GATE: Final = "gate"
ADMIN: Final = "admin"
KINDS: Final = (GATE, ADMIN)


@dataclass(frozen=True, slots=True)
class Key:
    """A key as the ledger knows it, without its secret.

    A gate key speaks for the gates of its `stations`; an admin key has None.
    """

    key_id: str
    kind: str
    name: str
    stations: frozenset[str] | None
    created_at_ms: int
    revoked_at_ms: int | None = None
