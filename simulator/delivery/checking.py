"""What the taps of a world came to, by intention, each held against what it must come to."""

from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from fare_engine.decision import Outcome, Reason
from simulator.world.intentions import INTENTIONS
from simulator.world.plan import BLOCKED
from simulator.world.presenting import Presenter
from simulator.world.world import WorldTap

EXAMPLES_MAX: Final = 20
"""Faults kept as examples; all are counted."""

STAYS_SHUT: Final = frozenset(
    {Reason.NO_OPEN_ENTRY.code, Reason.ENTRY_EXPIRED.code, Reason.MEDIUM_BLOCKED.code}
)
_CODES: Final = {int(reason): reason.code for reason in Reason}


class Answer(msgspec.Struct):
    """An answer to a tap as far as it is looked at; `problem` in its place within a batch."""

    outcome: str = ""
    reason: str = ""
    gate_action: str = ""
    fare: int = 0
    fare_waived: int = 0
    problem: dict[str, Any] | None = None


class Faults:
    """Things that went wrong: all counted, the first kept as examples."""

    def __init__(self) -> None:
        self.count = 0
        self.examples: list[str] = []

    def add(self, message: str) -> None:
        """One more."""
        self.count += 1
        if len(self.examples) < EXAMPLES_MAX:
            self.examples.append(message)

    def document(self) -> dict[str, Any]:
        """As reports have it."""
        return {"count": self.count, "examples": self.examples}


class Check:
    """Counts answers, and finds those that are wrong.

    An answer is only called wrong where the rule leaves no choice. `blocks` says whether the
    engine knows the block list: where it does not, taps of blocked media may come to anything.
    """

    def __init__(self, presenter: Presenter, *, blocks: bool) -> None:
        self._presenter = presenter
        self._blocks = blocks
        self.reasons: Counter[tuple[int, str, str]] = Counter()
        self.certain: Counter[int] = Counter()
        self.wrong_by_kind: Counter[int] = Counter()
        self.wrong = Faults()
        self.fare = 0
        self.fare_waived = 0
        self.again = 0

    @property
    def taps(self) -> int:
        """Taps that were decided."""
        return self.reasons.total()

    def take(self, tap: WorldTap, answer: Answer) -> None:
        """Count one decision."""
        kind = tap.kind
        self.reasons[kind, answer.outcome, answer.reason] += 1
        self.fare += answer.fare
        self.fare_waived += answer.fare_waived
        if not tap.expected or (tap.flags & BLOCKED and not self._blocks):
            return
        self.certain[kind] += 1
        faults = list(_list_faults(_CODES[tap.expected], answer))
        if faults:
            self.wrong_by_kind[kind] += 1
            tap_id = self._presenter.tap_id(tap)
            self.wrong.add(f"{tap_id} ({INTENTIONS[kind].name}): {'; '.join(faults)}")

    def take_again(self, tap: WorldTap, same: bool) -> None:
        """Count the answer to a tap that was sent again, or to the report of its gate."""
        self.again += 1
        if not same:
            self.wrong.add(f"{self._presenter.tap_id(tap)}: sent again, it is answered otherwise")

    def list_outcomes(self) -> list[dict[str, Any]]:
        """Taps by outcome and reason."""
        counts: Counter[tuple[str, str]] = Counter()
        for (_, outcome, reason), taps in self.reasons.items():
            counts[outcome, reason] += taps
        return [
            {"outcome": outcome, "reason": reason, "taps": taps}
            for (outcome, reason), taps in sorted(counts.items())
        ]

    def list_intentions(self) -> list[dict[str, Any]]:
        """How each kind of passenger fared."""
        rows = []
        for kind, intention in enumerate(INTENTIONS):
            reasons = {
                reason: taps for (of, _, reason), taps in sorted(self.reasons.items()) if of == kind
            }
            if reasons:
                wrong = self.wrong_by_kind[kind]
                rows.append(
                    {
                        "intention": intention.name,
                        "taps": sum(reasons.values()),
                        "as_intended": self.certain[kind] - wrong,
                        "wrong": wrong,
                        "reasons": reasons,
                    }
                )
        return rows


def _list_faults(expected: str, answer: Answer) -> Iterator[str]:
    """What is not as it must be: the reason, the gate, or the money."""
    reason, outcome = answer.reason, answer.outcome
    if reason != expected:
        yield f"answered {reason}, intended {expected}"
        return
    action = "refuse" if reason in STAYS_SHUT else "open"
    if answer.gate_action != action:
        yield f"{reason}, and the gate action is {answer.gate_action}"
    if (answer.fare > 0) != (outcome == Outcome.CHARGED.code):
        yield f"{outcome}, and {answer.fare} fen are taken"
    if (answer.fare_waived > 0) != (outcome == Outcome.WAIVED.code):
        yield f"{outcome}, and {answer.fare_waived} fen are waived"
