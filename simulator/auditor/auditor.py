"""The auditor: takes the events of a run as they happen, and gives its verdict at the end.

Events come in the order in which the outside saw them; each gets the next *place*. Times are
milliseconds of the engine's clock, as far as the outside knows it. `log` has them as JSON lines.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from simulator.auditor.acknowledged import Acknowledged, Tap
from simulator.auditor.alone import AloneTap, list_wrong
from simulator.auditor.answers import UNJUDGED, Answer, read_answer, read_batch
from simulator.auditor.clocks import Clocks
from simulator.auditor.fares import Tracks
from simulator.auditor.history import STEPS_MAX, Epochs, History
from simulator.auditor.moments import format_moment
from simulator.auditor.published import Published
from simulator.auditor.reading_back import ReadingBack
from simulator.auditor.requests import (
    Ask,
    Content,
    Malformed,
    RideCode,
    TokenOf,
    name_tap,
    read_report,
    read_tap,
)
from simulator.auditor.settlement import Facts, check_settlement
from simulator.auditor.settling import add_later, check_money
from simulator.auditor.verdict import Verdict

Document = Mapping[str, Any]
UNACKNOWLEDGED_BY = frozenset({408, 429})
"""What something between gate and engine answers: nobody knows what became of the request."""


class Auditor:
    """Audits one engine, however many processes it is. Call `finish` once, at the end."""

    def __init__(
        self,
        network: Document,
        published: Document,
        token_of: TokenOf | None = None,
        steps_max: int = STEPS_MAX,
    ) -> None:
        """`steps_max`: the requests that may be placed on trial to explain one answer."""
        self.verdict = Verdict()
        self._steps_max = steps_max
        self._token_of = token_of
        self._tracks = Tracks(network["segments"])
        self._epochs = Epochs()
        self._epochs.add(Published(published, self._tracks), -1, -1)
        self._histories: dict[str, History] = {}
        self._acknowledged = Acknowledged(self.verdict)
        self._clocks = Clocks()
        self._reading_back = ReadingBack(self.verdict, self._acknowledged)
        self._codes: dict[str, RideCode] = {}
        self._codes_by_id: dict[str, RideCode] = {}
        self._shown_by: dict[str, set[str]] = {}
        self._requests: dict[str, list[Ask | None]] = {}
        self._place = 0
        self._changing_since: int | None = None
        self._held_back: list[Callable[[], None]] = []

    def tap_sent(self, request: str, tap: Document, at_ms: int) -> None:
        """A request with one tap was sent."""
        self.batch_sent(request, [tap], at_ms)

    def batch_sent(self, request: str, taps: Sequence[Document], at_ms: int) -> None:
        """A request with taps that are decided in order was sent."""
        place = self._next_place()
        self._soon(lambda: self._send(request, taps, place, at_ms))

    def report_sent(self, request: str, tap_id: str, report: Document, at_ms: int) -> None:
        """A report about a tap was sent, by itself."""
        place = self._next_place()
        self._soon(lambda: self._send_report(request, tap_id, report, place, at_ms))

    def answered(
        self, request: str, status: int, body: str, at_ms: int, replayed: bool | None = None
    ) -> None:
        """An answer arrived. `replayed`: whether it was marked so; None where nobody looked."""
        place = self._next_place()
        self._soon(lambda: self._answer(request, status, body, replayed, place, at_ms))

    def unanswered(self, request: str) -> None:
        """No answer will arrive: the connection broke, or the gate stopped waiting."""
        self._soon(lambda: self._lose(request))

    def changing(self) -> None:
        """Something is being published, suspended, blocked: from now on it may be read."""
        if self._changing_since is not None:
            raise ValueError("a change is under way: changes come one at a time")
        self._changing_since = self._next_place()

    def changed(self, published: Document) -> None:
        """The change was acknowledged: from now on it must be read."""
        if self._changing_since is None:
            raise ValueError("no change is under way")
        begun, self._changing_since = self._changing_since, None
        self._epochs.add(Published(published, self._tracks), begun, self._next_place())
        held_back, self._held_back = self._held_back, []
        for event in held_back:
            event()
        self.verdict.checked["changes published"] += 1

    def ride_code(self, code: str, facts: RideCode) -> None:
        """A ride code was issued (or forged): what is true of it."""
        self._codes[code] = facts
        self._codes_by_id[facts.code_id] = facts

    def read_back(self, tap_id: str, status: int, tap: Document | None, at_ms: int) -> None:
        """The ledger was asked for a tap, after everything healed."""
        place = self._next_place()
        self._soon(lambda: self._reading_back.take(tap_id, status, tap, place, at_ms))

    def decided_alone(self, tap: AloneTap, knew: Document | None) -> None:
        """A gate did something by itself, by these parameters that its station had."""
        self.verdict.checked["taps decided alone"] += 1
        facts = None if tap.code is None else self._codes.get(tap.code)
        for check, message in list_wrong(tap, knew, facts):
            self.verdict.find(check, message, [tap.tap_id])

    def outbox(self, controller_id: str, tap_ids: Sequence[str]) -> None:
        """What a controller still holds at the end."""
        self.verdict.checked["outboxes"] += 1
        if tap_ids:
            message = f"{controller_id} holds {len(tap_ids)} taps"
            self.verdict.find("outbox-not-empty", message, tap_ids[:20])

    def clock_measured(self, gate_id: str, at_ms: int, skew_ms: int) -> None:
        """The engine keeps that a gate's clock was ahead of its own by so much at an instant."""
        self._clocks.measure(gate_id, at_ms, skew_ms)

    def settled(self, issued: Sequence[Document], at_ms: int) -> None:
        """All that settlement issued, after everything was read back; `at_ms`: its clock."""
        facts = Facts(self._epochs.published[-1], self._clocks, self._acknowledged.taps, at_ms)
        check_settlement(self.verdict, issued, self._histories.values(), facts)

    def finish(self) -> Verdict:
        """The verdict. Requests without an answer count as never answered."""
        if self._changing_since is not None:
            raise ValueError("a change is under way")
        for request in [*self._requests]:
            self._lose(request)
        verdict = self.verdict
        verdict.checked["tokens"] = len(self._histories)
        verdict.checked["taps sent"] = len(self._acknowledged.taps)
        for medium, history in self._histories.items():
            if history.gave_up:
                message = f"{history.gave_up} answers of {medium} allow too many orders"
                verdict.find("gave-up", message, list(history.branches[0].known)[-3:])
        check_money(verdict, self._acknowledged)
        add_later(verdict, self._acknowledged, self._histories.values())
        return verdict

    def _next_place(self) -> int:
        self._place += 1
        return self._place

    def _soon(self, event: Callable[[], None]) -> None:
        """At once; or once it is known what a change published that is under way."""
        if self._changing_since is None:
            event()
        else:
            self._held_back.append(event)

    def _send(self, request: str, taps: Sequence[Document], place: int, at_ms: int) -> None:
        asks: list[Ask | None] = []
        latest: dict[History, Ask] = {}
        for body in taps:
            try:
                ask = read_tap(body, self._codes, self._token_of)
            except Malformed:
                asks.append(None)
                continue
            assert ask.content is not None
            history = self._histories.get(ask.content.medium)
            if history is None:
                history = self._histories[ask.content.medium] = self._make_history()
            if ask.code_id is not None:
                ask.shown_by = self._shown_by.setdefault(ask.code_id, set())
                ask.shown_by.add(ask.content.medium)
                self._check_code(ask, ask.code_id, ask.content)
            tap = self._tap(ask.tap_id)
            tap.add(ask.content, history)
            if ask.report is not None:
                tap.add_report(body["offline"])
            ask.after = latest.get(history)
            latest[history] = ask
            self._open(ask, history, place, at_ms)
            asks.append(ask)
        self._requests[request] = asks

    def _check_code(self, ask: Ask, code_id: str, content: Content) -> None:
        """A gate that sends a code's id has verified it: nobody after it can."""
        facts = self._codes_by_id.get(code_id)
        if ask.code is not None or facts is None:
            return
        self.verdict.checked["codes that a gate took"] += 1
        tariff = self._epochs.published[-1].tariff_at(content.at_ms)
        fresh_ms = tariff.code_validity_ms + tariff.tolerance_ms if tariff else 0
        if not facts.valid or abs(content.at_ms - facts.issued_at_ms) > fresh_ms:
            message = f"{code_id} of {format_moment(facts.issued_at_ms)}, valid: {facts.valid}"
            self.verdict.find("bad-code-taken", message, [ask.tap_id])

    def _send_report(
        self, request: str, tap_id: str, report: Document, place: int, at_ms: int
    ) -> None:
        ask, tap = read_report(tap_id, report), self._tap(tap_id)
        tap.add_report(report)
        # A tap that nobody sent must be unknown.
        history = tap.histories[0] if tap.histories else self._make_history()
        self._open(ask, history, place, at_ms)
        self._requests[request] = [ask]

    def _open(self, ask: Ask, history: History, place: int, at_ms: int) -> None:
        ask.history, ask.sent_place, ask.sent_at_ms = history, place, at_ms
        history.send(ask)
        if ask.report is not None and ask.report.nobody_passed:
            self._tap(ask.tap_id).nobody_passed = True

    def _make_history(self) -> History:
        return History(self._epochs, self._steps_max)

    def _tap(self, tap_id: str) -> Tap:
        taps = self._acknowledged.taps
        tap = taps.get(tap_id)
        if tap is None:
            tap = taps[tap_id] = Tap()
        return tap

    def _lose(self, request: str) -> None:
        self.verdict.checked["requests unanswered"] += 1
        for ask in self._requests.pop(request):
            if ask is not None:
                ask.history.lose(ask)

    def _answer(
        self,
        request: str,
        status: int,
        body: str,
        replayed: bool | None,
        place: int,
        at_ms: int,
    ) -> None:
        asks = self._requests[request]
        if status >= 500 or status in UNACKNOWLEDGED_BY:
            self._lose(request)
            return
        del self._requests[request]
        try:
            if status == 200 and body.startswith('{"results"'):
                answers = read_batch(body, len(asks))
            else:
                answers = [read_answer(status, body, replayed)] * len(asks)
        except (ValueError, KeyError, TypeError) as error:
            named = [ask.tap_id for ask in asks if ask is not None]
            self.verdict.find("unreadable-answer", f"{error!r}: {body[:200]}", named)
            for ask in asks:
                if ask is not None:
                    ask.history.lose(ask)
            return
        for ask, answer in zip(asks, answers, strict=True):
            self._judge(ask, answer, place, at_ms)

    def _judge(self, ask: Ask | None, answer: Answer, place: int, at_ms: int) -> None:
        checked = self.verdict.checked
        checked["answers"] += 1
        if ask is None:
            checked["answers not judged"] += 1
            if answer.is_decision:
                self.verdict.find("wrong-answer", f"no tap was sent, and answered: {answer.text}")
            return
        if answer.problem in UNJUDGED:
            checked["answers not judged"] += 1
            ask.history.drop(ask)
            return
        if answer.is_decision:
            self._judge_decision(ask, answer, place, at_ms)
        elif answer.problem == "tap-conflict":
            self._judge_conflict(ask, answer, place, at_ms)
        else:
            checked["problems checked"] += 1
            self._compare(ask, answer, place, at_ms)

    def _judge_decision(self, ask: Ask, answer: Answer, place: int, at_ms: int) -> None:
        tap = self._tap(ask.tap_id)
        if tap.acknowledged is not None and ask.content not in (None, tap.acknowledged):
            self.verdict.find("conflict-missed", f"answered {answer.text}", [ask.tap_id])
            ask.history.drop(ask)
            return
        if ask.content is None:
            self.verdict.checked["reports checked"] += 1
        first = self._acknowledged.is_first_answer(ask, answer)
        if first:
            self.verdict.checked["decisions checked"] += 1
            for history in tap.histories:
                if history is not ask.history:  # it had the same tap_id, and came too late
                    history.refute(ask.tap_id)
        self._compare(ask, answer if first else None, place, at_ms)

    def _judge_conflict(self, ask: Ask, answer: Answer, place: int, at_ms: int) -> None:
        self.verdict.checked["conflicts checked"] += 1
        tap = self._tap(ask.tap_id)
        others = [content for content in tap.contents if content != ask.content]
        if not others or ask.content == tap.acknowledged:
            self.verdict.find("conflict-without-cause", "its content is the first", [ask.tap_id])
            ask.history.drop(ask)
        elif len(tap.histories) > 1:
            ask.history.drop(ask)
        else:
            self._compare(ask, answer, place, at_ms)

    def _compare(self, ask: Ask, answer: Answer | None, place: int, at_ms: int) -> None:
        differences = ask.history.answer(ask, answer, place, at_ms)
        if len(ask.history.branches) > 1:
            self.verdict.checked["answers that left several orders open"] += 1
        if differences:
            explained = "; ".join(why for _, why in differences)
            self.verdict.find(differences[0][0], f"{name_tap(ask)}: {explained}", [ask.tap_id])
