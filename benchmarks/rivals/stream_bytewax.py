"""Bytewax: a stream keyed by token, with the open entry as its state."""

import time
from collections.abc import Sequence

import bytewax.operators as op
from bytewax.dataflow import Dataflow
from bytewax.testing import TestingSink, TestingSource, run_main

from benchmarks.rivals.reference import Pair
from benchmarks.workload import Presented

_Value = tuple[str, bool]
_State = tuple[str | None, set[str]]


def pair(taps: Sequence[Presented]) -> tuple[list[Pair], float]:
    """The pairs, and the seconds from tuples in memory to tuples in memory."""
    given = [(tap.token.hex(), (tap.tap_id, tap.direction == "entry")) for tap in taps]
    taken: list[tuple[str, Pair]] = []
    flow = Dataflow("pairs")
    keyed = op.input("taps", flow, TestingSource(given, batch_size=1_000))
    paired = op.stateful_flat_map("pair", keyed, _step)
    op.output("pairs", paired, TestingSink(taken))
    begun = time.perf_counter()
    run_main(flow)
    seconds = time.perf_counter() - begun
    return [made for _, made in taken], seconds


def _step(state: _State | None, value: _Value) -> tuple[_State, list[Pair]]:
    """An exit takes the open entry; a tap_id of the token counts once."""
    entry, known = state or (None, set())
    tap_id, is_entry = value
    if tap_id in known:
        return (entry, known), []
    known.add(tap_id)
    if is_entry:
        return (tap_id, known), []
    return (None, known), [] if entry is None else [(entry, tap_id)]
