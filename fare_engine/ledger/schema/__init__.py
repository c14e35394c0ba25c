"""The tables, the same for every database. `taps` is the ledger itself: append-only.

Times are whole milliseconds since 1970 (UTC), money is integer fen, codes are the small integers
of `Reason`, `Closing`, `Direction` and the numbers of the catalogue.
"""

from fare_engine.ledger.schema.base import metadata
from fare_engine.ledger.schema.decisions import (
    conflict_days,
    conflicts,
    ledger_marks,
    quarantine,
    reports,
    ride_codes,
    tap_ids,
    taps,
    token_rows,
)
from fare_engine.ledger.schema.kinds import list_tables
from fare_engine.ledger.schema.published import (
    audit,
    blocked_media,
    clock_skews,
    configuration,
    degraded_modes,
    exits,
    gate_placements,
    gates,
    issuer_keys,
    keys,
    lines,
    media_types,
    networks,
    policies,
    segments,
    stations,
    suspensions,
    tariffs,
)
from fare_engine.ledger.schema.settlement import (
    adjustment_reviews,
    adjustments,
    clock_corrections,
    repairs,
    settlements,
)
from fare_engine.ledger.schema.shared import heartbeats

__all__ = [
    "adjustment_reviews",
    "adjustments",
    "audit",
    "blocked_media",
    "clock_corrections",
    "clock_skews",
    "configuration",
    "conflict_days",
    "conflicts",
    "degraded_modes",
    "exits",
    "gate_placements",
    "gates",
    "heartbeats",
    "issuer_keys",
    "keys",
    "ledger_marks",
    "lines",
    "list_tables",
    "media_types",
    "metadata",
    "networks",
    "policies",
    "quarantine",
    "repairs",
    "reports",
    "ride_codes",
    "segments",
    "settlements",
    "stations",
    "suspensions",
    "tap_ids",
    "taps",
    "tariffs",
    "token_rows",
]
