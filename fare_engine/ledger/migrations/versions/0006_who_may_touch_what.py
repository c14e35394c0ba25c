"""Conflicts with their sender and without a tap; adjustments that are held for a person."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_ROW = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    _widen_conflicts()
    op.create_table(
        "conflict_days",
        sa.Column(
            "sender",
            sa.String(length=16),
            nullable=False,
            comment="keys.key_id; empty without a key",
        ),
        sa.Column(
            "day", sa.Integer(), autoincrement=False, nullable=False, comment="since 1970 in UTC"
        ),
        sa.Column("kept", sa.Integer(), nullable=False),
        sa.Column(
            "left_out",
            sa.Integer(),
            nullable=False,
            comment="above a limit: counted, content not kept",
        ),
        sa.PrimaryKeyConstraint("sender", "day", name=op.f("pk_conflict_days")),
        comment="how many conflicts each key sent in a day",
    )
    op.add_column(
        "adjustments",
        sa.Column(
            "held",
            sa.SmallInteger(),
            nullable=False,
            server_default="0",
            comment="1: it counts once a person has released it",
        ),
    )
    op.create_index(op.f("ix_adjustments_held"), "adjustments", ["held"])
    op.create_table(
        "adjustment_reviews",
        sa.Column("adjustment", _ROW, autoincrement=False, nullable=False),
        sa.Column("released", sa.SmallInteger(), nullable=False, comment="1 released, 0 refused"),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("actor", sa.String(length=100), nullable=False),
        sa.Column("reviewed_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["adjustment"],
            ["adjustments.adjustment"],
            name=op.f("fk_adjustment_reviews_adjustment"),
        ),
        sa.PrimaryKeyConstraint("adjustment", name=op.f("pk_adjustment_reviews")),
        comment="what a person said of an adjustment that was held; once each, never changed",
    )


def _widen_conflicts() -> None:
    with op.batch_alter_table("conflicts") as table:
        table.alter_column(
            "row", existing_type=_ROW, nullable=True, comment="null: no such tap then"
        )
        table.add_column(sa.Column("tap_id", sa.String(length=64), nullable=True))
        table.add_column(
            sa.Column(
                "sender", sa.String(length=16), nullable=True, comment="keys.key_id of who sent it"
            )
        )
    op.execute(
        'UPDATE conflicts SET tap_id = (SELECT tap_id FROM taps WHERE taps."row" = conflicts."row")'
    )
    with op.batch_alter_table("conflicts") as table:
        table.alter_column("tap_id", existing_type=sa.String(length=64), nullable=False)
    op.create_index(op.f("ix_conflicts_tap_id"), "conflicts", ["tap_id"])
