"""The crossing policy of one station, in versions, and the kill switch beside it."""

from dataclasses import dataclass

DAILY_LIMIT_MAX = 1_000
"""More waivers a day than anyone can walk; the count kept with a token ends a little above."""


@dataclass(frozen=True, slots=True)
class Policy:
    """One version of a station's crossing rule. It is never edited; a new version follows it.

    `window_ms` is inclusive; `daily_limit` None means no limit; times are milliseconds.
    """

    station_id: str
    version: int
    window_ms: int
    media: frozenset[str]
    designated_gates: frozenset[str]
    effective_from_ms: int
    effective_to_ms: int | None = None
    daily_limit: int | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Suspension:
    """A stretch of time in which a station's policy waives nothing; open until resumed."""

    station_id: str
    suspended_at_ms: int
    reason: str
    resumed_at_ms: int | None = None

    def covers(self, at_ms: int) -> bool:
        """Whether the station was suspended at this instant."""
        return self.suspended_at_ms <= at_ms and (
            self.resumed_at_ms is None or at_ms < self.resumed_at_ms
        )
