"""What waits for a transaction, and what one transaction decides."""

from collections.abc import Callable, Mapping, Sequence

from fare_engine.code_use import CodeUse
from fare_engine.decision import Reason
from fare_engine.errors import FareEngineError, TapRefused
from fare_engine.journey import TokenState
from fare_engine.ports import Conflict, Entries, Step, StoredReport
from fare_engine.tap import Report, Tap
from fare_engine.verdict import Verdict

Result = Verdict | FareEngineError


class CodeId(str):
    """The id of a ride code that was verified, by its gate or by the edge of the engine."""

    __slots__ = ()


class BlockedCodeId(CodeId):
    """The same, of an account that is blocked: a copy of the code is told as a copy first."""

    __slots__ = ()


Finding = TapRefused | Reason | CodeId
"""What the edge found out about a medium: an error, a refusal of the rule, or a ride code."""


class Submission:
    """Taps that came together and are answered together, in order.

    `findings` are told by place. `done` is called with `results`, one a tap, and given nothing
    else: bound to its submission it would be a cycle, left with all its taps to the garbage
    collector.
    """

    __slots__ = ("done", "findings", "received_at_ms", "results", "taps")

    def __init__(
        self,
        taps: Sequence[Tap],
        received_at_ms: int,
        done: Callable[[list[Result]], None],
        findings: Mapping[int, Finding] | None = None,
    ) -> None:
        self.taps = taps
        self.received_at_ms = received_at_ms
        self.done = done
        self.findings = findings
        self.results: list[Result] = []


class ReportSubmission:
    """What a gate says it did at a tap that it sent before."""

    __slots__ = ("done", "received_at_ms", "report", "results", "tap_id")

    def __init__(
        self, tap_id: str, report: Report, received_at_ms: int, done: Callable[[list[Result]], None]
    ) -> None:
        self.tap_id = tap_id
        self.report = report
        self.received_at_ms = received_at_ms
        self.done = done
        self.results: list[Result] = []


class Batch:
    """What one transaction decides: an overlay over index and ledger until it is durable.

    `behind` is the batch that is being committed meanwhile: this one stands on it, and falls with
    it.
    """

    def __init__(self, decided_at_ms: int, behind: "Batch | None") -> None:
        self.decided_at_ms = decided_at_ms
        self.behind = behind
        self.next_row = 0
        self.submissions: list[Submission | ReportSubmission] = []
        self.states: dict[bytes, TokenState] = {}
        self.known: dict[str, Verdict] = {}
        self.fresh: dict[str, Step] = {}
        self.reports: dict[int, StoredReport] = {}
        self.conflicts: list[Conflict] = []
        self.codes: dict[str, CodeUse] = {}
        self.new_codes: list[tuple[str, int]] = []
        self.replays = 0

    def find_step(self, tap_id: str) -> Step | None:
        """A tap that is decided and not durable yet."""
        step = self.fresh.get(tap_id)
        if step is None and self.behind is not None:
            step = self.behind.fresh.get(tap_id)
        return step

    def find_report(self, row: int) -> StoredReport | None:
        """A report that is taken and not durable yet."""
        report = self.reports.get(row)
        if report is None and self.behind is not None:
            report = self.behind.reports.get(row)
        return report

    @property
    def entries(self) -> Entries:
        """What the ledger has to store."""
        steps, reports = tuple(self.fresh.values()), tuple(self.reports.values())
        return Entries(steps, reports, self.conflicts, self.new_codes)

    @property
    def taps(self) -> int:
        """How many new taps it decided."""
        return len(self.fresh)

    def is_empty(self) -> bool:
        """Whether nothing has to be stored, as when all taps were known."""
        return not (self.fresh or self.reports or self.conflicts)
