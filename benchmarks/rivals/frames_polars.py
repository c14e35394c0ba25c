"""Polars: all taps in a frame, exits joined with entries `join_asof`."""

import time
from collections.abc import Sequence

import polars

from benchmarks.rivals.reference import Pair
from benchmarks.workload import Presented


def pair(taps: Sequence[Presented]) -> tuple[list[Pair], float]:
    """The pairs, and the seconds from a frame in memory to a frame in memory."""
    presented = polars.DataFrame(
        {
            "tap_id": [tap.tap_id for tap in taps],
            "token": [tap.token for tap in taps],
            "is_entry": [tap.direction == "entry" for tap in taps],
            "at_ms": [tap.occurred_at_ms for tap in taps],
        }
    )
    begun = time.perf_counter()
    known = presented.lazy().unique("tap_id", keep="any").sort("at_ms")
    entries = known.filter("is_entry").rename({"tap_id": "entry_id"})
    exits = known.filter(~polars.col("is_entry")).rename({"tap_id": "exit_id"})
    joined = exits.join_asof(entries, on="at_ms", by="token", check_sortedness=False)
    pairs = joined.filter(polars.col("entry_id").is_not_null()).collect()
    seconds = time.perf_counter() - begun
    return pairs.select("entry_id", "exit_id").rows(), seconds
