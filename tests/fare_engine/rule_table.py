"""Text tables: one tap a line, and at the end of the line what must come of it.

    # time          gate    medium        | reason                      fare  waived  conditions
    08:15:30.120    A1 in   tianfutong:1  | entry_opened
    08:30:30.120    C2 out  tianfutong:1  | same_station_within_window     0     180

`rule_world.py` tells which stations and gates there are, and the lines that change the world:
`policy`, `tariff`, `suspended`, `resumed`, `mode`, `date`, `gate`,
`fare`. What follows a `#` is a remark.

On the left, after the medium, may stand:

    offline=open | offline=refuse   the gate decided alone, and this is what it did
    refusal=medium_blocked          what the check of the medium found (or a ride_code_... reason)
    listed=350                      the fare that the source of a recorded tap lists

On the right stand the reason, then (both 0 where left out) the fare that the gate takes and the
fare that it waives, in fen, then the five conditions in their order: `+` held, `-` failed, `.` not
applicable, so that `++-+-` is a gate off the lane and a daily limit that was reached. They must
be written where one failed. All else follows from the reason, unless it is written:

    gate=open | gate=shut           what the rule tells the gate to do
    closing=expired                 what happened to the journey that the tap found
    incomplete=200                  the fare recorded against a journey whose exit is missing
    entry=08:15:30.120              when the journey that the tap found was entered
    policy=2  tariff=1              the versions the decision read; 0 for no policy
    modes=exit_free,emergency       the degraded modes in force at the tap

Whatever a line says, each tap is decided twice and must come out the same; where the gate stayed
shut, or the tap was late or refused, nothing may change; and no journey is ever closed twice.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from typing import Final, NamedTuple

from fare_engine.conditions import FAILURES, Held, unpack
from fare_engine.decision import REFUSALS, Closing, Decision, Outcome, Reason
from fare_engine.journey import BLANK, TokenState
from fare_engine.matching import decide
from fare_engine.modes import Mode
from fare_engine.network import Direction
from fare_engine.tap import Report, Tap
from tests.fare_engine.rule_words import (
    Fields,
    TableError,
    read_moment,
    read_number,
    read_options,
    show_moment,
)
from tests.fare_engine.rule_world import World

_REASONS: Final = {reason.code: reason for reason in Reason}
_MARKS: Final = {Held.YES: "+", Held.NO: "-", Held.NOT_APPLICABLE: "."}
_DIRECTIONS: Final = {"in": Direction.ENTRY, "out": Direction.EXIT}
_SHUT: Final = {*REFUSALS, Reason.NO_OPEN_ENTRY, Reason.ENTRY_EXPIRED}
_CLOSINGS: Final = {
    Reason.ENTRY_REPEATED: Closing.REPLACED,
    Reason.ENTRY_SUPERSEDED: Closing.SUPERSEDED,
    Reason.ENTRY_EXPIRED: Closing.LEFT_OPEN,
}


class Mismatch(AssertionError):
    """The rule decided something else than the table says."""


def check(table: str) -> dict[str, TokenState]:
    """Decide the taps of a table and compare; returns the last state of each medium."""
    run = _Run()
    for number, line in enumerate(table.splitlines(), start=1):
        text = line.partition("#")[0].strip()
        if not text:
            continue
        try:
            run.read_line(text, number)
        except (TableError, Mismatch) as error:
            raise type(error)(f"line {number}: {text}\n{error}") from None
    return run.states


def _read_reason(text: str) -> Reason:
    if text not in _REASONS:
        raise TableError(f"{text!r} is no reason; known: {' '.join(_REASONS)}")
    return _REASONS[text]


def _one_of(*words: str) -> Callable[[str, date], str]:
    def read(text: str, _day: date) -> str:
        if text not in words:
            raise TableError(f"{text!r} is none of {', '.join(words)}")
        return text

    return read


_TAP_OPTIONS: Final[Fields] = {
    "offline": ("offline", _one_of("open", "refuse")),
    "refusal": ("refusal", lambda text, _day: _read_reason(text)),
    "listed": ("listed", read_number),
}
_OUTCOME_OPTIONS: Final[Fields] = {
    "gate": ("gate", _one_of("open", "shut")),
    "closing": ("closing", _one_of(*(closing.name.lower() for closing in Closing))),
    "incomplete": ("incomplete", read_number),
    "entry": ("entry", lambda text, day: show_moment(read_moment(text, day))),
    "policy": ("policy", read_number),
    "tariff": ("tariff", read_number),
    "modes": ("modes", lambda text, _day: text),
}


class Line(NamedTuple):
    """The left side of a line."""

    tap: Tap
    medium: str
    refusal: Reason | None


@dataclass
class _Run:
    world: World = field(default_factory=World)
    states: dict[str, TokenState] = field(default_factory=dict)
    closed: set[str] = field(default_factory=set)
    row: int = 0

    def read_line(self, text: str, number: int) -> None:
        if "|" not in text and not text[0].isdecimal():
            self.world.change(text.split())
            return
        left, bar, right = text.partition("|")
        if not bar or not right.strip():
            raise TableError("a tap wants its outcome after a |")
        line = self._read_tap(left.split(), number)
        expected = _read_outcome(right.split(), self.world.day)
        told = _tell(self._decide(line))
        wrong = [name for name, value in expected.items() if told[name] != value]
        if wrong:
            pairs = [f"{name} is {told[name]}, not {expected[name]}" for name in wrong]
            raise Mismatch("; ".join(pairs))

    def _read_tap(self, words: list[str], number: int) -> Line:
        if len(words) < 4:
            raise TableError("a tap wants a time, a gate, in or out, and a medium")
        time, gate_id, way, medium, *rest = words
        medium_type, colon, _ = medium.partition(":")
        if not colon:
            raise TableError(f"{medium!r} is no medium such as tianfutong:1 or qr:1")
        if way not in _DIRECTIONS:
            raise TableError(f"{way!r} is neither in nor out")
        options = read_options(rest, _TAP_OPTIONS, self.world.day)
        report = Report(options["offline"] == "open", 0) if "offline" in options else None
        tap = Tap(
            f"tap-{number}",
            self.world.find_gate(gate_id).gate_id,
            _DIRECTIONS[way],
            medium_type,
            medium.encode(),
            read_moment(time, self.world.day),
            report,
            options.get("listed"),
        )
        return Line(tap, medium, options.get("refusal"))

    def _decide(self, line: Line) -> Decision:
        tap, gate = line.tap, self.world.gates[line.tap.gate_id]
        terms = self.world.find_terms(gate.station_id, tap.occurred_at_ms)
        before = self.states.get(line.medium, BLANK)
        self.row += 1
        decision, after = decide(before, tap, gate, terms, self.row, line.refusal)
        if (decision, after) != decide(before, tap, gate, terms, self.row, line.refusal):
            raise Mismatch("the same tap, decided again, came out differently")
        self._check_always(tap, decision, before, after)
        self.states[line.medium] = after
        return decision

    def _check_always(
        self, tap: Tap, decision: Decision, before: TokenState, after: TokenState
    ) -> None:
        opened = tap.report.gate_opened if tap.report else decision.gate_opens
        asked = decision.reason.outcome not in (Outcome.LATE, Outcome.REFUSED)
        moved = opened and asked
        if not moved and after != before:
            raise Mismatch("the state changed, though the tap changes nothing")
        if after.number != before.number + moved:
            raise Mismatch(f"the number of the state went from {before.number} to {after.number}")
        if min(decision.fare, decision.fare_waived, decision.incomplete_fare) < 0:
            raise Mismatch("money is negative")
        if decision.entry is not (before.open if asked else None):
            raise Mismatch("the journey it tells of is not the one that was open")
        if (decision.entry is None) != (decision.closing == Closing.NOTHING):
            raise Mismatch("tells of a journey without what became of it, or the reverse")
        if moved and decision.entry and decision.closing != Closing.LEFT_OPEN:
            if decision.entry.tap_id in self.closed:
                raise Mismatch(f"closes the journey of {decision.entry.tap_id} a second time")
            self.closed.add(decision.entry.tap_id)


def _read_outcome(words: list[str], day: date) -> dict[str, object]:
    reason = _read_reason(words[0])
    places = [word for word in words[1:] if "=" not in word]
    options = [word for word in words[1:] if "=" in word]
    conditions = places.pop() if places and not places[-1].isdecimal() else None
    if conditions is None:
        if reason in FAILURES:
            raise TableError("a crossing that was charged wants its conditions, such as ++-++")
        conditions = "+++++" if reason == Reason.SAME_STATION_WITHIN_WINDOW else "....."
    elif len(conditions) != len(FAILURES) or set(conditions) - set(_MARKS.values()):
        raise TableError(f"{conditions!r} is no five conditions such as ++-++")
    if len(places) > 2:
        raise TableError(f"after fare and waived fare, what is {places[2]!r}?")
    fare, waived, *_ = [*(read_number(place, day) for place in places), 0, 0]
    closes = reason.outcome in (Outcome.WAIVED, Outcome.CHARGED)
    closing = Closing.CONSUMED if closes else _CLOSINGS.get(reason, Closing.NOTHING)
    usual: dict[str, object] = {
        "reason": reason.code,
        "fare": fare,
        "waived": waived,
        "conditions": conditions,
        "gate": "shut" if reason in _SHUT else "open",
        "closing": closing.name.lower(),
        "incomplete": 0,
    }
    return usual | read_options(options, _OUTCOME_OPTIONS, day)


def _tell(decision: Decision) -> dict[str, object]:
    terms, entry = decision.terms, decision.entry
    return {
        "reason": decision.reason.code,
        "fare": decision.fare,
        "waived": decision.fare_waived,
        "conditions": "".join(_MARKS[held] for held in unpack(decision.conditions).values()),
        "gate": "open" if decision.gate_opens else "shut",
        "closing": decision.closing.name.lower(),
        "incomplete": decision.incomplete_fare,
        "entry": show_moment(entry.entered_at_ms) if entry else None,
        "policy": terms.policy.version if terms and terms.policy else 0,
        "tariff": terms.tariff.version if terms else 0,
        "modes": ",".join(Mode(decision.modes).codes),
    }
