"""The ledger itself, `taps`, with what is looked up by it, reported and kept beside its rows."""

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    ForeignKey,
    Integer,
    LargeBinary,
    SmallInteger,
    String,
    Table,
    Text,
)

from fare_engine.ledger.schema.base import RowNumber, metadata

taps = Table(
    "taps",
    metadata,
    Column("row", RowNumber, primary_key=True, autoincrement=False),
    Column("tap_id", String(64), nullable=False),
    Column("token", LargeBinary(16), nullable=False),
    Column("number", Integer, comment="place in the token's chain; null where no state changed"),
    Column("previous_row", RowNumber, comment="the row that made the state it found; 0: blank"),
    Column("gate", Integer, comment="gates.number; null while the tap waits in quarantine"),
    Column("station", Integer, comment="stations.number at the tap"),
    Column("medium", SmallInteger, comment="media_types.number"),
    Column("direction", SmallInteger, nullable=False),
    Column("occurred_at", BigInteger, nullable=False, comment="the gate's clock"),
    Column("received_at", BigInteger, nullable=False, comment="the engine's clock"),
    Column("decided_at", BigInteger, nullable=False),
    Column("reason", SmallInteger, nullable=False),
    Column("flags", SmallInteger, nullable=False, comment="see fare_engine.ledger.rows"),
    Column("fare", Integer, nullable=False),
    Column("fare_waived", Integer, nullable=False),
    Column("conditions", SmallInteger, nullable=False),
    Column("closing", SmallInteger, nullable=False),
    Column("entry_row", RowNumber, comment="the journey found open, by the row of its entry"),
    Column("incomplete_fare", Integer, nullable=False),
    Column("policy_version", Integer),
    Column("tariff_version", Integer),
    Column("waivers", BigInteger, nullable=False, comment="packed counts after this tap"),
    Column("clock_ahead", Integer, nullable=False, comment="token clock minus occurred_at, ms"),
    Column("listed_fare", Integer, comment="of a recorded tap whose source lists a fare"),
    Column("modes", SmallInteger, comment="degraded modes at the tap, see fare_engine.modes"),
    comment="append-only; one row a tap",
)

tap_ids = Table(
    "tap_ids",
    metadata,
    Column("tap_id", String(64), primary_key=True),
    Column("row", RowNumber, nullable=False),
    comment="where a tap stands; in SQLite filled behind the ledger in sorted runs",
    sqlite_with_rowid=False,
)

token_rows = Table(
    "token_rows",
    metadata,
    Column("token", LargeBinary(16), primary_key=True),
    Column("number", Integer, primary_key=True, comment="0 where the tap changed no state"),
    Column("row", RowNumber, primary_key=True),
    comment="the taps of a token; filled behind the ledger in sorted runs",
    sqlite_with_rowid=False,
)

ledger_marks = Table(
    "ledger_marks",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("value", BigInteger, nullable=False),
    comment="how far the sorted runs have come",
)

reports = Table(
    "reports",
    metadata,
    Column("row", RowNumber, ForeignKey("taps.row"), primary_key=True, autoincrement=False),
    Column("gate_opened", SmallInteger, nullable=False),
    Column("fare_taken", Integer, nullable=False),
    Column("passed", SmallInteger, comment="null: the gate did not say"),
    Column("cause", String(200)),
    Column("reversed", SmallInteger, nullable=False, comment="the token went back to before it"),
    Column("received_at", BigInteger, nullable=False),
    Column("number", Integer, comment="place in the token's chain that going back took"),
    comment="what gates did, beside what the rule says; the first report counts",
)

conflicts = Table(
    "conflicts",
    metadata,
    Column("conflict", RowNumber, primary_key=True),
    Column("row", RowNumber, ForeignKey("taps.row"), index=True, comment="null: no such tap then"),
    Column("kind", String(16), nullable=False, comment="tap or report"),
    Column("content", JSON, nullable=False, comment="what came, with the token and no card"),
    Column("received_at", BigInteger, nullable=False),
    Column("tap_id", String(64), nullable=False, index=True),
    Column("sender", String(16), comment="keys.key_id of who sent it"),
    comment="a tap_id with other content or of another gate, or a second report",
)

conflict_days = Table(
    "conflict_days",
    metadata,
    Column("sender", String(16), primary_key=True, comment="keys.key_id; empty without a key"),
    Column("day", Integer, primary_key=True, autoincrement=False, comment="since 1970 in UTC"),
    Column("kept", Integer, nullable=False),
    Column("left_out", Integer, nullable=False, comment="above a limit: counted, content not kept"),
    comment="how many conflicts each key sent in a day",
)

ride_codes = Table(
    "ride_codes",
    metadata,
    Column("code_id", String(64), primary_key=True, comment="begins with the second of issue"),
    Column("row", RowNumber, ForeignKey("taps.row"), nullable=False),
    comment="which tap used a ride code first",
    sqlite_with_rowid=False,
)

quarantine = Table(
    "quarantine",
    metadata,
    Column("row", RowNumber, ForeignKey("taps.row"), primary_key=True, autoincrement=False),
    Column("problem", String(40), nullable=False),
    Column("detail", Text, nullable=False),
    Column("gate_id", String(64), nullable=False),
    Column("medium_type", String(32), nullable=False),
    Column("sender", String(16), comment="keys.key_id of who sent it"),
    comment="taps of gates that decided alone which the engine could not decide",
)
