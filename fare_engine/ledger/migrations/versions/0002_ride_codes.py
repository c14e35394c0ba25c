"""Issuers of ride codes, the codes that were used, and how long a code is good."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

VALIDITY_SECONDS = 30
"""Under every tariff published before there was a choice."""


def upgrade() -> None:
    op.create_table(
        "issuer_keys",
        sa.Column("issuer_id", sa.String(length=16), nullable=False),
        sa.Column("key_id", sa.String(length=16), nullable=False),
        sa.Column("algorithm", sa.String(length=16), nullable=False),
        sa.Column("public_key", sa.LargeBinary(), nullable=False),
        sa.Column("valid_from", sa.BigInteger(), nullable=False, comment="of the codes it signs"),
        sa.Column("valid_to", sa.BigInteger(), nullable=True),
        sa.Column("added_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("issuer_id", "key_id", name=op.f("pk_issuer_keys")),
        comment="public keys of issuers of ride codes; never removed",
    )
    op.create_table(
        "ride_codes",
        sa.Column(
            "code_id",
            sa.String(length=64),
            nullable=False,
            comment="begins with the second of issue",
        ),
        sa.Column("row", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(["row"], ["taps.row"], name=op.f("fk_ride_codes_row")),
        sa.PrimaryKeyConstraint("code_id", name=op.f("pk_ride_codes")),
        comment="which tap used a ride code first",
        sqlite_with_rowid=False,
    )
    _write_validity()


def _write_validity() -> None:
    """Write into every tariff what was so until now: no later default changes history."""
    tariffs = sa.table("tariffs", sa.column("version"), sa.column("rules", sa.JSON))
    connection = op.get_bind()
    for version, rules in connection.execute(sa.select(tariffs.c.version, tariffs.c.rules)).all():
        written = {**rules, "ride_code_validity_seconds": VALIDITY_SECONDS}
        update = tariffs.update().where(tariffs.c.version == version)
        connection.execute(update.values(rules=written))
