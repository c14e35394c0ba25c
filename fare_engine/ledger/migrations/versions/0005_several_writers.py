"""What several writers need: a version of what is published, numbers of reversals, nth adjustments.

Reversals of before keep the number of their tap: `reports.number` is null for them.
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    configuration = op.create_table(
        "configuration",
        sa.Column("version", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("version", name=op.f("pk_configuration")),
        comment="one row: the version of all that operators publish; every change raises it",
    )
    op.bulk_insert(configuration, [{"version": 1}])
    op.add_column(
        "reports",
        sa.Column(
            "number",
            sa.Integer(),
            nullable=True,
            comment="place in the token's chain that going back took",
        ),
    )
    op.add_column(
        "quarantine",
        sa.Column(
            "sender", sa.String(length=16), nullable=True, comment="keys.key_id of who sent it"
        ),
    )
    with op.batch_alter_table("adjustments") as table:
        table.add_column(sa.Column("nth", sa.Integer(), nullable=True))
    op.execute(
        "UPDATE adjustments SET nth = (SELECT count(*) FROM adjustments AS before"
        ' WHERE before."row" = adjustments."row" AND before.kind = adjustments.kind'
        " AND before.adjustment < adjustments.adjustment)"
    )
    with op.batch_alter_table("adjustments") as table:
        table.alter_column(
            "nth",
            existing_type=sa.Integer(),
            nullable=False,
            comment="how many were issued for it before",
        )
        table.create_unique_constraint(op.f("uq_adjustments_row_kind_nth"), ["row", "kind", "nth"])
