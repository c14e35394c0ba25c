"""Taps that were settled at a corrected time, with the skew and the versions pinned for it."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_ROW = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "clock_corrections",
        sa.Column("row", _ROW, autoincrement=False, nullable=False),
        sa.Column("settlement", sa.Integer(), nullable=False),
        sa.Column(
            "skew_ms",
            sa.BigInteger(),
            nullable=False,
            comment="what settlement takes off occurred_at",
        ),
        sa.Column("station_id", sa.String(length=16), nullable=False),
        sa.Column("policy_version", sa.Integer(), nullable=True),
        sa.Column("suspended", sa.SmallInteger(), nullable=False),
        sa.Column("tariff_version", sa.Integer(), nullable=False),
        sa.Column(
            "modes",
            sa.SmallInteger(),
            nullable=False,
            comment="degraded modes at the corrected time",
        ),
        sa.ForeignKeyConstraint(["row"], ["taps.row"], name=op.f("fk_clock_corrections_row")),
        sa.ForeignKeyConstraint(
            ["settlement"],
            ["settlements.settlement"],
            name=op.f("fk_clock_corrections_settlement"),
        ),
        sa.ForeignKeyConstraint(
            ["station_id"],
            ["stations.station_id"],
            name=op.f("fk_clock_corrections_station_id"),
        ),
        sa.PrimaryKeyConstraint("row", name=op.f("pk_clock_corrections")),
        comment="taps of wrong clocks, with the skew and the versions pinned when settled first",
    )
