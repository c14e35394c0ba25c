"""DuckDB: all taps in a table, paired by one query; twice, since both ways are recommended."""

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import duckdb
import polars

from benchmarks.rivals.reference import Pair
from benchmarks.workload import Presented

_FIRST = (
    "SELECT tap_id, any_value(token) AS token, any_value(is_entry) AS is_entry,"
    " any_value(at_ms) AS at_ms FROM presented GROUP BY tap_id"
)
_ASOF = f"""
CREATE TABLE pairs AS
WITH taps AS MATERIALIZED ({_FIRST})
SELECT entry.tap_id AS entry_id, exit.tap_id AS exit_id
FROM (SELECT * FROM taps WHERE NOT is_entry) exit
ASOF JOIN (SELECT * FROM taps WHERE is_entry) entry
ON entry.token = exit.token AND exit.at_ms >= entry.at_ms
"""
_WINDOW = f"""
CREATE TABLE pairs AS
WITH taps AS ({_FIRST}),
neighbours AS (
    SELECT tap_id, is_entry, lag(tap_id) OVER chain AS before_id,
        lag(is_entry) OVER chain AS after_entry
    FROM taps WINDOW chain AS (PARTITION BY token ORDER BY at_ms, tap_id)
)
SELECT before_id AS entry_id, tap_id AS exit_id FROM neighbours WHERE NOT is_entry AND after_entry
"""


def pair_asof(taps: Sequence[Presented]) -> tuple[list[Pair], float]:
    """Each exit with the latest entry of its token that is not later."""
    return _pair(taps, _ASOF)


def pair_window(taps: Sequence[Presented]) -> tuple[list[Pair], float]:
    """Each exit with the tap before it, where that is an entry."""
    return _pair(taps, _WINDOW)


def _pair(taps: Sequence[Presented], query: str) -> tuple[list[Pair], float]:
    """The pairs, and the seconds from a table in memory to a table in memory."""
    frame = polars.DataFrame(
        {
            "tap_id": [tap.tap_id for tap in taps],
            "token": [tap.token for tap in taps],
            "is_entry": [tap.direction == "entry" for tap in taps],
            "at_ms": [tap.occurred_at_ms for tap in taps],
        }
    )
    with tempfile.TemporaryDirectory() as directory, duckdb.connect() as database:
        file = Path(directory) / "taps.parquet"
        frame.write_parquet(file)
        database.execute(f"CREATE TABLE presented AS SELECT * FROM read_parquet('{file}')")
        begun = time.perf_counter()
        database.execute(query)
        seconds = time.perf_counter() - begun
        return database.execute("SELECT entry_id, exit_id FROM pairs").fetchall(), seconds
