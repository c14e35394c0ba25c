"""What the engine asks of a ledger and of a cache of token states; backends have their packages.

A ledger may be shared by several engines. So a batch is loaded at once, decided on what was loaded,
and committed with all that it rests on: the number of every token's chain that was read, and the
version of what operators had published. Where another engine was first, nothing of it is stored
(`Overtaken`), and the batch is decided again.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final, NamedTuple, Protocol

from fare_engine.code_use import CodeUse
from fare_engine.journey import BLANK, TokenState
from fare_engine.published import Published
from fare_engine.tap import Report, Tap
from fare_engine.value import Value
from fare_engine.verdict import Verdict


class DecidedTap(Value, frozen=True):
    """One newly decided tap with the state of its token before and after it.

    The two states are one object where the tap changed nothing. `detail` says what was wrong with
    a tap that goes to quarantine, and `sender` which key sent that one.
    """

    verdict: Verdict
    before: TokenState
    after: TokenState
    detail: str = ""
    sender: str | None = None


class StoredReport(Value, frozen=True):
    """What the gate did at a tap, and whether the token went back to before the tap for it.

    `number` is the place in the token's chain that going back took; None where it did not, or in
    reports of before version 0.2, which kept the number of their tap.
    """

    row: int
    report: Report
    reversed: bool
    received_at_ms: int
    number: int | None = None


class Conflict(Value, frozen=True):
    """What was refused as a conflict: a tap, or a report that contradicts the first.

    A tap is refused since its tap_id is known with other content (`row` is the first one's), or
    since its tap_id names another gate (`row` None where the tap_id is not known). `sender` is the
    key that sent it.
    """

    row: int | None
    tap_id: str
    content: Tap | Report
    received_at_ms: int
    sender: str | None = None


class KnownTap(NamedTuple):
    """A tap that is stored, as it was decided, with the report that stands beside it.

    `before` is the state that the tap found, there only where a report of it came (`Wanted`).
    """

    verdict: Verdict
    report: StoredReport | None = None
    before: TokenState | None = None


class Wanted(NamedTuple):
    """What a batch needs to be decided.

    `tap_ids` are all that came; `reported` those among them that came with a report, whose tokens
    are wanted too. `tokens` are those whose states no cache had. `code_ids` are ride codes.
    `locks`: the batch was overtaken so often that a shared ledger is to hold others off until it is
    committed, or found to have nothing to store; then `tokens` are all of its tokens.
    """

    tap_ids: Sequence[str] = ()
    reported: Sequence[str] = ()
    tokens: Collection[bytes] = ()
    code_ids: Sequence[str] = ()
    locks: bool = False


class Loaded(NamedTuple):
    """What the ledger holds of it, all read at one moment; what is missing is not stored.

    The caller owns it, and may add to it. `version` is that of what operators have published, as
    the ledger has it.
    """

    known: dict[str, KnownTap]
    states: dict[bytes, TokenState]
    codes: dict[str, CodeUse]
    version: int = 0


class Changes:
    """All that one transaction stores, and what it rests on.

    `found` are the states of the batch's tokens as they were read, `left` as they are after it.
    `version` is that of what was published when it was decided. `codes` are the ride codes that
    count as used now, with their rows. `completed` are the rows whose reports complete one that was
    read; every other report must be the first of its tap.
    """

    __slots__ = (
        "codes",
        "completed",
        "conflicts",
        "found",
        "left",
        "reports",
        "taps",
        "version",
    )

    def __init__(
        self,
        taps: Sequence[DecidedTap],
        reports: Sequence[StoredReport] = (),
        conflicts: Sequence[Conflict] = (),
        codes: Sequence[tuple[str, int]] = (),
        found: Mapping[bytes, TokenState] = {},
        left: Mapping[bytes, TokenState] = {},
        version: int = 0,
        completed: Collection[int] = (),
    ) -> None:
        self.taps = taps
        self.reports = reports
        self.conflicts = conflicts
        self.codes = codes
        self.found = found
        self.left = left
        self.version = version
        self.completed = completed

    @property
    def read(self) -> dict[bytes, int]:
        """The number of every token's chain that was read; 0 of a token that was not seen."""
        find = self.found.get
        return {token: find(token, BLANK).number for token in self.left}

    @property
    def moved(self) -> dict[bytes, TokenState]:
        """The states that are others now."""
        find = self.found.get
        return {
            token: state for token, state in self.left.items() if find(token, BLANK) is not state
        }

    def is_taps_alone(self) -> bool:
        """Whether nothing stands beside the taps."""
        return not (self.reports or self.conflicts or self.codes)


class Followed(NamedTuple):
    """Taps that were committed, in a safe order, and where to go on from."""

    verdicts: Sequence[Verdict]
    cursor: str


START: Final = ""
"""The cursor before the first commit."""


class Maintenance(Protocol):
    """What a ledger has to do of its own, while no tap waits."""

    @property
    def is_due(self) -> bool:
        """Whether there is work that should not wait for the next commits."""

    @property
    def can_step(self) -> bool:
        """Whether a step would do some of it now."""

    def step(self) -> None:
        """Do some of it, in another thread; no commit may run beside. Raises LedgerUnavailable."""

    def stepped(self) -> None:
        """The step has succeeded: go by it from now on, in the engine's own thread."""


class Ledger(Protocol):
    """The durable truth. Every method may raise LedgerUnavailable.

    `may_wait` says whether the next commit may wait for somebody else who writes, at most for some
    seconds; the caller sets it.
    """

    may_wait: bool

    @property
    def maintenance(self) -> Maintenance | None:
        """What to do while no tap waits; None where the ledger takes care of itself."""

    def use(self, published: Published) -> None:
        """Read rows by what is published now."""

    def take_rows(self, count: int) -> int:
        """The first of so many consecutive references that no other tap has or will have.

        They rise with time but for less than a day, by which settlement finds where a day begins;
        nothing else follows from their order. Those that are not used are never used again.
        """

    def load(self, wanted: Wanted) -> Loaded:
        """Read at one moment what a batch needs. May run in another thread."""

    def commit(self, changes: Changes) -> None:
        """Store all of it in one transaction; durable on return. May run in another thread.

        LedgerBusy, unless it `may_wait`: nothing is stored, since somebody else writes.
        Overtaken: nothing is stored, since another engine was first; decide it again. Outdated:
        nothing is stored, since something else was published; reload that and decide it again.
        LedgerUnavailable: whether it is stored is in doubt.
        """

    def confirm(self) -> None:
        """After a commit that succeeded: find what it stored from now on."""

    def recover(self) -> None:
        """After a commit that is in doubt: find out what is stored."""

    def follow(self, cursor: str, limit: int) -> Followed:
        """What was committed since a cursor, up to so many taps; none of it twice, none missed."""


class StateCache(Protocol):
    """A cache of token states: to lose it costs time, never correctness.

    What it gives may be old: where several engines share a ledger the commit compares it.
    """

    def find(self, tokens: Iterable[bytes]) -> dict[bytes, TokenState]:
        """The states that are remembered."""

    def apply(self, states: Mapping[bytes, TokenState]) -> None:
        """Remember states that are durable."""

    def forget(self, tokens: Iterable[bytes]) -> None:
        """Drop what is remembered of these tokens."""
