"""What an audit came to: what was checked, what was found, and what settlement has to look at."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from simulator.auditor.checks import CHECKS

FINDINGS_KEPT_MAX: Final = 100
"""All findings are counted; so many are kept."""
LATER_KEPT_MAX: Final = 20
"""Taps named for each reason to wait for settlement."""


class Finding(NamedTuple):
    """Something that is wrong, with the taps that show it."""

    check: str
    message: str
    tap_ids: tuple[str, ...]


@dataclass
class Later:
    """What waits for settlement for one reason."""

    count: int = 0
    fen: int = 0
    tap_ids: list[str] = field(default_factory=list)


@dataclass
class Verdict:
    """The result of an audit. Look at `checked` too: an audit that saw nothing finds nothing."""

    checked: Counter[str] = field(default_factory=Counter)
    found: Counter[str] = field(default_factory=Counter)
    findings: list[Finding] = field(default_factory=list)
    later: dict[str, Later] = field(default_factory=dict)

    @property
    def is_clean(self) -> bool:
        """Whether nothing is wrong."""
        return not self.found

    def find(self, check: str, message: str, tap_ids: Sequence[str] = ()) -> None:
        """Count a finding, and keep it while there is room."""
        if check not in CHECKS:
            raise KeyError(check)
        self.found[check] += 1
        if len(self.findings) < FINDINGS_KEPT_MAX:
            self.findings.append(Finding(check, message, tuple(tap_ids)))

    def defer(self, why: str, tap_id: str, fen: int = 0) -> None:
        """Count what waits for settlement."""
        later = self.later.setdefault(why, Later())
        later.count += 1
        later.fen += fen
        if len(later.tap_ids) < LATER_KEPT_MAX:
            later.tap_ids.append(tap_id)

    def to_document(self) -> dict[str, Any]:
        """The verdict as JSON."""
        return {
            "clean": self.is_clean,
            "checked": dict(sorted(self.checked.items())),
            "found": dict(sorted(self.found.items())),
            "findings": [
                {
                    "check": finding.check,
                    "told": finding.message,
                    "tap_ids": finding.tap_ids,
                    "meaning": CHECKS[finding.check],
                }
                for finding in self.findings
            ],
            "later": {
                why: {"count": later.count, "fen": later.fen, "tap_ids": later.tap_ids}
                for why, later in sorted(self.later.items())
            },
        }
