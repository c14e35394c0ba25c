"""What the engine asks of a ledger and of an index; the backends live in their packages."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Protocol

from fare_engine.catalogue import Catalogue
from fare_engine.code_use import CodeUse
from fare_engine.journey import TokenState
from fare_engine.tap import Report, Tap
from fare_engine.value import Value
from fare_engine.verdict import Verdict

Step = tuple[Verdict, TokenState, TokenState, str]
"""One newly decided tap with the state of its token before and after; the two are one object where
nothing changed. The text says what was wrong with a tap that goes to quarantine."""


class StoredReport(Value, frozen=True):
    """What the gate did at a tap, and whether the token went back to before the tap for it."""

    row: int
    report: Report
    reversed: bool
    received_at_ms: int


class Conflict(Value, frozen=True):
    """A known tap_id with other content, or a report that contradicts the first."""

    row: int
    content: Tap | Report
    received_at_ms: int


class Entries(Value, frozen=True):
    """All that one transaction stores. `codes` are the ride codes used now, with their rows."""

    steps: Sequence[Step]
    reports: Sequence[StoredReport]
    conflicts: Sequence[Conflict]
    codes: Sequence[tuple[str, int]] = ()

    def is_taps_alone(self) -> bool:
        """Whether nothing stands beside the taps."""
        return not (self.reports or self.conflicts or self.codes)


NOTHING: Final = Entries((), (), ())


class Ledger(Protocol):
    """The durable truth. Every method may raise LedgerUnavailable."""

    catalogue: Catalogue

    @property
    def is_behind(self) -> bool:
        """Whether a burst of taps left work, which commits of nothing do."""

    @property
    def can_catch_up(self) -> bool:
        """Whether a commit of nothing would do some of it now."""

    def next_row(self) -> int:
        """The place that the next tap will take."""

    def find_taps(self, tap_ids: Sequence[str]) -> Mapping[str, Verdict]:
        """The taps among these ids that are stored, as they were decided."""

    def find_states(self, tokens: Iterable[bytes]) -> Mapping[bytes, TokenState]:
        """The states of those tokens that have one."""

    def get_state_before(self, verdict: Verdict) -> TokenState:
        """The state that a stored tap found; its `number` is that of the tap itself."""

    def find_report(self, row: int) -> StoredReport | None:
        """The report stored beside a tap."""

    def find_codes(self, code_ids: Sequence[str]) -> Mapping[str, CodeUse]:
        """The first uses of those ride codes that were used."""

    def commit(self, entries: Entries) -> None:
        """Store all of it in one transaction; durable on return. May run in another thread."""

    def confirm(self) -> None:
        """After a commit that succeeded: find what it stored from now on."""

    def recover(self) -> None:
        """After a commit with unknown result: find out what is stored."""


class StateIndex(Protocol):
    """A cache of token states: to lose it costs time, never correctness."""

    def find(self, tokens: Iterable[bytes]) -> dict[bytes, TokenState]:
        """The states that are remembered."""

    def apply(self, states: Mapping[bytes, TokenState]) -> None:
        """Remember states that are durable."""

    def forget(self, tokens: Iterable[bytes]) -> None:
        """Drop what is remembered of these tokens."""
