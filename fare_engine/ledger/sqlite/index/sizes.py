"""How large the parts of the index are; tests make them small."""

from typing import Final, NamedTuple

RUN_ROWS: Final = 100_000
AT_ONCE_ROWS: Final = 20_000
DUE_RUNS: Final = 2
"""So many runs' rows without index entries come of a burst only, not of steady taps."""

BURST_RUNS: Final = 6
"""So many runs' rows may wait in memory; then bursts take index entries along like all commits."""


class IndexSizes(NamedTuple):
    """Sizes of an index.

    `run_rows`: so many rows in the memtable are flushed as one run.
    `burst_rows`: a commit of more rows belongs to a burst, which is over sooner without entries.
    `idle_rows`: a commit without taps merges as much as one of so many: a tap that comes meanwhile
    waits a millisecond.
    `at_once_rows`: so few rows are read at the start before anything else, in a few hundredths of a
    second; more are read in steps of `read_rows`.
    `prefixes_max`: prefixes whose highest tap_id is remembered: fifty days of 4,000 gates.
    `token_slots`: bytes of the token filter, a power of two. Two tokens may share a slot: then an
    unseen one is looked up in vain, one in seventy with a million tokens, one in seven with ten.
    `forget_rows`: rows whose entries one step of forgetting removes.
    """

    run_rows: int = RUN_ROWS
    burst_rows: int = 200
    idle_rows: int = 128
    at_once_rows: int = AT_ONCE_ROWS
    read_rows: int = 2_000
    prefixes_max: int = 200_000
    token_slots: int = 2**26
    forget_rows: int = 500


DEFAULT_SIZES: Final = IndexSizes()
