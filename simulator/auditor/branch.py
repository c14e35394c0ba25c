"""One way in which a token's requests may have been decided, one after the other."""

from typing import Literal, NamedTuple

from simulator.auditor.facts import Fact
from simulator.auditor.published import Published
from simulator.auditor.requests import Ask, Content, Report
from simulator.auditor.rule import CodeUse, Ruling, rule

Kind = Literal["decision", "problem", "conflict", "not-found"]


class Known(NamedTuple):
    """A tap that was decided, or quarantined for `problem`, with the report that counts."""

    content: Content
    ruling: Ruling | None
    problem: str | None = None
    report: Report | None = None
    taken_back: bool = False
    suspect: bool | None = None
    """Whether its gate's clock was known to be wrong; None where no clocks were published."""


class Result(NamedTuple):
    """What a request must be answered."""

    kind: Kind
    known: Known | None = None
    problem: str | None = None


class Shared:
    """What the branches of one token decided alike, so that it is decided and kept once."""

    __slots__ = ("_decided", "_known")

    def __init__(self) -> None:
        self._known: dict[Known, Known] = {}
        self._decided: dict[object, tuple[Known, list[Fact]]] = {}

    def forget(self, *, known: bool) -> None:
        """Forget what was asked; and `known` taps, once there are no two branches."""
        self._decided.clear()
        if known:
            self._known.clear()

    def one(self, known: Known) -> Known:
        """The one that stands for all that are equal to it."""
        return self._known.setdefault(known, known)

    def find(self, question: object) -> Known | None:
        """What was decided on the same question, where it was asked before."""
        found = self._decided.get(question)
        return None if found is None else found[0]

    def answer(self, question: object, known: Known, facts: list[Fact]) -> None:
        """Remember a decision; `facts` are those that the question names by their `id`."""
        self._decided[question] = known, facts.copy()


class Branch:
    """Facts, known taps, and the requests that may still be decided.

    `results` are owed to requests that were decided here and not answered yet. `epoch` counts the
    changes of what is published. `order` has the decided taps that settlement decides again in this
    order, left they a fact or not.
    """

    __slots__ = ("code_uses", "epoch", "facts", "known", "order", "results", "waiting")

    def __init__(self) -> None:
        self.facts: list[Fact] = []
        self.known: dict[str, Known] = {}
        self.order: tuple[str, ...] = ()
        self.waiting: list[Ask] = []
        self.results: dict[Ask, Result] = {}
        self.code_uses: dict[str, CodeUse] = {}
        self.epoch = 0

    def copy(self) -> "Branch":
        copied = Branch.__new__(Branch)  # nothing is made that would be replaced at once
        copied.facts = self.facts.copy()
        copied.known = self.known.copy()
        copied.order = self.order
        copied.waiting = self.waiting.copy()
        copied.results = self.results.copy()
        copied.code_uses = self.code_uses.copy()
        copied.epoch = self.epoch
        return copied

    def identity(self) -> object:
        """Of two branches with the same one, that of the earlier epoch can do all the other can.

        Branches of one token share what was decided alike (`Shared`), so it is known by its `id`.
        What waits is not asked: where the same is known and owed, the requests that could still
        change something are the same.
        """
        return (
            tuple(map(id, self.facts)),
            frozenset((tap_id, id(known)) for tap_id, known in self.known.items()),
            self.order,
            frozenset(
                (id(ask), result.kind, result.problem, id(result.known))
                for ask, result in self.results.items()
            )
            if self.results
            else None,
            frozenset(self.code_uses.items()) if self.code_uses else None,
        )

    def would_change(self, ask: Ask) -> bool:
        """Whether deciding a request now could change anything."""
        known = self.known.get(ask.tap_id)
        if known is None:
            return ask.content is not None
        if ask.report is None or (ask.content is not None and ask.content != known.content):
            return False
        return _counts(known.report, ask.report)

    def decide(
        self,
        ask: Ask,
        published: Published,
        problem: str | None,
        shared: Shared | None = None,
        *,
        is_copy: bool = False,
    ) -> Result:
        """Decide a request after all that was decided before; `problem` stands against it.

        `is_copy` says that another token used its ride code before; `shared` is what other branches
        decided, for where there are others.
        """
        known = self.known.get(ask.tap_id)
        if known is None:
            if ask.content is None:
                return Result("not-found")
            if problem is not None and ask.report is None:
                return Result("problem", problem=problem)
            known = self._find_decision(ask, published, problem, shared, is_copy)
            self._apply(ask, published, known)
        elif ask.content is not None and ask.content != known.content:
            return Result("conflict")
        elif ask.report is not None:
            known = self._take_report(ask.tap_id, known, ask.report)
            if shared is not None:
                known = self._share(known, shared)
        self.known[ask.tap_id] = known
        return Result("decision", known)

    def _find_decision(
        self,
        ask: Ask,
        published: Published,
        problem: str | None,
        shared: Shared | None,
        is_copy: bool,
    ) -> Known:
        """What a new tap comes to, where another branch did not ask the same."""
        if shared is None:
            return self._decide_tap(ask, published, problem, is_copy)
        use = self.code_uses.get(ask.code_id) if ask.code_id is not None else None
        question = ask, published, problem, is_copy, use, *map(id, self.facts)
        known = shared.find(question)
        if known is None:
            known = shared.one(self._decide_tap(ask, published, problem, is_copy))
            shared.answer(question, known, self.facts)
        return known

    def _decide_tap(
        self, ask: Ask, published: Published, problem: str | None, is_copy: bool
    ) -> Known:
        content = ask.content
        assert content is not None
        suspect = published.is_suspect(content.gate_id)
        if problem is not None:
            return Known(content, None, problem, ask.report, suspect=suspect)
        ruling = rule(ask, self.facts, self.code_uses, published, is_copy)
        return Known(content, ruling, None, ask.report, suspect=suspect)

    def _apply(self, ask: Ask, published: Published, known: Known) -> None:
        """Let a decided tap count for those that are decided after it."""
        ruling, content = known.ruling, known.content
        if ruling is None:
            return
        if ruling.outcome not in ("late", "refused"):
            self.order += (ask.tap_id,)
        action = ruling.gate_action if known.report is None else known.report.action
        if action != "open":
            return
        if ruling.fact is not None:
            self.facts.append(ruling.fact)
        if ask.code_id is not None and ruling.outcome != "refused":
            station = published.gates[content.gate_id].station_id
            use = CodeUse(station, content.direction, content.at_ms)
            self.code_uses.setdefault(ask.code_id, use)

    def _share(self, known: Known, shared: Shared) -> Known:
        """The one for a tap whose report came by itself: others may have decided both at once."""
        known = shared.one(known)
        ruling = known.ruling
        if ruling is not None and self.facts and self.facts[-1] == ruling.fact:
            self.facts[-1] = ruling.fact
        return known

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
