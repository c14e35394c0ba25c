"""One way in which a token's requests may have been decided, one after the other."""

from typing import Literal, NamedTuple

from simulator.auditor.facts import Fact
from simulator.auditor.published import Published
from simulator.auditor.requests import Ask, Content, Report
from simulator.auditor.rule import CodeUse, Ruling, rule

Kind = Literal["decision", "problem", "conflict", "not-found"]


class Known(NamedTuple):
    """A tap that was decided, or set aside for `problem`, with the report that counts."""

    content: Content
    ruling: Ruling | None
    problem: str | None = None
    report: Report | None = None
    taken_back: bool = False
    suspect: bool | None = None
    """Whether its gate's clock was known to be wrong; None where nobody told of clocks."""


class Result(NamedTuple):
    """What a request must be answered."""

    kind: Kind
    known: Known | None = None
    problem: str | None = None


class Branch:
    """Facts, known taps, and the requests that may still be decided.

    `results` are owed to requests that were decided here and not answered yet. `epoch` counts the
    changes of what is published.
    """

    __slots__ = ("code_uses", "epoch", "facts", "known", "results", "waiting")

    def __init__(self) -> None:
        self.facts: list[Fact] = []
        self.known: dict[str, Known] = {}
        self.waiting: list[Ask] = []
        self.results: dict[Ask, Result] = {}
        self.code_uses: dict[str, CodeUse] = {}
        self.epoch = 0

    def copy(self) -> "Branch":
        copied = Branch.__new__(Branch)  # nothing is made that would be replaced at once
        copied.facts = [*self.facts]
        copied.known = {**self.known}
        copied.waiting = [*self.waiting]
        copied.results = {**self.results}
        copied.code_uses = {**self.code_uses}
        copied.epoch = self.epoch
        return copied

    def identity(self) -> object:
        """Of two branches with the same one, that of the earlier epoch can do all the other can.

        Branches of one token share what was decided alike (`share`), so it is known by its `id`.
        """
        return (
            tuple(map(id, self.facts)),
            frozenset(map(id, self.known.values())),
            self._find_order(),
            frozenset(map(id, self.waiting)),
            frozenset(
                (id(ask), result.kind, result.problem, id(result.known))
                for ask, result in self.results.items()
            ),
            frozenset(self.code_uses.items()) if self.code_uses else None,
        )

    def _find_order(self) -> tuple[int, ...]:
        """The decided taps that settlement decides again in this order, left they a fact or not."""
        return tuple(
            id(known)
            for known in self.known.values()
            if known.ruling is not None and known.ruling.outcome not in ("late", "refused")
        )

    def share(self, tap_id: str, shared: "dict[Known, Known]") -> Known | None:
        """Put what another branch decided alike in the place of what was decided just now."""
        own = self.known.get(tap_id)
        if own is None:
            return None
        known = self.known[tap_id] = shared.setdefault(own, own)
        if known.ruling is not None and self.facts and self.facts[-1].tap_id == tap_id:
            fact = known.ruling.fact
            assert fact is not None
            self.facts[-1] = fact
        return known

    def would_change(self, ask: Ask) -> bool:
        """Whether deciding a request now could change anything."""
        known = self.known.get(ask.tap_id)
        if known is None:
            return ask.content is not None
        if ask.report is None or (ask.content is not None and ask.content != known.content):
            return False
        return _counts(known.report, ask.report)

    def decide(
        self, ask: Ask, published: Published, problem: str | None, *, is_copy: bool = False
    ) -> Result:
        """Decide a request upon all that was decided before; `problem` stands against it.

        `is_copy` says that another token used its ride code before.
        """
        known = self.known.get(ask.tap_id)
        if known is None:
            if ask.content is None:
                return Result("not-found")
            if problem is not None and ask.report is None:
                return Result("problem", problem=problem)
            known = self._decide_tap(ask, ask.content, published, problem, is_copy)
        elif ask.content is not None and ask.content != known.content:
            return Result("conflict")
        elif ask.report is not None:
            known = self._take_report(ask.tap_id, known, ask.report)
        self.known[ask.tap_id] = known
        return Result("decision", known)

    def _decide_tap(
        self,
        ask: Ask,
        content: Content,
        published: Published,
        problem: str | None,
        is_copy: bool,
    ) -> Known:
        report, suspect = ask.report, published.is_suspect(content.gate_id)
        if problem is not None:
            return Known(content, None, problem, report, suspect=suspect)
        ruling = rule(ask, self.facts, self.code_uses, published, is_copy)
        action = report.action if report is not None else ruling.gate_action
        if action == "open" and ruling.fact is not None:
            self.facts.append(ruling.fact)
        if ask.code_id is not None and action == "open" and ruling.outcome != "refused":
            station = published.gates[content.gate_id].station_id
            use = CodeUse(station, content.direction, content.at_ms)
            self.code_uses.setdefault(ask.code_id, use)
        return Known(content, ruling, None, report, suspect=suspect)

    def _take_report(self, tap_id: str, known: Known, report: Report) -> Known:
        if not _counts(known.report, report):
            return known
        latest = self.facts[-1].tap_id if self.facts else None
        if report.nobody_passed and latest == tap_id:
            self.facts.pop()
            return known._replace(report=report, taken_back=True)
        return known._replace(report=report)


def _counts(first: Report | None, report: Report) -> bool:
    """Whether a report is the first, or adds to the first who passed."""
    if first is None:
        return True
    adds = first.passed is None and report.passed is not None
    return adds and (first.action, first.fare_taken) == (report.action, report.fare_taken)
