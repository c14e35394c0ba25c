"""What the processes of a shared ledger know of each other."""

from sqlalchemy import JSON, BigInteger, Column, Integer, String, Table

from fare_engine.ledger.schema.base import metadata

heartbeats = Table(
    "heartbeats",
    metadata,
    Column("controller_id", String(64), primary_key=True),
    Column("received_at", BigInteger, nullable=False),
    Column("parameters_version", String(64)),
    Column("outbox_taps", Integer, nullable=False),
    Column("skews_ms", JSON, nullable=False, comment="what it measured then, by gate_id"),
    comment="the latest report of each controller",
)
