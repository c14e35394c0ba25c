"""A world decided by the engine in this process, over a real ledger and the world's own clock."""

from collections.abc import Callable
from typing import Final

import msgspec

from api.wire.answers import AnswerWriter
from fare_engine.batch import Finding, ReportSubmission, Result, Submission
from fare_engine.decision import Decision, Reason
from fare_engine.engine import Engine
from fare_engine.errors import FareEngineError
from fare_engine.tap import Report, Tap
from fare_engine.verdict import Verdict
from simulator.delivery.checking import Answer, Check, Faults
from simulator.delivery.exchanges import Exchanges
from simulator.delivery.requests import REPORT_BODY, REPORT_END, TAPS_PATH
from simulator.world.plan import AGAIN, BLOCKED, TURNED_BACK
from simulator.world.presenting import MakeToken, Presenter
from simulator.world.times import ZONE
from simulator.world.world import World, WorldTap

BATCH_TAPS: Final = 1_000

_NOBODY_PASSED: Final = Report(gate_opened=True, fare_taken=0, passed=False)


def _nothing(_results: list[Result]) -> None:
    """Nothing waits: results are read after the batch."""


class InProcess:
    """Decides the taps of a world in their order, a thousand a transaction."""

    def __init__(
        self,
        engine: Engine,
        make_token: MakeToken,
        presenter: Presenter,
        check: Check,
        exchanges: Exchanges,
    ) -> None:
        self._engine = engine
        self._make_token = make_token
        self._presenter = presenter
        self._check = check
        self._writer = AnswerWriter(ZONE, "CNY")
        self.exchanges = exchanges
        self.errors = Faults()
        self._taps: list[Tap] = []
        self._whose: list[WorldTap] = []
        self._findings: dict[int, Finding] = {}
        self._offered: list[tuple[Submission | ReportSubmission, list[WorldTap]]] = []
        self._waiting = 0

    def decide(self, world: World, progress: Callable[[int], None]) -> None:
        """Decide all of it; `progress` gets how many taps are done."""
        done = 0
        for tap in world.taps():
            self._add(tap)
            if self._waiting >= BATCH_TAPS:
                done += self._waiting
                self._run(tap.due_ms)
                progress(done)
        if self._waiting:
            self._run(int(world.due_ms[-1]))
        progress(len(world))

    def _add(self, tap: WorldTap) -> None:
        presented = self._presenter.tap(tap, self._make_token)
        if tap.flags & BLOCKED:
            if self.exchanges.has_room:
                self.exchanges.blocked.add(":".join(self._presenter.medium(tap)))
            self._findings[len(self._taps)] = Reason.MEDIUM_BLOCKED
        for _ in range(2 if tap.flags & AGAIN else 1):
            self._taps.append(presented)
            self._whose.append(tap)
        self._waiting += 1
        if tap.flags & TURNED_BACK:
            self._offer(tap.due_ms)
            report = ReportSubmission(presented.tap_id, _NOBODY_PASSED, tap.due_ms, _nothing)
            self._engine.offer(report)
            self._offered.append((report, [tap]))

    def _offer(self, now_ms: int) -> None:
        submission = Submission(self._taps, now_ms, _nothing, self._findings)
        self._engine.offer(submission)
        self._offered.append((submission, self._whose))
        self._taps, self._whose, self._findings = [], [], {}

    def _run(self, now_ms: int) -> None:
        if self._taps:
            self._offer(now_ms)
        while self._engine.has_pending:
            self._engine.run_batch(now_ms)
        before: Verdict | None = None
        for submission, whose in self._offered:
            is_report = isinstance(submission, ReportSubmission)
            for tap, result in zip(whose, submission.results, strict=True):
                if isinstance(result, FareEngineError):
                    self.errors.add(f"{self._presenter.tap_id(tap)}: {result}")
                    continue
                if result.replayed:
                    self._check.take_again(tap, result.replace(replayed=False) == before)
                else:
                    self._check.take(tap, _read(result.decision))
                before = result.replace(replayed=False)
                self._keep(tap, result, now_ms, is_report=is_report)
        self._offered, self._waiting = [], 0

    def _keep(self, tap: WorldTap, verdict: Verdict, now_ms: int, *, is_report: bool) -> None:
        if not self.exchanges.has_room:
            self.exchanges.count += 1
            return
        path, body = TAPS_PATH, REPORT_BODY
        if is_report:
            path = f"{TAPS_PATH}/{verdict.tap.tap_id}{REPORT_END}"
        else:
            body = msgspec.json.encode(self._presenter.body(tap))
        answer = self._writer.write(verdict).encode()
        self.exchanges.add(path, body, 200, answer, tap.due_ms, now_ms)


def _read(decision: Decision) -> Answer:
    reason = decision.reason
    action = "open" if decision.gate_opens else "refuse"
    return Answer(reason.outcome.code, reason.code, action, decision.fare, decision.fare_waived)
