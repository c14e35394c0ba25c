"""What happened, in order: for the hash of a run, and for people who read how a seed failed."""

import hashlib
import json
from collections import Counter
from typing import Any, Final

from fare_engine.calendar import from_ms

_SENT: Final = "sent"
_ANSWERED: Final = "answered"


class Journal:
    """Every tap, answer and fault with its instant on the engine's clock."""

    def __init__(self, zone: str) -> None:
        self._zone = zone
        self._events: list[tuple[int, str, str, tuple[Any, ...]]] = []
        self.faults: Counter[str] = Counter()
        """Faults that came about, by kind."""

    def note(self, at_ms: int, who: str, what: str, *more: Any) -> None:
        """Something happened; `what` may hold places for `more`."""
        self._events.append((at_ms, who, what, more))

    def fault(self, kind: str, at_ms: int, who: str, *more: Any) -> None:
        """Something went wrong, as it was meant to."""
        self.faults[kind] += 1
        self._events.append((at_ms, who, f"FAULT {kind}" + " {}" * len(more), more))

    def digest(self) -> bytes:
        """The same seed gives the same one."""
        return hashlib.sha256(repr(self._events).encode()).digest()

    def sent(self, at_ms: int, who: str, request: str, path: str, body: bytes) -> None:
        """A request left a station."""
        self._events.append((at_ms, who, _SENT, (request, path, body)))

    def answered(self, at_ms: int, who: str, request: str, status: int, body: bytes) -> None:
        """An answer arrived there."""
        self._events.append((at_ms, who, _ANSWERED, (request, status, body)))

    def lines(self) -> list[str]:
        """One line an event; one for each tap of a request or an answer."""
        lines = []
        for at_ms, who, what, more in self._events:
            when = f"{from_ms(at_ms, self._zone):%H:%M:%S.%f}"[:-3]
            if what is _SENT:
                lines_of_it = _format_sent(*more)
            elif what is _ANSWERED:
                lines_of_it = _format_answered(*more)
            else:
                lines_of_it = [what.format(*more)]
            lines += [f"{when}  {who:<7}  {line}" for line in lines_of_it]
        return lines


def _format_sent(request: str, path: str, body: bytes) -> list[str]:
    document = json.loads(body)
    if path not in ("taps", "batch"):
        return [f"{request:>5} →  report of {path}: {body.decode()}"]
    lines = []
    for tap in document.get("taps", [document]):
        medium, offline = tap["medium"], tap.get("offline")
        whose = medium.get("token", medium.get("code", ""))[:6]
        did = f", the gate did {offline['gate_action_taken']}" if offline else ""
        at = tap["occurred_at"][11:23]
        lines.append(
            f"{request:>5} →  {tap['tap_id']} {tap['direction']} {medium['type']} {whose} "
            f"at {at} (UTC){did}"
        )
    return lines


def _format_answered(request: str, status: int, body: bytes) -> list[str]:
    document = json.loads(body)
    lines = []
    for answer in document.get("results", [document]):
        if "outcome" not in answer:
            problem = answer.get("problem", answer)
            lines.append(f"{request:>5} ←  {status} {problem['type']}: {problem['detail']}")
            continue
        journey, found = answer["journey"], ""
        if journey and journey["exited_at"]:
            found = f", entered by {journey['entry_tap_id']} {journey['elapsed_ms']} ms before"
        lines.append(
            f"{request:>5} ←  {answer['tap_id']} {answer['outcome']}/{answer['reason']}, "
            f"{answer['gate_action']}, fare {answer['fare']}, waived {answer['fare_waived']}{found}"
        )
    return lines
