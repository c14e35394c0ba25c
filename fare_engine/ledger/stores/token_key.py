"""The fingerprint of the token key: a ledger knows its key, and keeps nothing of it."""

import hmac
from typing import Final

from sqlalchemy import Connection, select

from fare_engine.errors import LedgerDamaged, TokenKeyWrong
from fare_engine.ledger.schema import configuration, taps

FINGERPRINT_BYTES: Final = 16
_MESSAGE: Final = b"\0fingerprint of the token key"
"""No medium is called so: the hash of one is its token."""


def make_fingerprint(key: bytes) -> bytes:
    """What this key is recognized by."""
    return hmac.digest(key, _MESSAGE, "sha256")[:FINGERPRINT_BYTES]


def find_fingerprint(connection: Connection) -> bytes | None:
    """The fingerprint of the ledger's key; None for a ledger of before that has not got one."""
    row = connection.execute(select(configuration.c.token_key)).one_or_none()
    if row is None:
        raise LedgerDamaged("what is published cannot be read: configuration has not one row")
    found: bytes | None = row.token_key
    return found


def store_fingerprint(connection: Connection, key: bytes) -> None:
    """From now on this is the key of the ledger."""
    connection.execute(configuration.update().values(token_key=make_fingerprint(key)))


def check_token_key(connection: Connection, key: bytes) -> bool:
    """Raise TokenKeyWrong for another ledger's key; False where the ledger knows none yet."""
    found = find_fingerprint(connection)
    if found is None:
        return False
    if not hmac.compare_digest(found, make_fingerprint(key)):
        raise TokenKeyWrong(
            "token.key is not the key of this ledger: under another one every card becomes "
            "another token. Restore the right one; where it is lost for good, `fare-engine config "
            "accept-token-key` goes on with this one"
        )
    return True


def is_key_plausible(connection: Connection, changed_at_ms: int) -> bool:
    """Whether a key may be that of a ledger which knows none: no tap is older than the key.

    `changed_at_ms` is when the file of the key was changed last, milliseconds since 1970.
    """
    last = select(taps.c.received_at).order_by(taps.c.row.desc()).limit(1)
    received_at_ms = connection.execute(last).scalar_one_or_none()
    return received_at_ms is None or changed_at_ms <= received_at_ms
