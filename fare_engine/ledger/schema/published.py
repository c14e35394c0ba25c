"""What operators publish and register, who may do so, and the audit of it."""

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Float,
    ForeignKey,
    Integer,
    LargeBinary,
    SmallInteger,
    String,
    Table,
    Text,
)

from fare_engine.ledger.schema.base import RowNumber, metadata

configuration = Table(
    "configuration",
    metadata,
    Column("version", BigInteger, primary_key=True, autoincrement=False),
    Column("token_key", LargeBinary(16), comment="a keyed hash of the token key"),
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
    Column("masked", String(64), comment="null where only the token is known"),
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
