"""Which entry belongs to which exit: what `matching.decide` says, and nothing else."""

from collections.abc import Iterable, Sequence

from benchmarks.decide import make_catalogue
from benchmarks.metro import as_tap
from benchmarks.workload import Presented
from fare_engine.decision import Closing, Reason
from fare_engine.journey import BLANK, TokenState
from fare_engine.matching import decide
from fare_engine.tap import Tap

Pair = tuple[str, str]
"""The tap_ids of an entry and of the exit that consumed it."""


class Rule:
    """The pairs of the rule over taps in the order of their arrival, each tap_id counted once."""

    def __init__(self, taps: Iterable[Presented]) -> None:
        self._catalogue = make_catalogue()
        first: dict[str, Tap] = {}
        for tap in taps:
            if tap.tap_id not in first:
                first[tap.tap_id] = as_tap(tap)
        self._taps = list(first.values())
        self.live, self._late = self._pair(self._taps)

    def settled(self) -> set[Pair]:
        """The pairs once late taps stand in their place, as settlement puts them there."""
        chains: dict[bytes, list[Tap]] = {}
        for tap in self._taps:
            if tap.tap_id not in self._late:
                chains.setdefault(tap.token, []).append(tap)
        for tap in sorted(self._late.values(), key=lambda late: (late.occurred_at_ms, late.tap_id)):
            chain = chains.setdefault(tap.token, [])
            later = (
                place
                for place, other in enumerate(chain)
                if other.occurred_at_ms > tap.occurred_at_ms
            )
            chain.insert(next(later, len(chain)), tap)
        return self._pair([tap for chain in chains.values() for tap in chain])[0]

    def _pair(self, taps: Sequence[Tap]) -> tuple[set[Pair], dict[str, Tap]]:
        gates, find_terms = self._catalogue.gates, self._catalogue.find_terms
        states: dict[bytes, TokenState] = {}
        pairs: set[Pair] = set()
        late: dict[str, Tap] = {}
        for row, tap in enumerate(taps, 1):
            gate = gates[tap.gate_id]
            terms = find_terms(gate.station_id, tap.occurred_at_ms)
            assert terms is not None
            before = states.get(tap.token, BLANK)
            decision, states[tap.token] = decide(before, tap, gate, terms, row)
            if decision.closing is Closing.CONSUMED and decision.entry is not None:
                pairs.add((decision.entry.tap_id, tap.tap_id))
            elif decision.reason is Reason.ARRIVED_OUT_OF_ORDER:
                late[tap.tap_id] = tap
        return pairs, late
