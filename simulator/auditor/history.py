"""All that one token's requests and answers allow: every order in which they may have been decided.

From outside nobody knows in which order requests that were in flight together were decided, nor
whether one that was never answered was decided at all. A history keeps a branch for each order that
explains all answers so far. A request is placed into an order when its answer arrives, after any
others that may have been decided before it; so real-time order is kept, and what was never answered
may take effect at any later time, or never. Mostly there is one branch, and one way to go on.
"""

from bisect import bisect_left, insort
from collections.abc import Iterator, Sequence
from itertools import product
from typing import Final

from simulator.auditor.answers import Answer, Difference, list_differences
from simulator.auditor.branch import Branch, Result, Shared
from simulator.auditor.published import Published
from simulator.auditor.requests import Ask
from simulator.auditor.rule import list_problems

BRANCHES_MAX: Final = 1_024
"""Orders kept of one token. More are dropped, and that is a finding."""
STEPS_MAX: Final = 20_000
"""Requests placed on trial for one answer, unless the auditor is given another limit."""
STEPS_AFTER_MAX: Final = 100
"""The same once a history has given up: it goes on, and proves nothing any more."""


_NONE: Final = (None,)


class Epochs:
    """What was published, from the beginning on, and between which places it changed."""

    def __init__(self) -> None:
        self.published: list[Published] = []
        self._begun: list[int] = []
        self._done: list[int] = []

    def add(self, published: Published, begun: int, done: int) -> None:
        self.published.append(published)
        self._begun.append(begun)
        self._done.append(done)

    def certain(self, place: int) -> int:
        """The latest that everything decided after a place must have read."""
        return max(0, bisect_left(self._done, place) - 1)

    def possible(self, place: int) -> int:
        """The latest that anything decided before a place can have read."""
        return max(0, bisect_left(self._begun, place) - 1)


class _GaveUp(Exception):
    pass


class History:
    """The branches of one token."""

    __slots__ = (
        "_alike",
        "_epochs",
        "_problems",
        "_seen",
        "_shared",
        "_steps",
        "_steps_max",
        "branches",
        "gave_up",
        "lost",
    )

    def __init__(self, epochs: Epochs, steps_max: int = STEPS_MAX) -> None:
        self.branches = [Branch()]
        self.lost: set[Ask] = set()
        self.gave_up = 0
        self._epochs = epochs
        self._steps = 0
        self._steps_max = steps_max
        self._seen: dict[object, int] = {}
        self._problems: dict[tuple[Ask, int], Sequence[str | None]] = {}
        self._shared = Shared()
        self._alike: dict[object, int] = {}

    def send(self, ask: Ask) -> None:
        """A request is on its way."""
        says = ask.tap_id, ask.content, ask.report, ask.medium_id, ask.code, ask.code_id
        ask.alike = self._alike.setdefault(says, len(self._alike))
        for branch in self.branches:
            branch.waiting.append(ask)

    def lose(self, ask: Ask) -> None:
        """No answer will come; the request may be decided at any time from its sending on."""
        self.lost.add(ask)
        for branch in self.branches:
            result = branch.results.pop(ask, None)
            if result is not None and result.kind == "problem":
                # Nothing came of it and nobody learns so: it is as if it were still to be decided.
                insort(branch.waiting, ask, key=_sent_place)

    def drop(self, ask: Ask) -> None:
        """A request was not taken at all."""
        self.lost.discard(ask)
        for branch in self.branches:
            if ask in branch.waiting:
                branch.waiting.remove(ask)
            branch.results.pop(ask, None)

    def answer(
        self, ask: Ask, answer: Answer | None, place: int, answered_at_ms: int
    ) -> list[Difference]:
        """Go on in every order that explains an answer; what is wrong with it when none does.

        `answer` is None for an answer that is the first one again: there is nothing to compare.
        """
        branch = self.branches[0]
        if len(self.branches) == 1 and branch.waiting == [ask]:
            published = self._find_only(branch, ask, place, answered_at_ms)
            if published is not None:
                branch.waiting.clear()
                result = branch.decide(ask, *published)
                return [] if answer is None else list_differences(result, answer)
        return self._search(ask, answer, place, answered_at_ms)

    def _find_only(
        self, branch: Branch, ask: Ask, place: int, answered_at_ms: int
    ) -> tuple[Published, str | None] | None:
        """What a request is decided by, where there are no two ways."""
        latest = self._epochs.possible(place)
        if max(branch.epoch, self._epochs.certain(ask.sent_place)) < latest:
            return None
        branch.epoch = latest
        published = self._epochs.published[latest]
        if ask.content is None or ask.tap_id in branch.known:
            return published, None
        if len(ask.shown_by) > 1:
            return None
        problems = list_problems(ask, published, answered_at_ms)
        return (published, problems[0]) if len(problems) == 1 else None

    def _search(
        self, ask: Ask, answer: Answer | None, place: int, answered_at_ms: int
    ) -> list[Difference]:
        self._begin_search()
        explained: dict[object, Branch] = {}
        nearest: tuple[list[Difference], Branch] | None = None
        try:
            for branch in self.branches:
                for after, result in self._place(branch, ask, place, answered_at_ms):
                    differences = [] if answer is None else list_differences(result, answer)
                    if not differences:
                        self._keep(explained, after)
                    elif nearest is None or len(differences) < len(nearest[0]):
                        nearest = differences, after
        except _GaveUp:
            self.gave_up += 1
        if len(explained) > BRANCHES_MAX:
            self.gave_up += 1
        if explained:
            self._seen.clear()
            self._shared.forget(known=len(explained) == 1)
            self._go_on_with(explained)
            self.lost.intersection_update(*(branch.waiting for branch in self.branches[:1]))
            return []
        if nearest is None:
            self.drop(ask)
            return [("wrong-answer", "no order of the requests leads to an answer")]
        differences, branch = nearest
        self._forget_idle(branch)
        self.branches = [branch]
        return differences

    def _place(
        self, branch: Branch, ask: Ask, place: int, answered_at_ms: int
    ) -> Iterator[tuple[Branch, Result]]:
        """Every way to go on to a request: at once, or after others that may come before it."""
        if ask not in branch.waiting:
            after = branch.copy()
            result = after.results.pop(ask, None)
            if result is not None:
                yield after, result
            return
        if not _must_wait(branch, ask):
            yield from self._decide(branch, ask, place, answered_at_ms)
        for other in self._list_before(branch, ask):
            for after, result in self._decide(branch, other, place, answered_at_ms):
                if after.would_change(other) and not self._matters_later(after, other):
                    continue  # an error was answered, or would have been: nothing came of it
                if other not in self.lost:
                    after.results[other] = result
                if self._was_here(after):
                    continue
                yield from self._place(after, ask, place, answered_at_ms)

    def _list_before(self, branch: Branch, ask: Ask) -> list[Ask]:
        """The requests that may be decided before one, and whose decision changes something.

        Of lost ones that say the same, only the one sent first: wherever another of them could be
        decided it can be as well, and then none of the others changes anything any more.
        """
        found = []
        tried = set()
        for other in branch.waiting:
            if other is ask or not branch.would_change(other) or _must_wait(branch, other):
                continue
            if other in self.lost:
                if other.alike in tried:
                    continue
                tried.add(other.alike)
            found.append(other)
        return found

    def _matters_later(self, branch: Branch, ask: Ask) -> bool:
        """Whether the error is still to be answered, when its tap may be known by then."""
        if ask in self.lost:
            return False
        return any(other.tap_id == ask.tap_id for other in branch.waiting)

    def _was_here(self, branch: Branch) -> bool:
        """Whether other orders led to the same, for the answer that is being explained."""
        identity = branch.identity()
        if self._seen.get(identity, branch.epoch + 1) <= branch.epoch:
            return True
        self._seen[identity] = branch.epoch
        return False

    def _decide(
        self, branch: Branch, ask: Ask, place: int, answered_at_ms: int
    ) -> Iterator[tuple[Branch, Result]]:
        epochs = self._epochs
        first = max(branch.epoch, epochs.certain(ask.sent_place))
        # A known tap reads nothing of what is published.
        last = first if ask.tap_id in branch.known else max(first, epochs.possible(place))
        for epoch in range(first, last + 1):
            published = epochs.published[epoch]
            problems: Sequence[str | None] = _NONE
            if ask.content is not None and ask.tap_id not in branch.known:
                problems = self._list_problems(ask, epoch, answered_at_ms)
            # Whether another token used its code before is that token's history.
            copies = (False, True) if len(ask.shown_by) > 1 else (False,)
            for problem, is_copy in product(problems, copies):
                self._steps -= 1
                if self._steps < 0:
                    raise _GaveUp
                after = branch.copy()
                after.epoch = epoch
                after.waiting.remove(ask)
                yield after, after.decide(ask, published, problem, self._shared, is_copy=is_copy)

    def _list_problems(self, ask: Ask, epoch: int, answered_at_ms: int) -> Sequence[str | None]:
        """The same in every order; the answer that is being explained asks in each of them."""
        question = ask, epoch
        problems = self._problems.get(question)
        if problems is None:
            problems = list_problems(ask, self._epochs.published[epoch], answered_at_ms)
            self._problems[question] = problems
        return problems

    def _keep(self, explained: dict[object, Branch], branch: Branch) -> None:
        self._forget_idle(branch)
        identity = branch.identity()
        kept = explained.get(identity)
        if kept is None or branch.epoch < kept.epoch:
            explained[identity] = branch

    def _forget_idle(self, branch: Branch) -> None:
        """Leave out lost requests of known taps that can change nothing any more."""
        branch.waiting = [
            ask
            for ask in branch.waiting
            if ask not in self.lost or ask.tap_id not in branch.known or branch.would_change(ask)
        ]

    def confirm(
        self, tap_id: str, answer: Answer, place: int, answered_at_ms: int
    ) -> list[Difference]:
        """A tap without an answer is stored: only orders in which it was decided remain."""
        self._begin_search()
        explained: dict[object, Branch] = {}
        nearest: list[Difference] = [("never-stored", "no request that was sent explains it")]
        try:
            for branch, result in self._confirm(tap_id, place, answered_at_ms):
                differences = list_differences(result, answer)
                if differences:
                    nearest = differences
                    continue
                self._keep(explained, branch)
        except _GaveUp:
            self.gave_up += 1
        if not explained:
            return nearest
        self._go_on_with(explained)
        return []

    def _begin_search(self) -> None:
        self._steps = STEPS_AFTER_MAX if self.gave_up else self._steps_max
        self._seen.clear()
        self._problems.clear()
        self._shared.forget(known=False)

    def _go_on_with(self, explained: dict[object, Branch]) -> None:
        branches_max = 1 if self.gave_up else BRANCHES_MAX
        self.branches = list(explained.values())[:branches_max]

    def _confirm(
        self, tap_id: str, place: int, answered_at_ms: int
    ) -> Iterator[tuple[Branch, Result]]:
        for branch in self.branches:
            known = branch.known.get(tap_id)
            if known is not None:
                yield branch, Result("decision", known)
                continue
            for ask in branch.waiting:
                if ask.tap_id == tap_id and ask.content is not None:
                    yield from self._place(branch, ask, place, answered_at_ms)

    def refute(self, tap_id: str) -> bool:
        """A tap was never decided: only such orders remain. False when there are none."""
        remaining = [branch for branch in self.branches if tap_id not in branch.known]
        if remaining:
            self.branches = remaining
        for branch in self.branches:
            branch.waiting = [ask for ask in branch.waiting if ask.tap_id != tap_id]
        return bool(remaining)


def _sent_place(ask: Ask) -> int:
    return ask.sent_place


def _must_wait(branch: Branch, ask: Ask) -> bool:
    """Whether a tap stands before it in its batch that is still to be decided.

    One that was sent again and is known by now changes nothing, whenever it is decided.
    """
    before = ask.after
    while before is not None:
        if before in branch.waiting and branch.would_change(before):
            return True
        before = before.after
    return False
