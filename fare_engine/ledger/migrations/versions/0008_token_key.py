"""The fingerprint of the token key; null while a ledger does not know its key."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "configuration",
        sa.Column(
            "token_key",
            sa.LargeBinary(length=16),
            nullable=True,
            comment="a keyed hash that tells the token key",
        ),
    )
