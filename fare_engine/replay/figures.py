"""What a replay came to, counted while it runs."""

from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final

from fare_engine.decision import Closing, Outcome
from fare_engine.interchange.rows import SkippedRow, SkipReason
from fare_engine.tariff import MINUTE_MS
from fare_engine.times import format_ms
from fare_engine.verdict import Verdict

ELAPSED_MINUTES: Final = (1, 2, 5, 10, 15, 30, 60)
"""Upper bounds of the stretches that same-station pairs are counted by; each is inclusive."""

REJECTED_KEPT_MAX: Final = 1_000

_BOUNDS_MS: Final = [minutes * MINUTE_MS for minutes in ELAPSED_MINUTES]


@dataclass
class SameStation:
    """Pairs of an entry and the exit that consumed it, both at one station.

    A pair is within the window when the time between its taps is not longer than the window of
    the policy in force at its entry; where none was, than the built-in pilot's, so that a network
    without pilots shows what one would meet. Whether it was waived hangs on more than that.
    """

    reference_window_ms: int
    pairs: int = 0
    within_window: int = 0
    pairs_by_elapsed: list[int] = field(default_factory=lambda: [0] * (len(_BOUNDS_MS) + 1))
    waived_by_elapsed: list[int] = field(default_factory=lambda: [0] * (len(_BOUNDS_MS) + 1))

    def add(self, verdict: Verdict) -> None:
        """Count an exit, if it is the second half of such a pair."""
        decision = verdict.decision
        entry = decision.entry
        if (
            entry is None
            or decision.closing is not Closing.CONSUMED
            or entry.station_id != verdict.station_id
        ):
            return
        elapsed_ms = max(0, verdict.tap.occurred_at_ms - entry.entered_at_ms)
        policy = entry.terms.policy
        window_ms = policy.window_ms if policy is not None else self.reference_window_ms
        place = bisect_left(_BOUNDS_MS, elapsed_ms)
        self.pairs += 1
        self.within_window += elapsed_ms <= window_ms
        self.pairs_by_elapsed[place] += 1
        self.waived_by_elapsed[place] += decision.reason.outcome is Outcome.WAIVED

    def list_by_elapsed(self) -> list[dict[str, int | None]]:
        """The pairs by the minutes between their taps; None: longer than the last bound."""
        bounds: tuple[int | None, ...] = (*ELAPSED_MINUTES, None)
        return [
            {"up_to_minutes": bound, "pairs": pairs, "waived": waived}
            for bound, pairs, waived in zip(
                bounds, self.pairs_by_elapsed, self.waived_by_elapsed, strict=True
            )
        ]


class Figures:
    """The figures of one replay. Every row of the file is a tap or skipped, never both.

    `fare` is what the gates took, `fare_waived` the same-station fares they did not, and
    `incomplete_fare` what is recorded against journeys without an exit; all in fen. The first
    rows that are malformed or repeat another are kept in `rejected`.
    """

    def __init__(self, reference_window_ms: int, zone: str, currency: str) -> None:
        self.zone = zone
        self.currency = currency
        self.rows = 0
        self.taps = 0
        self.skipped = dict.fromkeys(SkipReason, 0)
        self.outcomes: Counter[str] = Counter()
        self.reasons: Counter[str] = Counter()
        self.closings: Counter[Closing] = Counter()
        self.same_station = SameStation(reference_window_ms)
        self.fare = self.fare_waived = self.incomplete_fare = 0
        self.rejected: list[SkippedRow] = []
        self.first_occurred_at_ms: int | None = None
        self.last_occurred_at_ms: int | None = None
        self.about: dict[str, Any] = {}
        """What was replayed, and by which catalogue; reported beside the counts."""

    @property
    def rejected_count(self) -> int:
        """Rows that are malformed or repeat another."""
        return self.skipped[SkipReason.MALFORMED] + self.skipped[SkipReason.DUPLICATE]

    def add_skipped(self, row: SkippedRow) -> None:
        """Count a row that became no tap."""
        self.skipped[row.reason] += 1
        wanted = row.reason in (SkipReason.MALFORMED, SkipReason.DUPLICATE)
        if wanted and len(self.rejected) < REJECTED_KEPT_MAX:
            self.rejected.append(row)

    def add_verdict(self, verdict: Verdict) -> None:
        """Count a tap that was decided now."""
        decision = verdict.decision
        reason = decision.reason
        self.taps += 1
        self.reasons[reason.code] += 1
        self.outcomes[reason.outcome.code] += 1
        self.fare += decision.fare
        self.fare_waived += decision.fare_waived
        self.incomplete_fare += decision.incomplete_fare
        at_ms = verdict.tap.occurred_at_ms
        if self.first_occurred_at_ms is None or at_ms < self.first_occurred_at_ms:
            self.first_occurred_at_ms = at_ms
        if self.last_occurred_at_ms is None or at_ms > self.last_occurred_at_ms:
            self.last_occurred_at_ms = at_ms
        self.closings[decision.closing] += 1
        if decision.closing is Closing.CONSUMED:
            self.same_station.add(verdict)

    def count_entries(self) -> dict[str, int]:
        """What became of the entries; in a scratch ledger, those still open are all the others.

        A ledger that was there before has open entries of its own, which the file may close.
        """
        closed = {
            closing.name.lower(): self.closings[closing]
            for closing in (
                Closing.CONSUMED,
                Closing.REPLACED,
                Closing.SUPERSEDED,
                Closing.EXPIRED,
            )
        }
        if self.about.get("into_ledger"):
            return closed
        return {**closed, "open": self.outcomes[Outcome.ENTERED.code] - sum(closed.values())}

    def list_rejected(self) -> list[SkippedRow]:
        """The rejected rows that were kept, in the order of the file."""
        return sorted(self.rejected, key=lambda row: row.line_number)

    def document(self) -> dict[str, Any]:
        """As `fare-engine replay --json` prints it."""
        crossings = self.same_station
        return {
            "rows": self.rows,
            "taps": self.taps,
            "skipped": {str(reason): count for reason, count in self.skipped.items()},
            "outcomes": dict(self.outcomes.most_common()),
            "reasons": dict(self.reasons.most_common()),
            "entries": self.count_entries(),
            "same_station": {
                "pairs": crossings.pairs,
                "within_window": crossings.within_window,
                "by_elapsed": crossings.list_by_elapsed(),
            },
            "money": {
                "fare": self.fare,
                "fare_waived": self.fare_waived,
                "incomplete_fare": self.incomplete_fare,
                "currency": self.currency,
            },
            "first_occurred_at": self.format_moment(self.first_occurred_at_ms),
            "last_occurred_at": self.format_moment(self.last_occurred_at_ms),
            "rejected": {
                "count": self.rejected_count,
                "rows": [
                    {
                        "line": row.line_number,
                        "reason": str(row.reason),
                        "column": row.column or None,
                        "message": row.message,
                    }
                    for row in self.list_rejected()
                ],
            },
            **self.about,
        }

    def format_moment(self, at_ms: int | None) -> str | None:
        """An instant in the zone of the network."""
        return None if at_ms is None else format_ms(at_ms, self.zone)
