"""Where gates stood, with dates, and large fare tables beside the rules of their tariffs.

A gate that has no row in `gate_placements` never moved. Tables of before stay in `tariffs.rules`.
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "gate_placements",
        sa.Column("placement", sa.Integer(), nullable=False),
        sa.Column("gate", sa.Integer(), nullable=False),
        sa.Column(
            "effective_from", sa.BigInteger(), nullable=True, comment="null: from the beginning"
        ),
        sa.Column("station_id", sa.String(length=16), nullable=False),
        sa.Column("exit_id", sa.String(length=16), nullable=True),
        sa.Column("directions", sa.SmallInteger(), nullable=False, comment="0: taken down"),
        sa.Column("controller", sa.String(length=64), nullable=True),
        sa.ForeignKeyConstraint(["gate"], ["gates.number"], name=op.f("fk_gate_placements_gate")),
        sa.ForeignKeyConstraint(
            ["station_id"], ["stations.station_id"], name=op.f("fk_gate_placements_station_id")
        ),
        sa.PrimaryKeyConstraint("placement", name=op.f("pk_gate_placements")),
        comment="where gates stood; of two that begin together the later row counts; never edited",
    )
    op.create_index(op.f("ix_gate_placements_gate"), "gate_placements", ["gate"])
    op.add_column(
        "tariffs",
        sa.Column(
            "fare_table",
            sa.LargeBinary(),
            nullable=True,
            comment="a large table; null: it stands in the rules",
        ),
    )
