"""Settlements, the adjustments they issue, and taps that left the quarantine."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_ROW = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "settlements",
        sa.Column("settlement", sa.Integer(), nullable=False),
        sa.Column("service_date", sa.String(length=10), nullable=False),
        sa.Column("begun_at", sa.BigInteger(), nullable=False),
        sa.Column("actor", sa.String(length=100), nullable=False),
        sa.Column(
            "tokens",
            sa.Integer(),
            nullable=True,
            comment="how many were looked at; null while it runs",
        ),
        sa.Column(
            "ended_at",
            sa.BigInteger(),
            nullable=True,
            comment="null: it runs, or was broken off",
        ),
        sa.PrimaryKeyConstraint("settlement", name=op.f("pk_settlements")),
        comment="runs of settlement; what a broken one issued stands, the next one issues the rest",
    )
    op.create_table(
        "adjustments",
        sa.Column("adjustment", _ROW, nullable=False),
        sa.Column("settlement", sa.Integer(), nullable=False),
        sa.Column("row", _ROW, nullable=False),
        sa.Column("token", sa.LargeBinary(length=16), nullable=False),
        sa.Column(
            "kind",
            sa.SmallInteger(),
            nullable=False,
            comment="see fare_engine.settlement.adjustments",
        ),
        sa.Column(
            "fare",
            sa.Integer(),
            nullable=False,
            comment="owed by the passenger; negative: back to her",
        ),
        sa.Column("collected", sa.Integer(), nullable=False, comment="what the gate took"),
        sa.Column("due", sa.Integer(), nullable=False, comment="what the rule says"),
        sa.Column("why", sa.SmallInteger(), nullable=False),
        sa.Column(
            "reason",
            sa.SmallInteger(),
            nullable=False,
            comment="what the tap was decided again to be",
        ),
        sa.Column("entry_row", _ROW, nullable=True, comment="the journey it found then"),
        sa.ForeignKeyConstraint(
            ["settlement"], ["settlements.settlement"], name=op.f("fk_adjustments_settlement")
        ),
        sa.ForeignKeyConstraint(["row"], ["taps.row"], name=op.f("fk_adjustments_row")),
        sa.PrimaryKeyConstraint("adjustment", name=op.f("pk_adjustments")),
        comment="append-only; all of a row and kind add up to due less collected",
    )
    op.create_index(op.f("ix_adjustments_row"), "adjustments", ["row"], unique=False)
    op.create_index(op.f("ix_adjustments_settlement"), "adjustments", ["settlement"], unique=False)
    op.create_table(
        "repairs",
        sa.Column("row", _ROW, autoincrement=False, nullable=False),
        sa.Column("settlement", sa.Integer(), nullable=False),
        sa.Column("station_id", sa.String(length=16), nullable=False),
        sa.Column("policy_version", sa.Integer(), nullable=True),
        sa.Column("suspended", sa.SmallInteger(), nullable=False),
        sa.Column("tariff_version", sa.Integer(), nullable=False),
        sa.Column("modes", sa.SmallInteger(), nullable=False, comment="degraded modes at the tap"),
        sa.ForeignKeyConstraint(["row"], ["quarantine.row"], name=op.f("fk_repairs_row")),
        sa.ForeignKeyConstraint(
            ["settlement"], ["settlements.settlement"], name=op.f("fk_repairs_settlement")
        ),
        sa.ForeignKeyConstraint(
            ["station_id"], ["stations.station_id"], name=op.f("fk_repairs_station_id")
        ),
        sa.PrimaryKeyConstraint("row", name=op.f("pk_repairs")),
        comment="taps that left the quarantine, with the versions that were pinned then",
    )
