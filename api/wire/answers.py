"""Writes a verdict as the contract's JSON, once: the live answer and every later one.

Everything that goes into the text is an id of safe characters, a code or a number, so nothing
needs escaping; `tests/api/wire/test_answers.py` holds it against the model of the contract.
"""

from typing import Final

from api.contract.times import TimeWriter
from fare_engine.conditions import FAILURES
from fare_engine.decision import Closing, Outcome, Reason
from fare_engine.journey import OpenJourney
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


class AnswerWriter:
    """Writes the answers of one network: times in its zone, money in its currency."""

    def __init__(self, zone: str, currency: str) -> None:
        self._format_time = TimeWriter(zone).write
        self._free = f'"fare":0,"fare_waived":0,"currency":"{currency}"'
        self._currency = currency
        self._decided_at = (-1, "")

    def write(self, verdict: Verdict) -> str:
        """The body that answers a tap."""
        tap, decision, station_id = verdict.tap, verdict.decision, verdict.station_id
        reason, entry, terms = decision.reason, decision.entry, decision.terms
        fare, fare_waived = decision.fare, decision.fare_waived
        policy: int | str = "null"
        tariff: int | str = "null"
        if terms is not None:
            tariff = terms.tariff.version
            if terms.policy is not None and reason in _POLICY_READ:
                policy = terms.policy.version
        if entry is not None and decision.closing == _CONSUMED:
            journey = self._write_journey(entry, station_id, tap.occurred_at_ms)
        elif reason in _ENTERED:
            journey = (
                f'{{"entry_tap_id":"{tap.tap_id}","entry_station":"{station_id}",'
                f'"entered_at":"{self._format_time(tap.occurred_at_ms)}",'
                '"exit_station":null,"exited_at":null,"elapsed_ms":null}'
            )
        else:
            journey = "null"
        decided_at = self._decided_at
        if decided_at[0] != verdict.decided_at_ms:  # nearly all taps of a batch share it
            decided_at = verdict.decided_at_ms, self._format_time(verdict.decided_at_ms)
            self._decided_at = decided_at
        if verdict.problem is None:
            kind = _OPEN[reason] if decision.gate_opens else _SHUT[reason]
        else:
            kind = _KIND.format("recorded", verdict.problem, "open")
        money = self._free
        if fare or fare_waived:
            money = f'"fare":{fare},"fare_waived":{fare_waived},"currency":"{self._currency}"'
        return (
            f'{{"tap_id":"{tap.tap_id}",{kind},{money},"journey":{journey},"policy_version":{policy},'
            f'"tariff_version":{tariff},"decided_at":"{decided_at[1]}"'
            f"{_SUSPECT if decision.clock_suspect else '}'}"
        )

    def _write_journey(self, entry: OpenJourney, station_id: str | None, at_ms: int) -> str:
        """A journey that an exit ended."""
        entered_at_ms = entry.entered_at_ms
        elapsed_ms = at_ms - entered_at_ms if at_ms > entered_at_ms else 0
        return (
            f'{{"entry_tap_id":"{entry.tap_id}","entry_station":"{entry.station_id}",'
            f'"entered_at":"{self._format_time(entered_at_ms)}",'
            f'"exit_station":"{station_id}","exited_at":"{self._format_time(at_ms)}",'
            f'"elapsed_ms":{elapsed_ms}}}'
        )
