"""What was answered, tap by tap, and the checks that need no rule: promises that answers make.

One decision for good, nothing acknowledged twice or with two contents, no entry consumed twice.
"""

from collections.abc import Mapping
from typing import Any

from simulator.auditor.answers import Answer, read_object
from simulator.auditor.history import History
from simulator.auditor.requests import Ask, Content
from simulator.auditor.verdict import Verdict


class Tap:
    """One tap_id: what was sent under it, and its first answer."""

    __slots__ = (
        "acknowledged",
        "came_offline",
        "contents",
        "histories",
        "nobody_passed",
        "received_ms",
        "reports",
        "text",
        "was_new",
    )

    def __init__(self) -> None:
        self.contents: tuple[Content, ...] = ()
        self.histories: tuple[History, ...] = ()
        self.reports: tuple[Mapping[str, Any], ...] = ()
        self.acknowledged: Content | None = None
        self.text: str | None = None
        self.was_new = False
        self.nobody_passed = False
        self.received_ms: int | None = None
        """When the engine received it, as the ledger says; None until it is read back."""
        self.came_offline = False
        """Whether it was decided as a tap of a gate that had acted alone, as the ledger says."""

    @property
    def document(self) -> dict[str, Any] | None:
        """The first answer, read again; None while the tap is not acknowledged."""
        return None if self.text is None else read_object(self.text)

    def add_report(self, report: Mapping[str, Any]) -> None:
        """Remember what a gate said it did, with all it said."""
        if report not in self.reports:
            self.reports += (report,)

    def add(self, content: Content, history: History) -> None:
        """Remember that a content was sent under this tap_id."""
        if content not in self.contents:
            self.contents += (content,)
        if history not in self.histories:
            self.histories += (history,)


class Acknowledged:
    """All taps, and what their first answers promise together."""

    def __init__(self, verdict: Verdict) -> None:
        self.taps: dict[str, Tap] = {}
        self._consumers: dict[str, str] = {}
        self._code_users: dict[str, Ask] = {}
        self._verdict = verdict

    def is_first_answer(self, ask: Ask, answer: Answer) -> bool:
        """Take a decision; whether it is the first answer to this tap."""
        tap = self.taps[ask.tap_id]
        content, verdict = ask.content, self._verdict
        if content is not None and answer.replayed is False:
            if tap.was_new:
                verdict.find(
                    "decided-twice", "both answers lack the mark of a replay", [ask.tap_id]
                )
            tap.was_new = True
        if tap.text is None:
            tap.text, tap.acknowledged = answer.text, content or tap.contents[0]
            self._count(ask, answer.document or {})
            return True
        verdict.checked["answers repeated"] += 1
        if tap.text != answer.text:
            verdict.find("decision-changed", f"first {tap.text}, then {answer.text}", [ask.tap_id])
        return False

    def _count(self, ask: Ask, document: Mapping[str, Any]) -> None:
        checked = self._verdict.checked
        outcome, journey = document.get("outcome"), document.get("journey")
        checked[f"taps {outcome}"] += 1
        for name in ("fare", "fare_waived"):
            fen = document.get(name)
            checked[f"fen {name}"] += fen if isinstance(fen, int) else 0
        if ask.code_id is not None and outcome not in ("refused", "recorded"):
            self._use_code(ask, ask.code_id, document)
        if outcome in ("waived", "charged") and isinstance(journey, dict):
            self._consume(ask, str(journey.get("entry_tap_id")))

    def _use_code(self, ask: Ask, code_id: str, document: Mapping[str, Any]) -> None:
        """Where the gate opened, in any case: reports may have come before or after."""
        content, report = ask.content, ask.report
        shut = report is not None and report.action == "refuse"
        if content is None or shut or document.get("gate_action") != "open":
            return
        first = self._code_users.setdefault(code_id, ask)
        assert first.content is not None
        if first.content.medium != content.medium:
            message = f"{code_id} let {first.content.medium} and {content.medium} through"
            self._verdict.find("code-used-twice", message, [first.tap_id, ask.tap_id])

    def _consume(self, ask: Ask, entry_tap_id: str) -> None:
        if self.taps[ask.tap_id].nobody_passed:
            return
        self._verdict.checked["entries consumed"] += 1
        before = self._consumers.get(entry_tap_id)
        if before is not None and not self.taps[before].nobody_passed:
            self._verdict.find(
                "entry-consumed-twice",
                f"{entry_tap_id} let out {before} and {ask.tap_id}",
                [entry_tap_id, before, ask.tap_id],
            )
        self._consumers[entry_tap_id] = ask.tap_id
