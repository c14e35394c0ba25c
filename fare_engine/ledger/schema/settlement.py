"""Runs of settlement, and what they issued, repaired and corrected."""

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Integer,
    LargeBinary,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from fare_engine.ledger.schema.base import RowNumber, metadata

settlements = Table(
    "settlements",
    metadata,
    Column("settlement", Integer, primary_key=True),
    Column("service_date", String(10), nullable=False),
    Column("begun_at", BigInteger, nullable=False),
    Column("actor", String(100), nullable=False),
    Column("tokens", Integer, comment="how many were looked at; null while it runs"),
    Column("ended_at", BigInteger, comment="null: it runs, or was broken off"),
    comment="runs of settlement; what a broken one issued stands, the next one issues the rest",
)

adjustments = Table(
    "adjustments",
    metadata,
    Column("adjustment", RowNumber, primary_key=True),
    Column("settlement", Integer, ForeignKey("settlements.settlement"), nullable=False, index=True),
    Column("row", RowNumber, ForeignKey("taps.row"), nullable=False, index=True),
    Column("token", LargeBinary(16), nullable=False),
    Column("kind", SmallInteger, nullable=False, comment="see fare_engine.settlement.adjustments"),
    Column("fare", Integer, nullable=False, comment="owed by the passenger; negative: back to her"),
    Column("collected", Integer, nullable=False, comment="what the gate took"),
    Column("due", Integer, nullable=False, comment="what the rule says"),
    Column("why", SmallInteger, nullable=False),
    Column("reason", SmallInteger, nullable=False, comment="what the tap was decided again to be"),
    Column("entry_row", RowNumber, comment="the journey it found then"),
    Column("nth", Integer, nullable=False, comment="how many were issued for it before"),
    Column(
        "held",
        SmallInteger,
        nullable=False,
        server_default="0",
        index=True,
        comment="1: it counts once a person has released it",
    ),
    UniqueConstraint("row", "kind", "nth"),
    comment="append-only; all of a row and kind add up to due less collected",
)

adjustment_reviews = Table(
    "adjustment_reviews",
    metadata,
    Column(
        "adjustment",
        RowNumber,
        ForeignKey("adjustments.adjustment"),
        primary_key=True,
        autoincrement=False,
    ),
    Column("released", SmallInteger, nullable=False, comment="1 released, 0 refused"),
    Column("reason", Text, nullable=False),
    Column("actor", String(100), nullable=False),
    Column("reviewed_at", BigInteger, nullable=False),
    comment="what a person said of an adjustment that was held; once each, never changed",
)

repairs = Table(
    "repairs",
    metadata,
    Column("row", RowNumber, ForeignKey("quarantine.row"), primary_key=True, autoincrement=False),
    Column("settlement", Integer, ForeignKey("settlements.settlement"), nullable=False),
    Column("station_id", String(16), ForeignKey("stations.station_id"), nullable=False),
    Column("policy_version", Integer),
    Column("suspended", SmallInteger, nullable=False),
    Column("tariff_version", Integer, nullable=False),
    Column("modes", SmallInteger, nullable=False, comment="degraded modes at the tap"),
    comment="taps that left the quarantine, with the versions that were pinned then",
)

clock_corrections = Table(
    "clock_corrections",
    metadata,
    Column("row", RowNumber, ForeignKey("taps.row"), primary_key=True, autoincrement=False),
    Column("settlement", Integer, ForeignKey("settlements.settlement"), nullable=False),
    Column("skew_ms", BigInteger, nullable=False, comment="what settlement takes off occurred_at"),
    Column("station_id", String(16), ForeignKey("stations.station_id"), nullable=False),
    Column("policy_version", Integer),
    Column("suspended", SmallInteger, nullable=False),
    Column("tariff_version", Integer, nullable=False),
    Column("modes", SmallInteger, nullable=False, comment="degraded modes at the corrected time"),
    comment="taps of wrong clocks, with the skew and the versions pinned when settled first",
)
