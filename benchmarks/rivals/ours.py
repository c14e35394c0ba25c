"""The engine itself on the same taps: the rule alone, and durable in batches of 1,000."""

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks import metro
from benchmarks.decide import make_catalogue
from benchmarks.rivals.reference import Pair
from benchmarks.workload import Presented
from fare_engine.batch import Result
from fare_engine.decision import Closing
from fare_engine.journey import BLANK, TokenState
from fare_engine.ledger.sqlite.place import EmbeddedPlace
from fare_engine.matching import decide
from fare_engine.opening import open_engine
from fare_engine.verdict import Verdict


def pair_in_process(presented: Sequence[Presented]) -> tuple[list[Pair], float]:
    """The pairs by the rule, and the seconds from values in memory to values in memory."""
    catalogue = make_catalogue()
    gates, find_terms = catalogue.gates, catalogue.find_terms
    taps = [metro.as_tap(tap) for tap in presented]
    states: dict[bytes, TokenState] = {}
    known: set[str] = set()
    pairs: list[Pair] = []
    begun = time.perf_counter()
    for row, tap in enumerate(taps, 1):
        if tap.tap_id in known:
            continue
        known.add(tap.tap_id)
        gate = gates[tap.gate_id]
        terms = find_terms(gate.station_id, tap.occurred_at_ms)
        assert terms is not None
        token = tap.token
        decision, states[token] = decide(states.get(token, BLANK), tap, gate, terms, row)
        if decision.closing is Closing.CONSUMED and decision.entry is not None:
            pairs.append((decision.entry.tap_id, tap.tap_id))
    return pairs, time.perf_counter() - begun


def pair_durably(presented: Sequence[Presented]) -> tuple[list[Pair], float]:
    """The pairs by the engine, and the seconds from values in memory to rows that are durable."""
    taps = [metro.as_tap(tap) for tap in presented]
    now_ms = max(tap.occurred_at_ms for tap in taps)
    results: list[Result] = []
    with tempfile.TemporaryDirectory(prefix="fare-rivals-") as directory:
        data_dir = Path(directory) / "data"
        metro.create(data_dir)
        kept = EmbeddedPlace(data_dir).open()
        with open_engine(kept.open_ledger, metro.load(data_dir)) as (engine, _):
            begun = time.perf_counter()
            for place in range(0, len(taps), 1_000):
                results += engine.process(taps[place : place + 1_000], now_ms)
            seconds = time.perf_counter() - begun
    return [made for result in results if (made := _pair_of(result)) is not None], seconds


def _pair_of(result: Result) -> Pair | None:
    if not isinstance(result, Verdict):
        raise result
    decision = result.decision
    if result.replayed or decision.closing is not Closing.CONSUMED or decision.entry is None:
        return None
    return decision.entry.tap_id, result.tap.tap_id
