"""What the taps of a morning came to: counted, timed, and held against the intentions."""

from collections import Counter, deque
from collections.abc import Iterator
from typing import Any, Final

from simulator.crowd import SimulatedTap
from simulator.metro import Metro

LATENCIES_MAX: Final = 10_000
"""Answers whose times are remembered, the latest: a run goes on for days."""

STAYS_SHUT: Final = "no_open_entry"


class Tally:
    """Answers so far. What grows with them (all lists and `examples`) is cleared by a run."""

    def __init__(self, metro: Metro) -> None:
        self._metro = metro
        self.outcomes: Counter[tuple[str, str]] = Counter()
        self.latencies_ms: deque[float] = deque(maxlen=LATENCIES_MAX)
        self.fare = 0
        self.fare_waived = 0
        self.resent = 0
        self.reports = 0
        self.known = 0
        self.elapsed_ms: list[int] = []
        self.unexpected: list[str] = []
        self.examples: dict[str, str] = {}
        self.exceeded: tuple[int, str] | None = None

    @property
    def taps(self) -> int:
        """Taps decided."""
        return self.outcomes.total()

    def count_outcomes(self) -> dict[str, int]:
        """Taps by outcome."""
        counts = dict.fromkeys(("entered", "waived", "charged", "unmatched"), 0)
        for (outcome, _), taps in self.outcomes.items():
            counts[outcome] = counts.get(outcome, 0) + taps
        return counts

    def latency_ms(self, share: float) -> float:
        """A quantile of the answers' times, as the gates measured them."""
        ordered = sorted(self.latencies_ms)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0

    def take(self, tap: SimulatedTap, decision: dict[str, Any]) -> None:
        """Count one decision, and keep what is not as the passenger intended."""
        outcome, reason = decision["outcome"], decision["reason"]
        self.outcomes[outcome, reason] += 1
        self.fare += decision["fare"]
        self.fare_waived += decision["fare_waived"]
        self.unexpected += _list_faults(tap, decision)
        journey = decision["journey"]
        if journey is not None and journey["elapsed_ms"] is not None:
            elapsed_ms: int = journey["elapsed_ms"]
            if journey["entry_station"] == journey["exit_station"]:
                self.elapsed_ms.append(elapsed_ms)
            if reason == "window_exceeded":
                exceeded = (elapsed_ms, tap.body["tap_id"])
                self.exceeded = min(self.exceeded or exceeded, exceeded)
        if outcome != "entered":
            self.examples[reason] = self._tell(tap, decision)

    def _tell(self, tap: SimulatedTap, decision: dict[str, Any]) -> str:
        """What became of a passenger, in a sentence."""
        metro, gate_id, journey = self._metro, tap.body["gate_id"], decision["journey"]
        leaving = metro.tell_gate(gate_id)
        if journey is None:
            did = "opens" if decision["gate_action"] == "open" else "stays shut"
            at, place = tap.body["occurred_at"][11:19], metro.name_of(gate_id)
            return f"{at} {place} {leaving}: {decision['reason']}, the gate {did}"
        entered_by = journey["entry_tap_id"].partition(".")[0]
        if metro.station_of[entered_by] != metro.station_of[gate_id]:
            leaving = f"{metro.name_of(gate_id)} {leaving}"
        minutes, ms = divmod(journey["elapsed_ms"], 60_000)
        what = f"charged {decision['fare'] / 100:.2f} CNY ({decision['reason']})"
        if decision["outcome"] == "waived":
            what = f"waived {decision['fare_waived'] / 100:.2f} CNY"
        return (
            f"{journey['entered_at'][11:19]} {metro.name_of(entered_by)} "
            f"{metro.tell_gate(entered_by)} → {leaving}, "
            f"{minutes} min {ms // 1_000} s: {what}"
        )


def _list_faults(tap: SimulatedTap, decision: dict[str, Any]) -> Iterator[str]:
    """What is not as it should be: the reason, the gate, or the money."""
    outcome, reason, expected = decision["outcome"], decision["reason"], tap.step.expected
    tap_id = tap.body["tap_id"]
    if reason != expected:
        yield f"{tap_id}: answered {reason}, intended {expected}"
        return
    action = "refuse" if expected == STAYS_SHUT else "open"
    if decision["gate_action"] != action:
        yield f"{tap_id}: {reason}, and the gate is told to {decision['gate_action']}"
    if (decision["fare"] > 0) != (outcome == "charged"):
        yield f"{tap_id}: {outcome}, and {decision['fare']} fen are taken"
    if (decision["fare_waived"] > 0) != (outcome == "waived"):
        yield f"{tap_id}: {outcome}, and {decision['fare_waived']} fen are waived"
