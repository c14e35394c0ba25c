"""The tables. `taps` is the ledger itself: append-only, one row a tap, with its decision.

Times are whole milliseconds since 1970 (UTC), money is integer fen, codes are the small integers
of `Reason`, `Closing`, `Direction` and the numbers of the catalogue.
"""

from typing import Final

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Float,
    ForeignKey,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

RowNumber = BigInteger().with_variant(Integer, "sqlite")
"""SQLite keeps a row under its integer primary key only when the type is plain INTEGER."""

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

settlements = Table(
    "settlements",
    metadata,
    Column("settlement", Integer, primary_key=True),
    Column("service_date", String(10), nullable=False),
    Column("begun_at", BigInteger, nullable=False),
    Column("actor", String(100), nullable=False),
    Column("tokens", Integer, comment="how many were looked at; null while it runs"),
    Column("ended_at", BigInteger, comment="null: it runs, or was broken off"),
    comment="runs of settlement; what a broken one issued stands, the next one issues the rest",
)

adjustments = Table(
    "adjustments",
    metadata,
    Column("adjustment", RowNumber, primary_key=True),
    Column("settlement", Integer, ForeignKey("settlements.settlement"), nullable=False, index=True),
    Column("row", RowNumber, ForeignKey("taps.row"), nullable=False, index=True),
    Column("token", LargeBinary(16), nullable=False),
    Column("kind", SmallInteger, nullable=False, comment="see fare_engine.settlement.adjustments"),
    Column("fare", Integer, nullable=False, comment="owed by the passenger; negative: back to her"),
    Column("collected", Integer, nullable=False, comment="what the gate took"),
    Column("due", Integer, nullable=False, comment="what the rule says"),
    Column("why", SmallInteger, nullable=False),
    Column("reason", SmallInteger, nullable=False, comment="what the tap was decided again to be"),
    Column("entry_row", RowNumber, comment="the journey it found then"),
    Column("nth", Integer, nullable=False, comment="how many were issued for it before"),
    Column(
        "held",
        SmallInteger,
        nullable=False,
        server_default="0",
        index=True,
        comment="1: it counts once a person has released it",
    ),
    UniqueConstraint("row", "kind", "nth"),
    comment="append-only; all of a row and kind add up to due less collected",
)

adjustment_reviews = Table(
    "adjustment_reviews",
    metadata,
    Column(
        "adjustment",
        RowNumber,
        ForeignKey("adjustments.adjustment"),
        primary_key=True,
        autoincrement=False,
    ),
    Column("released", SmallInteger, nullable=False, comment="1 released, 0 refused"),
    Column("reason", Text, nullable=False),
    Column("actor", String(100), nullable=False),
    Column("reviewed_at", BigInteger, nullable=False),
    comment="what a person said of an adjustment that was held; once each, never changed",
)

repairs = Table(
    "repairs",
    metadata,
    Column("row", RowNumber, ForeignKey("quarantine.row"), primary_key=True, autoincrement=False),
    Column("settlement", Integer, ForeignKey("settlements.settlement"), nullable=False),
    Column("station_id", String(16), ForeignKey("stations.station_id"), nullable=False),
    Column("policy_version", Integer),
    Column("suspended", SmallInteger, nullable=False),
    Column("tariff_version", Integer, nullable=False),
    Column("modes", SmallInteger, nullable=False, comment="degraded modes at the tap"),
    comment="taps that left the quarantine, with the versions that were pinned then",
)

clock_corrections = Table(
    "clock_corrections",
    metadata,
    Column("row", RowNumber, ForeignKey("taps.row"), primary_key=True, autoincrement=False),
    Column("settlement", Integer, ForeignKey("settlements.settlement"), nullable=False),
    Column("skew_ms", BigInteger, nullable=False, comment="what settlement takes off occurred_at"),
    Column("station_id", String(16), ForeignKey("stations.station_id"), nullable=False),
    Column("policy_version", Integer),
    Column("suspended", SmallInteger, nullable=False),
    Column("tariff_version", Integer, nullable=False),
    Column("modes", SmallInteger, nullable=False, comment="degraded modes at the corrected time"),
    comment="taps of wrong clocks, with the skew and the versions pinned when settled first",
)

configuration = Table(
    "configuration",
    metadata,
    Column("version", BigInteger, primary_key=True, autoincrement=False),
    Column("token_key", LargeBinary(16), comment="a keyed hash that tells the token key"),
    comment="one row: the version of all that operators publish; every change raises it",
)

stations = Table(
    "stations",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("station_id", String(16), nullable=False, unique=True),
    Column("name_zh", String(64), nullable=False),
    Column("name_en", String(64), nullable=False),
    Column("latitude", Float),
    Column("longitude", Float),
)

networks = Table(
    "networks",
    metadata,
    Column("network_id", String(32), primary_key=True),
    Column("name_zh", String(64), nullable=False),
    Column("name_en", String(64), nullable=False),
    Column("time_zone", String(64), nullable=False),
    Column("currency", String(3), nullable=False),
)

lines = Table(
    "lines",
    metadata,
    Column("position", Integer, primary_key=True),
    Column("line_id", String(16), nullable=False, unique=True),
    Column("name_zh", String(64), nullable=False),
    Column("name_en", String(64), nullable=False),
    Column("colour", String(9), nullable=False),
)

segments = Table(
    "segments",
    metadata,
    Column("position", Integer, primary_key=True),
    Column("line_id", String(16), ForeignKey("lines.line_id"), nullable=False),
    Column("from_station_id", String(16), ForeignKey("stations.station_id"), nullable=False),
    Column("to_station_id", String(16), ForeignKey("stations.station_id"), nullable=False),
    Column("distance_m", Integer, nullable=False),
)

exits = Table(
    "exits",
    metadata,
    Column("station_id", String(16), ForeignKey("stations.station_id"), primary_key=True),
    Column("exit_id", String(16), primary_key=True),
    Column("name_zh", String(64), nullable=False),
    Column("name_en", String(64), nullable=False),
)

gates = Table(
    "gates",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("gate_id", String(64), nullable=False, unique=True),
    Column("station_id", String(16), ForeignKey("stations.station_id"), nullable=False),
    Column("exit_id", String(16)),
    Column("directions", SmallInteger, nullable=False, comment="1 entry, 2 exit, 3 both"),
    Column("controller", String(64)),
    comment="as they were registered; where they stood later says gate_placements",
)

gate_placements = Table(
    "gate_placements",
    metadata,
    Column("placement", Integer, primary_key=True),
    Column("gate", Integer, ForeignKey("gates.number"), nullable=False, index=True),
    Column("effective_from", BigInteger, comment="null: from the beginning"),
    Column("station_id", String(16), ForeignKey("stations.station_id"), nullable=False),
    Column("exit_id", String(16)),
    Column("directions", SmallInteger, nullable=False, comment="0: taken down"),
    Column("controller", String(64)),
    comment="where gates stood; of two that begin together the later row counts; never edited",
)

media_types = Table(
    "media_types",
    metadata,
    Column("number", SmallInteger, primary_key=True, autoincrement=True),
    Column("code", String(32), nullable=False, unique=True),
    Column("name_zh", String(64), nullable=False),
    Column("name_en", String(64), nullable=False),
    Column("id_pattern", String(200), nullable=False),
)

policies = Table(
    "policies",
    metadata,
    Column("station_id", String(16), ForeignKey("stations.station_id"), primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("window_ms", Integer, nullable=False),
    Column("media", JSON, nullable=False),
    Column("designated_gates", JSON, nullable=False),
    Column("daily_limit", Integer),
    Column("effective_from", BigInteger, nullable=False),
    Column("effective_to", BigInteger),
    Column("note", Text, nullable=False),
    Column("published_at", BigInteger, nullable=False),
    comment="versions are never edited",
)

suspensions = Table(
    "suspensions",
    metadata,
    Column("suspension", Integer, primary_key=True),
    Column("station_id", String(16), ForeignKey("stations.station_id"), nullable=False),
    Column("suspended_at", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),
    Column("resumed_at", BigInteger),
)

degraded_modes = Table(
    "degraded_modes",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("station_id", String(16), ForeignKey("stations.station_id"), nullable=False),
    Column("mode", SmallInteger, nullable=False, comment="see fare_engine.modes"),
    Column("effective_from", BigInteger, nullable=False),
    Column("effective_to", BigInteger),
    Column("reason", Text, nullable=False),
)

blocked_media = Table(
    "blocked_media",
    metadata,
    Column("token", LargeBinary(16), primary_key=True),
    Column("medium_type", String(32), nullable=False),
    Column("masked", String(64), comment="null where only the token was told"),
    Column("reason", Text, nullable=False),
    Column("blocked_at", BigInteger, nullable=False),
    comment="media that may not enter",
)

clock_skews = Table(
    "clock_skews",
    metadata,
    Column("gate", Integer, ForeignKey("gates.number"), primary_key=True, autoincrement=False),
    Column("measured_at", BigInteger, primary_key=True, autoincrement=False),
    Column("skew_ms", BigInteger, nullable=False, comment="the gate's clock minus the engine's"),
    comment="how far clocks of gates were off; changes alone",
)

tariffs = Table(
    "tariffs",
    metadata,
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("effective_from", BigInteger, nullable=False),
    Column("effective_to", BigInteger),
    Column("rules", JSON, nullable=False, comment="see fare_engine.ledger.stores.tariff_document"),
    Column("fare_table", LargeBinary, comment="a large table; null: it stands in the rules"),
    Column("published_at", BigInteger, nullable=False),
    comment="versions are never edited",
)

issuer_keys = Table(
    "issuer_keys",
    metadata,
    Column("issuer_id", String(16), primary_key=True),
    Column("key_id", String(16), primary_key=True),
    Column("algorithm", String(16), nullable=False),
    Column("public_key", LargeBinary, nullable=False),
    Column("valid_from", BigInteger, nullable=False, comment="of the codes it signs"),
    Column("valid_to", BigInteger),
    Column("added_at", BigInteger, nullable=False),
    comment="public keys of issuers of ride codes; never removed",
)

keys = Table(
    "keys",
    metadata,
    Column("key_id", String(16), primary_key=True),
    Column("kind", String(16), nullable=False, comment="gate or admin"),
    Column("name", String(100), nullable=False),
    Column("sha256", LargeBinary(32), nullable=False, unique=True),
    Column("stations", JSON, comment="the stations a gate key speaks for"),
    Column("created_at", BigInteger, nullable=False),
    Column("revoked_at", BigInteger),
)

audit = Table(
    "audit",
    metadata,
    Column("entry", RowNumber, primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("actor", String(100), nullable=False, comment="a key's id, or the command line"),
    Column("action", String(40), nullable=False),
    Column("subject", String(100), nullable=False),
    Column("before", JSON),
    Column("after", JSON),
    comment="who changed what, when, from what to what",
)

EMBEDDED: Final = (token_rows, ledger_marks)
"""Tables of the embedded ledger's own index, which no other database has."""


def list_tables(dialect: str) -> list[Table]:
    """The tables that a database of this kind has, those that others point to first."""
    left_out = () if dialect == "sqlite" else EMBEDDED
    return [table for table in metadata.sorted_tables if table not in left_out]
