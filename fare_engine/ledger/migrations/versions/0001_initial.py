"""The ledger, the catalogue, keys and the audit."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "audit",
        sa.Column("entry", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column(
            "actor",
            sa.String(length=100),
            nullable=False,
            comment="a key's id, or the command line",
        ),
        sa.Column("action", sa.String(length=40), nullable=False),
        sa.Column("subject", sa.String(length=100), nullable=False),
        sa.Column("before", sa.JSON(), nullable=True),
        sa.Column("after", sa.JSON(), nullable=True),
        sa.PrimaryKeyConstraint("entry", name=op.f("pk_audit")),
        comment="who changed what, when, from what to what",
    )
    op.create_table(
        "keys",
        sa.Column("key_id", sa.String(length=16), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False, comment="gate or admin"),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("sha256", sa.LargeBinary(length=32), nullable=False),
        sa.Column(
            "stations", sa.JSON(), nullable=True, comment="the stations a gate key speaks for"
        ),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("key_id", name=op.f("pk_keys")),
        sa.UniqueConstraint("sha256", name=op.f("uq_keys_sha256")),
    )
    op.create_table(
        "ledger_marks",
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_ledger_marks")),
        comment="how far the sorted runs have come",
    )
    op.create_table(
        "lines",
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("line_id", sa.String(length=16), nullable=False),
        sa.Column("name_zh", sa.String(length=64), nullable=False),
        sa.Column("name_en", sa.String(length=64), nullable=False),
        sa.Column("colour", sa.String(length=9), nullable=False),
        sa.PrimaryKeyConstraint("position", name=op.f("pk_lines")),
        sa.UniqueConstraint("line_id", name=op.f("uq_lines_line_id")),
    )
    op.create_table(
        "media_types",
        sa.Column("number", sa.SmallInteger(), autoincrement=True, nullable=False),
        sa.Column("code", sa.String(length=32), nullable=False),
        sa.Column("name_zh", sa.String(length=64), nullable=False),
        sa.Column("name_en", sa.String(length=64), nullable=False),
        sa.Column("id_pattern", sa.String(length=200), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_media_types")),
        sa.UniqueConstraint("code", name=op.f("uq_media_types_code")),
    )
    op.create_table(
        "networks",
        sa.Column("network_id", sa.String(length=32), nullable=False),
        sa.Column("name_zh", sa.String(length=64), nullable=False),
        sa.Column("name_en", sa.String(length=64), nullable=False),
        sa.Column("time_zone", sa.String(length=64), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.PrimaryKeyConstraint("network_id", name=op.f("pk_networks")),
    )
    op.create_table(
        "stations",
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("station_id", sa.String(length=16), nullable=False),
        sa.Column("name_zh", sa.String(length=64), nullable=False),
        sa.Column("name_en", sa.String(length=64), nullable=False),
        sa.Column("latitude", sa.Float(), nullable=True),
        sa.Column("longitude", sa.Float(), nullable=True),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_stations")),
        sa.UniqueConstraint("station_id", name=op.f("uq_stations_station_id")),
    )
    op.create_table(
        "tap_ids",
        sa.Column("tap_id", sa.String(length=64), nullable=False),
        sa.Column("row", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.PrimaryKeyConstraint("tap_id", name=op.f("pk_tap_ids")),
        comment="where a tap stands; filled behind the ledger in sorted runs",
        sqlite_with_rowid=False,
    )
    op.create_table(
        "taps",
        sa.Column(
            "row",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("tap_id", sa.String(length=64), nullable=False),
        sa.Column("token", sa.LargeBinary(length=16), nullable=False),
        sa.Column(
            "number",
            sa.Integer(),
            nullable=True,
            comment="place in the token's chain; null where no state changed",
        ),
        sa.Column(
            "previous_row",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            nullable=True,
            comment="the row that made the state this tap found",
        ),
        sa.Column(
            "gate",
            sa.Integer(),
            nullable=True,
            comment="gates.number; null while the tap waits in quarantine",
        ),
        sa.Column("station", sa.Integer(), nullable=True, comment="stations.number at the tap"),
        sa.Column("medium", sa.SmallInteger(), nullable=True, comment="media_types.number"),
        sa.Column("direction", sa.SmallInteger(), nullable=False),
        sa.Column("occurred_at", sa.BigInteger(), nullable=False, comment="the gate's clock"),
        sa.Column("received_at", sa.BigInteger(), nullable=False, comment="the engine's clock"),
        sa.Column("decided_at", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.SmallInteger(), nullable=False),
        sa.Column(
            "flags", sa.SmallInteger(), nullable=False, comment="see fare_engine.ledger.rows"
        ),
        sa.Column("fare", sa.Integer(), nullable=False),
        sa.Column("fare_waived", sa.Integer(), nullable=False),
        sa.Column("conditions", sa.SmallInteger(), nullable=False),
        sa.Column("closing", sa.SmallInteger(), nullable=False),
        sa.Column(
            "entry_row",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            nullable=True,
            comment="the journey found open, by the row of its entry",
        ),
        sa.Column("incomplete_fare", sa.Integer(), nullable=False),
        sa.Column("policy_version", sa.Integer(), nullable=True),
        sa.Column("tariff_version", sa.Integer(), nullable=True),
        sa.Column(
            "waivers", sa.BigInteger(), nullable=False, comment="packed counts after this tap"
        ),
        sa.Column(
            "clock_ahead", sa.Integer(), nullable=False, comment="token clock minus occurred_at, ms"
        ),
        sa.Column(
            "listed_fare",
            sa.Integer(),
            nullable=True,
            comment="of a recorded tap whose source lists a fare",
        ),
        sa.PrimaryKeyConstraint("row", name=op.f("pk_taps")),
        comment="append-only; one row a tap",
    )
    op.create_table(
        "tariffs",
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("effective_from", sa.BigInteger(), nullable=False),
        sa.Column("effective_to", sa.BigInteger(), nullable=True),
        sa.Column(
            "rules",
            sa.JSON(),
            nullable=False,
            comment="see fare_engine.ledger.stores.tariff_document",
        ),
        sa.Column("published_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("version", name=op.f("pk_tariffs")),
        comment="versions are never edited",
    )
    op.create_table(
        "token_rows",
        sa.Column("token", sa.LargeBinary(length=16), nullable=False),
        sa.Column(
            "number", sa.Integer(), nullable=False, comment="0 where the tap changed no state"
        ),
        sa.Column("row", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.PrimaryKeyConstraint("token", "number", "row", name=op.f("pk_token_rows")),
        comment="the taps of a token; filled behind the ledger in sorted runs",
        sqlite_with_rowid=False,
    )
    op.create_table(
        "conflicts",
        sa.Column("conflict", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("row", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False, comment="tap or report"),
        sa.Column(
            "content", sa.JSON(), nullable=False, comment="what came, with the token and no card"
        ),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["row"], ["taps.row"], name=op.f("fk_conflicts_row")),
        sa.PrimaryKeyConstraint("conflict", name=op.f("pk_conflicts")),
        comment="a known tap_id with other content, or a second report",
    )
    op.create_index(op.f("ix_conflicts_row"), "conflicts", ["row"], unique=False)
    op.create_table(
        "exits",
        sa.Column("station_id", sa.String(length=16), nullable=False),
        sa.Column("exit_id", sa.String(length=16), nullable=False),
        sa.Column("name_zh", sa.String(length=64), nullable=False),
        sa.Column("name_en", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(
            ["station_id"], ["stations.station_id"], name=op.f("fk_exits_station_id")
        ),
        sa.PrimaryKeyConstraint("station_id", "exit_id", name=op.f("pk_exits")),
    )
    op.create_table(
        "gates",
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("gate_id", sa.String(length=64), nullable=False),
        sa.Column("station_id", sa.String(length=16), nullable=False),
        sa.Column("exit_id", sa.String(length=16), nullable=True),
        sa.Column(
            "directions", sa.SmallInteger(), nullable=False, comment="1 entry, 2 exit, 3 both"
        ),
        sa.Column("controller", sa.String(length=64), nullable=True),
        sa.ForeignKeyConstraint(
            ["station_id"], ["stations.station_id"], name=op.f("fk_gates_station_id")
        ),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_gates")),
        sa.UniqueConstraint("gate_id", name=op.f("uq_gates_gate_id")),
    )
    op.create_table(
        "policies",
        sa.Column("station_id", sa.String(length=16), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("window_ms", sa.Integer(), nullable=False),
        sa.Column("media", sa.JSON(), nullable=False),
        sa.Column("designated_gates", sa.JSON(), nullable=False),
        sa.Column("daily_limit", sa.Integer(), nullable=True),
        sa.Column("effective_from", sa.BigInteger(), nullable=False),
        sa.Column("effective_to", sa.BigInteger(), nullable=True),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("published_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["station_id"], ["stations.station_id"], name=op.f("fk_policies_station_id")
        ),
        sa.PrimaryKeyConstraint("station_id", "version", name=op.f("pk_policies")),
        comment="versions are never edited",
    )
    op.create_table(
        "quarantine",
        sa.Column(
            "row",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("problem", sa.String(length=40), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("gate_id", sa.String(length=64), nullable=False),
        sa.Column("medium_type", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(["row"], ["taps.row"], name=op.f("fk_quarantine_row")),
        sa.PrimaryKeyConstraint("row", name=op.f("pk_quarantine")),
        comment="taps of gates that decided alone which the engine could not decide",
    )
    op.create_table(
        "reports",
        sa.Column(
            "row",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("gate_opened", sa.SmallInteger(), nullable=False),
        sa.Column("fare_taken", sa.Integer(), nullable=False),
        sa.Column("passed", sa.SmallInteger(), nullable=True, comment="null: the gate did not say"),
        sa.Column("cause", sa.String(length=200), nullable=True),
        sa.Column(
            "reversed",
            sa.SmallInteger(),
            nullable=False,
            comment="the token went back to before it",
        ),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["row"], ["taps.row"], name=op.f("fk_reports_row")),
        sa.PrimaryKeyConstraint("row", name=op.f("pk_reports")),
        comment="what gates did, beside what the rule says; the first report counts",
    )
    op.create_table(
        "segments",
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("line_id", sa.String(length=16), nullable=False),
        sa.Column("from_station_id", sa.String(length=16), nullable=False),
        sa.Column("to_station_id", sa.String(length=16), nullable=False),
        sa.Column("distance_m", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["from_station_id"], ["stations.station_id"], name=op.f("fk_segments_from_station_id")
        ),
        sa.ForeignKeyConstraint(["line_id"], ["lines.line_id"], name=op.f("fk_segments_line_id")),
        sa.ForeignKeyConstraint(
            ["to_station_id"], ["stations.station_id"], name=op.f("fk_segments_to_station_id")
        ),
        sa.PrimaryKeyConstraint("position", name=op.f("pk_segments")),
    )
    op.create_table(
        "suspensions",
        sa.Column("suspension", sa.Integer(), nullable=False),
        sa.Column("station_id", sa.String(length=16), nullable=False),
        sa.Column("suspended_at", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("resumed_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["station_id"], ["stations.station_id"], name=op.f("fk_suspensions_station_id")
        ),
        sa.PrimaryKeyConstraint("suspension", name=op.f("pk_suspensions")),
    )
