"""What every tap was answered first, and whether all that is answered later agrees with it."""

import asyncio
import time
from collections import Counter
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from simulator.blackbox.findings import Findings
from simulator.delivery.checking import Answer, Check
from simulator.world.plan import TURNED_BACK
from simulator.world.presenting import Presenter
from simulator.world.world import WorldTap

BODY_SHOWN_MAX: Final = 400


class Journey(msgspec.Struct):
    """The journey of a decision, as far as it is looked at."""

    entry_tap_id: str


class Decision(Answer):
    """An answer with what the plain checks need."""

    decided_at: datetime | None = None
    journey: Journey | None = None


_read: Final = msgspec.json.Decoder(Decision).decode


class Book:
    """All first answers, kept by the outside, and the plain checks."""

    def __init__(self, presenter: Presenter) -> None:
        self.findings = Findings()
        self.counts: Counter[str] = Counter()
        self.bodies: dict[str, dict[str, Any]] = {}
        """Every tap that was sent, as it was sent last."""
        self.answers: dict[str, bytes] = {}
        self.fare = 0
        self.fare_at_last = 0
        self.silence_seconds = 0.0
        """The longest time in which nobody was answered, since `listen`."""
        self._answered_at = 0.0
        self._check = Check(presenter, blocks=False)
        self._fresh: list[str] = []
        self._consumed: dict[str, str] = {}
        self._enough = asyncio.Event()
        self._settled = 0
        self._expected = 0

    def expect(self, taps: int) -> asyncio.Event:
        """Set once so many more taps are acknowledged, or refused for good."""
        self._expected, self._enough = self._settled + taps, asyncio.Event()
        return self._enough

    def listen(self) -> None:
        """A fault begins: from now on it is measured for how long nobody is answered."""
        self.silence_seconds, self._answered_at = 0.0, time.monotonic()

    def take(self, tap: WorldTap, tap_id: str, body: bytes, sent_at: datetime) -> bool:
        """A tap was answered, by itself or in a batch; whether that is a decision."""
        if tap_id in self.answers:
            self.compare(tap_id, body)
            return True
        decision = _read(body)
        if decision.problem is not None or not decision.outcome:
            self.refuse(tap_id, 200, body)
            return False
        self.answers[tap_id] = body
        self._fresh.append(tap_id)
        now = time.monotonic()
        self.silence_seconds = max(self.silence_seconds, now - self._answered_at)
        self._answered_at = now
        self._settle()
        self.fare += decision.fare
        self._check.take(tap, decision)
        sent_at -= timedelta(microseconds=sent_at.microsecond % 1_000)  # as exact as decided_at
        if decision.decided_at is not None and decision.decided_at < sent_at:
            self.counts["decided before"] += 1
        if decision.outcome in ("waived", "charged") and not tap.flags & TURNED_BACK:
            self._consume(tap_id, decision)
        return True

    def compare(self, tap_id: str, body: bytes) -> None:
        """A tap is answered again, or a report about it: with the same bytes as at first."""
        self.counts["compared"] += 1
        first = self.answers[tap_id]
        if body != first:
            message = f"{tap_id}: first {_format_body(first)}, then {_format_body(body)}"
            self.findings.add("changed", message)

    def compare_again(self, tap_id: str, body: bytes, *, replayed: bool) -> None:
        """An acknowledged tap is answered again by itself: marked as known, too."""
        if not replayed:
            message = f"{tap_id} is decided as if it were new: {_format_body(body)}"
            self.findings.add("lost", message)
        self.compare(tap_id, body)

    def compare_at_last(self, tap_id: str, body: bytes) -> None:
        """A tap is answered once more when all is over: its fare counts again."""
        self.compare(tap_id, body)
        self.fare_at_last += _read(body).fare

    def compare_stored(self, tap_id: str, stored: dict[str, Any]) -> None:
        """What the ledger has of a tap that is read."""
        self.counts["compared"] += 1
        answered = msgspec.json.decode(self.answers[tap_id])
        other = [name for name, value in answered.items() if stored.get(name) != value]
        if other:
            shown = "; ".join(f"{name} {answered[name]!r}, {stored.get(name)!r}" for name in other)
            self.findings.add("stored", f"{tap_id}, answered and stored: {shown}")

    def refuse(self, tap_id: str, status: int, body: bytes) -> None:
        """An error where every tap is decided."""
        self.findings.add("refused", f"{tap_id}: {status} {_format_body(body)}")
        self._settle()

    def take_fresh(self) -> list[str]:
        """The taps acknowledged since this was asked last."""
        fresh, self._fresh = self._fresh, []
        return fresh

    def finish(self) -> None:
        """What can be said only at the end."""
        for tap_id in self.bodies.keys() - self.answers.keys():
            self.findings.add("unsent", tap_id)
        if self.fare_at_last != self.fare:
            message = f"{self.fare} fen were answered first, {self.fare_at_last} at last"
            self.findings.add("money", message)
        wrong = self._check.wrong
        for example in wrong.examples:
            self.findings.add("intended", example)
        if wrong.count:  # of which the first are examples
            self.findings.found["intended"] = wrong.count

    def list_outcomes(self) -> list[dict[str, Any]]:
        """Taps by outcome and reason."""
        return self._check.list_outcomes()

    def _settle(self) -> None:
        self._settled += 1
        if self._settled >= self._expected:
            self._enough.set()

    def _consume(self, tap_id: str, decision: Decision) -> None:
        if decision.journey is None:
            self.findings.add("refused", f"{tap_id}: {decision.outcome} without a journey")
            return
        entry = decision.journey.entry_tap_id
        before = self._consumed.setdefault(entry, tap_id)
        if before != tap_id:
            self.findings.add("consumed", f"{entry} let out {before} and {tap_id}")


def _format_body(body: bytes) -> str:
    return body[:BODY_SHOWN_MAX].decode("utf-8", "replace")
