"""Degraded modes, blocked media, and how far clocks of gates are off."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "taps",
        sa.Column(
            "modes",
            sa.SmallInteger(),
            nullable=True,
            comment="degraded modes at the tap, see fare_engine.modes",
        ),
    )
    op.create_table(
        "degraded_modes",
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("station_id", sa.String(length=16), nullable=False),
        sa.Column("mode", sa.SmallInteger(), nullable=False, comment="see fare_engine.modes"),
        sa.Column("effective_from", sa.BigInteger(), nullable=False),
        sa.Column("effective_to", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["station_id"], ["stations.station_id"], name=op.f("fk_degraded_modes_station_id")
        ),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_degraded_modes")),
    )
    op.create_table(
        "blocked_media",
        sa.Column("token", sa.LargeBinary(length=16), nullable=False),
        sa.Column("medium_type", sa.String(length=32), nullable=False),
        sa.Column(
            "masked",
            sa.String(length=64),
            nullable=True,
            comment="null where only the token was told",
        ),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("blocked_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("token", name=op.f("pk_blocked_media")),
        comment="media that may not enter",
    )
    op.create_table(
        "clock_skews",
        sa.Column("gate", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("measured_at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column(
            "skew_ms",
            sa.BigInteger(),
            nullable=False,
            comment="the gate's clock minus the engine's",
        ),
        sa.ForeignKeyConstraint(["gate"], ["gates.number"], name=op.f("fk_clock_skews_gate")),
        sa.PrimaryKeyConstraint("gate", "measured_at", name=op.f("pk_clock_skews")),
        comment="how far clocks of gates were off; changes alone",
    )
