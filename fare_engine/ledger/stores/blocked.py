"""The block list in the ledger: media that may not enter, by token; no card number is in it."""

from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, func, select

from fare_engine.errors import CatalogueInvalid
from fare_engine.ledger.schema import blocked_media
from fare_engine.ledger.stores.audit import record_change

BLOCKED_MAX: Final = 100_000
"""More than a city loses before its cards expire; every controller holds the whole list."""


class BlockedMedium(NamedTuple):
    """A medium that may not enter from an instant on; `masked` None if only a token was given."""

    token: bytes
    medium_type: str
    masked: str | None
    reason: str
    blocked_at_ms: int


def load_blocked(connection: Connection) -> dict[bytes, int]:
    """Since when each blocked token is blocked."""
    columns = blocked_media.c
    rows = connection.execute(select(columns.token, columns.blocked_at))
    return {row.token: row.blocked_at for row in rows}


def list_blocked(connection: Connection, after: bytes, limit: int) -> list[BlockedMedium]:
    """Blocked media by token, behind one."""
    query = (
        select(*blocked_media.c)
        .where(blocked_media.c.token > after)
        .order_by(blocked_media.c.token)
        .limit(limit)
    )
    return [BlockedMedium._make(row) for row in connection.execute(query)]


def block(connection: Connection, draft: BlockedMedium, actor: str, now_ms: int) -> BlockedMedium:
    """Put a medium on the list; one that is on it already stays as it is.

    One that was blocked while the engine's clock was ahead, so that it can enter until then, is
    blocked from the draft's instant on.
    """
    held = _find(connection, draft.token)
    if held is not None:
        return _block_earlier(connection, held, draft.blocked_at_ms, actor, now_ms)
    count = connection.execute(select(func.count()).select_from(blocked_media)).scalar_one()
    if count >= BLOCKED_MAX:
        fault = f"the list has {BLOCKED_MAX} media already; unblock those that have expired"
        raise CatalogueInvalid([("medium", fault)])
    connection.execute(
        blocked_media.insert().values(
            token=draft.token,
            medium_type=draft.medium_type,
            masked=draft.masked,
            reason=draft.reason,
            blocked_at=draft.blocked_at_ms,
        )
    )
    record_change(
        connection,
        at_ms=now_ms,
        actor=actor,
        action="medium.blocked",
        subject=draft.token.hex(),
        after=_document(draft),
    )
    return draft


def unblock(
    connection: Connection, token: bytes, reason: str, actor: str, now_ms: int
) -> BlockedMedium | None:
    """Take a medium off the list; None when it was not on it."""
    held = _find(connection, token)
    if held is not None:
        connection.execute(blocked_media.delete().where(blocked_media.c.token == token))
        record_change(
            connection,
            at_ms=now_ms,
            actor=actor,
            action="medium.unblocked",
            subject=token.hex(),
            before=_document(held),
            after={"reason": reason},
        )
    return held


def _block_earlier(
    connection: Connection, held: BlockedMedium, at_ms: int, actor: str, now_ms: int
) -> BlockedMedium:
    if held.blocked_at_ms <= at_ms:
        return held
    mended = held._replace(blocked_at_ms=at_ms)
    connection.execute(
        blocked_media.update().where(blocked_media.c.token == held.token).values(blocked_at=at_ms)
    )
    record_change(
        connection,
        at_ms=now_ms,
        actor=actor,
        action="medium.blocked",
        subject=held.token.hex(),
        before={"blocked_at_ms": held.blocked_at_ms},
        after={"blocked_at_ms": at_ms},
    )
    return mended


def _find(connection: Connection, token: bytes) -> BlockedMedium | None:
    row = connection.execute(
        select(*blocked_media.c).where(blocked_media.c.token == token)
    ).one_or_none()
    return None if row is None else BlockedMedium._make(row)


def _document(medium: BlockedMedium) -> dict[str, Any]:
    return {"medium_type": medium.medium_type, "reason": medium.reason}
