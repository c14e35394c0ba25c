"""Writes a verdict as the contract's JSON, once: the live answer and every later one.

Everything that goes into the text is an id of safe characters, a code or a number, so nothing
needs escaping; `tests/api/test_answers.py` holds it against the model of the contract.
"""

from collections.abc import Iterable
from typing import Final

from api.times import TimeWriter
from fare_engine.conditions import FAILURES
from fare_engine.decision import Closing, Outcome, Reason
from fare_engine.verdict import Verdict

_KIND: Final = '"outcome":"{}","reason":"{}","gate_action":"{}"'
_OPEN, _SHUT = (
    {reason: _KIND.format(reason.outcome.code, reason.code, action) for reason in Reason}
    for action in ("open", "refuse")
)
_SUSPECT: Final = ',"clock_suspect":true}'
_CONSUMED: Final = Closing.CONSUMED
_ENTERED: Final = frozenset(reason for reason in Reason if reason.outcome is Outcome.ENTERED)
_POLICY_READ: Final = _ENTERED | {Reason.SAME_STATION_WITHIN_WINDOW, *FAILURES}
"""An entry pins the policy, and an exit at the same station is judged by it; no other reads it."""

Entered = tuple[str, str, int]
"""Of the entry of a journey its tap_id, its station and its instant, in milliseconds."""


class AnswerWriter:
    """Writes the answers of one network: times told in its zone, money in its currency."""

    def __init__(self, zone: str, currency: str) -> None:
        self._tell = TimeWriter(zone).write
        self._free = f'"fare":0,"fare_waived":0,"currency":"{currency}"'
        self._currency = currency
        self._decided_at = (-1, "")

    def write(self, verdict: Verdict) -> str:
        """The body that answers a tap."""
        tap, decision = verdict.tap, verdict.decision
        entry, terms = decision.entry, decision.terms
        policy_version = tariff_version = None
        if terms is not None:
            tariff_version = terms.tariff.version
            if terms.policy is not None:
                policy_version = terms.policy.version
        return self.tell(
            tap.tap_id,
            decision.reason,
            decision.gate_opens,
            decision.fare,
            decision.fare_waived,
            verdict.station_id,
            tap.occurred_at_ms,
            (entry.tap_id, entry.station_id, entry.entered_at_ms)
            if entry is not None and decision.closing == _CONSUMED
            else None,
            policy_version,
            tariff_version,
            verdict.decided_at_ms,
            decision.clock_suspect,
            verdict.problem,
        )

    def tell(
        self,
        tap_id: str,
        reason: Reason,
        gate_opens: bool,
        fare: int,
        fare_waived: int,
        station_id: str | None,
        at_ms: int,
        consumed: Entered | None,
        policy_version: int | None,
        tariff_version: int | None,
        decided_at_ms: int,
        clock_suspect: bool = False,
        problem: str | None = None,
    ) -> str:
        """The same, from what stands in the row of a tap; `consumed` is the entry that it closed.

        The versions are those of the terms the decision read.
        """
        if consumed is not None:
            journey = self._write_journey(consumed, station_id, at_ms)
        elif reason in _ENTERED:
            journey = (
                f'{{"entry_tap_id":"{tap_id}","entry_station":"{station_id}",'
                f'"entered_at":"{self._tell(at_ms)}",'
                '"exit_station":null,"exited_at":null,"elapsed_ms":null}'
            )
        else:
            journey = "null"
        decided_at = self._decided_at
        if decided_at[0] != decided_at_ms:  # nearly all taps of a batch share it
            decided_at = decided_at_ms, self._tell(decided_at_ms)
            self._decided_at = decided_at
        if problem is None:
            kind = _OPEN[reason] if gate_opens else _SHUT[reason]
        else:
            kind = _KIND.format("recorded", problem, "open")
        money = self._free
        if fare or fare_waived:
            money = f'"fare":{fare},"fare_waived":{fare_waived},"currency":"{self._currency}"'
        policy = "null" if policy_version is None or reason not in _POLICY_READ else policy_version
        tariff = "null" if tariff_version is None else tariff_version
        return (
            f'{{"tap_id":"{tap_id}",{kind},{money},"journey":{journey},"policy_version":{policy},'
            f'"tariff_version":{tariff},"decided_at":"{decided_at[1]}"'
            f"{_SUSPECT if clock_suspect else '}'}"
        )

    def _write_journey(self, consumed: Entered, station_id: str | None, at_ms: int) -> str:
        """A journey that an exit ended."""
        entry_tap_id, entry_station_id, entered_at_ms = consumed
        elapsed_ms = at_ms - entered_at_ms if at_ms > entered_at_ms else 0
        return (
            f'{{"entry_tap_id":"{entry_tap_id}","entry_station":"{entry_station_id}",'
            f'"entered_at":"{self._tell(entered_at_ms)}",'
            f'"exit_station":"{station_id}","exited_at":"{self._tell(at_ms)}",'
            f'"elapsed_ms":{elapsed_ms}}}'
        )


def write_batch(answers: Iterable[str]) -> bytes:
    """The body that answers a batch, from what answers its taps."""
    return f'{{"results":[{",".join(answers)}]}}'.encode()
