"""What is wrong, by check: all of it counted, the first kept as examples."""

from collections import Counter
from typing import Any, Final

from simulator.auditor.checks import CHECKS as AUDITOR_CHECKS
from simulator.auditor.verdict import Verdict

EXAMPLES_MAX: Final = 20

CHECKS: Final = {
    "lost": "an acknowledged tap is not known any more",
    "changed": "a tap is answered with other bytes than before",
    "stored": "a tap is stored otherwise than it was answered",
    "refused": "an error where a decision belongs",
    "consumed": "one entry let out two",
    "money": "the fares of all taps have another sum at the end than when they were answered first",
    "intended": "a passenger was answered otherwise than the rule wants",
    "unsent": "a tap was not acknowledged though everything healed",
    "silent": "nobody was answered for longer than a fault may last",
    "died": "the server was lost by itself or did not come back: the run ends there",
    "stopped": "the server did not stop in good order",
}
"""The plain checks. Those of the auditor stand beside them, as `audit: …`."""


class Findings:
    """The findings of a run."""

    def __init__(self) -> None:
        self.found: Counter[str] = Counter()
        self.examples: list[str] = []

    def add(self, check: str, message: str) -> None:
        """One more."""
        self._add(check, CHECKS[check], message)

    def add_audit(self, verdict: Verdict) -> None:
        """Those of the auditor, which keeps the first hundred and counts them all."""
        for finding in verdict.findings:
            name, meaning = f"audit: {finding.check}", AUDITOR_CHECKS[finding.check]
            self._add(name, meaning, f"{', '.join(finding.tap_ids)}: {finding.message}")
        for check, count in verdict.found.items():
            self.found[f"audit: {check}"] = count

    def document(self) -> dict[str, Any]:
        """As reports have it."""
        return {
            "count": self.found.total(),
            "by_check": dict(sorted(self.found.items())),
            "examples": self.examples,
        }

    def _add(self, check: str, meaning: str, message: str) -> None:
        self.found[check] += 1
        if len(self.examples) < EXAMPLES_MAX:
            self.examples.append(f"{check} ({meaning}): {message}")
