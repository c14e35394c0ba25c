"""What is known of one token: passages that happened, one after the other, and what they mean.

A fact is a tap at which a gate opened and which counts: no late tap, no refused one, none that was
taken back by a report. Nothing is remembered beside the list; everything the rule asks of a
token's past is a definition over it.
"""

from collections.abc import Sequence
from datetime import date
from typing import Final, NamedTuple

from simulator.auditor.moments import DAY_MS
from simulator.auditor.published import Policy, Tariff

WAIVED: Final = "same_station_within_window"


class Fact(NamedTuple):
    """A passage. Of an entry, the versions it pinned; of an exit, the entry it consumed."""

    tap_id: str
    direction: str
    station: str
    gate_id: str
    at_ms: int
    reason: str
    clock_ms: int
    """The greatest `at_ms` up to this fact."""
    tariff: Tariff
    policy: Policy | None = None
    suspended: bool = False
    consumed: "Fact | None" = None

    @property
    def service_date(self) -> date:
        """Of an entry: the business day it belongs to."""
        return self.tariff.dates.date_of(self.at_ms)

    def elapsed_ms(self, at_ms: int) -> int:
        """The time since this fact; two clocks that disagree make it no less than nothing."""
        return max(0, at_ms - self.at_ms)

    def has_expired(self, at_ms: int) -> bool:
        """Of an entry: whether the journey it opened has expired."""
        return at_ms >= self.tariff.expires_at(self.at_ms)


def find_open_entry(facts: Sequence[Fact]) -> Fact | None:
    """The latest entry, unless an exit came since that consumed it. It may have expired."""
    for fact in reversed(facts):
        if fact.direction == "entry":
            return fact
        if fact.consumed is not None:
            return None
    return None


def is_late(facts: Sequence[Fact], at_ms: int, tolerance_ms: int) -> bool:
    """Whether a tap is further behind the token's clock than gates' clocks may differ."""
    return bool(facts) and at_ms < facts[-1].clock_ms - tolerance_ms


def is_second_exit(facts: Sequence[Fact], station: str, at_ms: int, grace_ms: int) -> bool:
    """Whether the latest passage was an exit here a moment ago, and no second one itself."""
    if not facts:
        return False
    latest = facts[-1]
    return (
        latest.direction == "exit"
        and latest.station == station
        and latest.reason != "exit_repeated"
        and latest.elapsed_ms(at_ms) <= grace_ms
    )


def count_waivers(facts: Sequence[Fact], day: date, entered_ms: int) -> int:
    """The free crossings whose entries belong to a service date."""
    waivers = 0
    for fact in reversed(facts):
        if fact.at_ms < entered_ms - 2 * DAY_MS:  # so long ago was another service date
            break
        entry = fact.consumed
        if fact.reason == WAIVED and entry is not None and entry.service_date == day:
            waivers += 1
    return waivers
