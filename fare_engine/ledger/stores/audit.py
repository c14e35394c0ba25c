"""The audit: who changed what, when, from what to what. Rows are added, never changed."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from fare_engine.ledger import schema
from fare_engine.ledger.stores.order import lock_changes

Document = Mapping[str, Any]


def record_change(
    connection: Connection,
    *,
    at_ms: int,
    actor: str,
    action: str,
    subject: str,
    before: Document | None = None,
    after: Document | None = None,
) -> None:
    """Write down one change, in the transaction that makes it. Secrets never stand in it."""
    values: dict[str, Any] = {"at": at_ms, "actor": actor, "action": action, "subject": subject}
    # What is left out is a real NULL; given as None it would be the word null in JSON.
    documents = {"before": before, "after": after}
    values |= {name: dict(content) for name, content in documents.items() if content is not None}
    lock_changes(connection)
    connection.execute(schema.audit.insert().values(values))
