"""Going on with a ledger that lost something, or with another token key: said so, and audited.

Both are refused at a start, since nobody notices them otherwise: taps that were acknowledged are
decided anew, and every card becomes another token.
"""

import shutil
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Final

from fare_engine.errors import ConfigurationError
from fare_engine.ledger.database import Connection, check_schema, writing
from fare_engine.ledger.place import LedgerPlace
from fare_engine.ledger.sqlite.connections import connect
from fare_engine.ledger.sqlite.log_file import name_log
from fare_engine.ledger.sqlite.loss import find_loss
from fare_engine.ledger.sqlite.place import EmbeddedPlace
from fare_engine.ledger.sqlite.reach import find_reached, name_reach
from fare_engine.ledger.stores.audit import record_change
from fare_engine.ledger.stores.token_key import (
    find_fingerprint,
    make_fingerprint,
    store_fingerprint,
)
from fare_engine.ledger.token_key_file import TOKEN_KEY

ACTOR: Final = "command line"


def accept_loss(directory: LedgerPlace, reason: str, now_ms: int) -> str:
    """Go on with what the ledger still holds; what was lost. The directory is locked.

    The log stays beside the ledger under another name. ConfigurationError where nothing is missing,
    or where the ledger is not the embedded one.
    """
    if not isinstance(directory, EmbeddedPlace):
        raise ConfigurationError(
            "only the embedded ledger finds out that it has lost something: what a database server "
            "has lost, its own tools restore"
        )
    loss = find_loss(directory.ledger_path)
    if loss is None:
        raise ConfigurationError(f"{directory.ledger_path} is whole: there is no loss to accept")
    reached = find_reached(name_reach(directory.ledger_path))
    _set_log_aside(directory, now_ms, keeps_prefix=not loss.is_log_behind)
    with closing(connect(directory.ledger_path)) as connection:
        # What can be used of the log is folded in, and the log is gone with the connection.
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        (row,) = connection.execute("SELECT max(row) FROM taps").fetchone()
    name_reach(directory.ledger_path).unlink(missing_ok=True)
    with _changing(directory) as connection:
        record_change(
            connection,
            at_ms=now_ms,
            actor=ACTOR,
            action="ledger.loss-accepted",
            subject=directory.ledger_path.name,
            before={"loss": loss.what, "row": None if reached is None else reached.row},
            after={"row": row, "reason": reason},
        )
    return loss.what


def accept_token_key(place: LedgerPlace, reason: str, now_ms: int) -> str:
    """Make the key that is there the ledger's; its fingerprint. The place is locked.

    What was tapped under another key is not found again by its card. ConfigurationError where the
    ledger has this key already.
    """
    key = place.read_token_key()
    fingerprint = make_fingerprint(key)
    with _changing(place) as connection:
        before = find_fingerprint(connection)
        if before == fingerprint:
            raise ConfigurationError("token.key is the key of this ledger: nothing to accept")
        store_fingerprint(connection, key)
        record_change(
            connection,
            at_ms=now_ms,
            actor=ACTOR,
            action="token-key.accepted",
            subject=TOKEN_KEY,
            before={"fingerprint": None if before is None else before.hex()},
            after={"fingerprint": fingerprint.hex(), "reason": reason},
        )
    return fingerprint.hex()


def _set_log_aside(directory: EmbeddedPlace, now_ms: int, *, keeps_prefix: bool) -> None:
    """Keep a copy of the log; without its prefix nothing of it is left to SQLite."""
    log_path = name_log(directory.ledger_path)
    if not log_path.exists():
        return
    aside = log_path.with_name(f"{log_path.name}.damaged-{now_ms}")
    if keeps_prefix:
        shutil.copy2(log_path, aside)
    else:
        log_path.rename(aside)


@contextmanager
def _changing(place: LedgerPlace) -> Iterator[Connection]:
    """One transaction on a ledger."""
    database = place.open_database()
    try:
        check_schema(database)
        with writing(database) as connection:
            yield connection
    finally:
        database.dispose()
