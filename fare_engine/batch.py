"""What waits for a transaction, and what one transaction decides."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from fare_engine.code_use import CodeUse
from fare_engine.decision import Reason
from fare_engine.errors import FareEngineError, TapRefused
from fare_engine.journey import TokenState
from fare_engine.ports import Changes, Conflict, DecidedTap, KnownTap, Loaded, StoredReport, Wanted
from fare_engine.tap import Report, Tap
from fare_engine.verdict import Verdict

Result = Verdict | FareEngineError


class CodeId(str):
    """The id of a ride code that was verified, by its gate or by the edge of the engine."""

    __slots__ = ()


class BlockedCodeId(CodeId):
    """The same, of an account that is blocked: a copy of the code is refused as a copy first."""

    __slots__ = ()


Finding = TapRefused | Reason | CodeId
"""What the edge found out about a medium: an error, a refusal of the rule, or a ride code."""

_NOTHING: Final = Wanted()

Done = Callable[[list[Result]], None]


class Submission:
    """Taps that came together and are answered together, in order.

    `findings` are given by place, `sender` is the key that sent them. `done` is called with
    `results`, one a tap, and given nothing else: bound to its submission it would be a cycle, left
    with all its taps to the garbage collector.
    """

    __slots__ = ("done", "findings", "received_at_ms", "results", "sender", "taps")

    def __init__(
        self,
        taps: Sequence[Tap],
        received_at_ms: int,
        done: Done,
        findings: Mapping[int, Finding] | None = None,
        sender: str | None = None,
    ) -> None:
        self.taps = taps
        self.received_at_ms = received_at_ms
        self.done = done
        self.findings = findings
        self.sender = sender
        self.results: list[Result] = []


class ReportSubmission:
    """What a gate says it did at a tap that it sent before; `sender` is the key that sent it."""

    __slots__ = ("done", "received_at_ms", "report", "results", "sender", "tap_id")

    def __init__(
        self,
        tap_id: str,
        report: Report,
        received_at_ms: int,
        done: Done,
        sender: str | None = None,
    ) -> None:
        self.tap_id = tap_id
        self.report = report
        self.received_at_ms = received_at_ms
        self.done = done
        self.sender = sender
        self.results: list[Result] = []


class Batch:
    """What one transaction decides: an overlay over cache and ledger until it is durable.

    `base` is the batch that was being committed when this one was gathered: it stands on it, and
    falls with it. `tokens` are all it concerns, `cached` the states of them that the cache had,
    `found` all that were read, `states` the same after what is decided. `tries` counts how often
    it was begun.
    """

    __slots__ = (
        "base",
        "cached",
        "codes",
        "conflicts",
        "decided_at_ms",
        "found",
        "fresh",
        "known",
        "new_codes",
        "next_row",
        "replays",
        "reports",
        "states",
        "submissions",
        "tokens",
        "tries",
        "version",
        "wanted",
    )

    def __init__(
        self, submissions: list[Submission | ReportSubmission], base: "Batch | None" = None
    ) -> None:
        self.submissions = submissions
        self.base = base
        self.tries = 0
        self.begin()

    def begin(self) -> None:
        """Forget all that was decided: it is decided for the first time, or again whole."""
        self.tries += 1
        self.decided_at_ms = self.next_row = self.version = self.replays = 0
        self.wanted = _NOTHING
        self.tokens: set[bytes] = set()
        self.cached: dict[bytes, TokenState] = {}
        self.found: dict[bytes, TokenState] = {}
        self.states: dict[bytes, TokenState] = {}
        self.known: dict[str, KnownTap] = {}
        self.fresh: dict[str, DecidedTap] = {}
        self.reports: dict[int, StoredReport] = {}
        self.conflicts: list[Conflict] = []
        self.codes: dict[str, CodeUse] = {}
        self.new_codes: list[tuple[str, int]] = []

    def take(self, loaded: Loaded) -> None:
        """Stand on what was loaded, and on what the batch before decided, which is newer."""
        self.known, self.codes, self.found = loaded.known, loaded.codes, self.cached
        self.found.update(loaded.states)
        base, self.base = self.base, None  # nothing of it is needed from here on
        if base is not None:
            self._stand_on(base)
        self.states = dict(self.found)

    def _stand_on(self, base: "Batch") -> None:
        known, wanted, fresh = self.known, self.wanted, base.fresh
        if not fresh.keys().isdisjoint(wanted.tap_ids):
            for tap_id in wanted.tap_ids:
                if tap_id in fresh:
                    known[tap_id] = KnownTap(fresh[tap_id].verdict, None, fresh[tap_id].before)
        reports = base.reports
        for tap_id, one in [*known.items()] if reports else ():
            if one.verdict.row in reports:
                known[tap_id] = one._replace(report=reports[one.verdict.row])
        self.codes.update(
            {code_id: base.codes[code_id] for code_id in wanted.code_ids if code_id in base.codes}
        )
        concerned = {
            known[tap_id].verdict.tap.token for tap_id in wanted.reported if tap_id in known
        }
        states = base.states
        for token in states.keys() & (self.tokens | concerned):
            self.found[token] = states[token]

    def find_known(self, tap_id: str) -> KnownTap | None:
        """A tap that is stored, or decided and not durable yet, with the report taken of it."""
        fresh = self.fresh.get(tap_id)
        if fresh is not None:
            known = KnownTap(fresh.verdict, None, fresh.before)
        else:
            stored = self.known.get(tap_id)
            if stored is None:
                return None
            known = stored
        report = self.reports.get(known.verdict.row)
        return known if report is None else known._replace(report=report)

    @property
    def changes(self) -> Changes:
        """What the ledger has to store."""
        return Changes(
            tuple(self.fresh.values()),
            tuple(self.reports.values()),
            self.conflicts,
            self.new_codes,
            self.found,
            self.states,
            self.version,
            self._list_completed() if self.reports else (),
        )

    def _list_completed(self) -> set[int]:
        """The rows of reports that are stored, or were taken by the batch before, and say more."""
        known = self.known.values()
        return {one.verdict.row for one in known if one.report is not None} & self.reports.keys()

    @property
    def size(self) -> int:
        """How many taps were sent with it, whether they are new or not."""
        return sum(len(one.taps) for one in self.submissions if isinstance(one, Submission))

    @property
    def taps(self) -> int:
        """How many new taps it decided."""
        return len(self.fresh)

    def is_empty(self) -> bool:
        """Whether nothing has to be stored, as when all taps were known."""
        return not (self.fresh or self.reports or self.conflicts)
