"""Writes a verdict as the contract's JSON, once: the live answer and every later one.

Everything that goes into the text is an id of safe characters, a code or a number, so nothing
needs escaping; `tests/api/test_answers.py` holds it against the model of the contract.
"""

from typing import Final

from api.times import format_ms
from fare_engine.conditions import FAILURES
from fare_engine.decision import Closing, Outcome, Reason
from fare_engine.verdict import Verdict

_KIND: Final = {
    int(reason): f'"outcome":"{reason.outcome.code}","reason":"{reason.code}"' for reason in Reason
}
_RECORDED: Final = '"outcome":"recorded","reason":"{}"'
_SUSPECT: Final = ',"clock_suspect":true}'
_CONSUMED: Final = Closing.CONSUMED
_ENTERED: Final = frozenset(reason for reason in Reason if reason.outcome is Outcome.ENTERED)
_POLICY_READ: Final = _ENTERED | {Reason.SAME_STATION_WITHIN_WINDOW, *FAILURES}
"""An entry pins the policy, and an exit at the same station is judged by it; no other reads it."""


class AnswerWriter:
    """Writes the answers of one network: times told in its zone, money in its currency."""

    def __init__(self, zone: str, currency: str) -> None:
        self._zone = zone
        self._currency = currency
        self._decided_at = (-1, "")

    def write(self, verdict: Verdict) -> str:
        """The body that answers a tap."""
        tap, decision, station_id, _, decided_at_ms, _, problem, _ = verdict
        reason, gate_opens, fare, fare_waived, _, entry, closing, terms, _, _, suspect = decision
        zone = self._zone
        policy: int | str = "null"
        tariff: int | str = "null"
        journey = "null"
        if terms is not None:
            tariff = terms.tariff.version
            if terms.policy is not None and reason in _POLICY_READ:
                policy = terms.policy.version
        if closing == _CONSUMED and entry is not None:
            at_ms, entered_at_ms = tap.occurred_at_ms, entry.entered_at_ms
            elapsed_ms = at_ms - entered_at_ms if at_ms > entered_at_ms else 0
            journey = (
                f'{{"entry_tap_id":"{entry.tap_id}","entry_station":"{entry.station_id}",'
                f'"entered_at":"{format_ms(entered_at_ms, zone)}",'
                f'"exit_station":"{station_id}","exited_at":"{format_ms(at_ms, zone)}",'
                f'"elapsed_ms":{elapsed_ms}}}'
            )
        elif reason in _ENTERED:
            journey = (
                f'{{"entry_tap_id":"{tap.tap_id}","entry_station":"{station_id}",'
                f'"entered_at":"{format_ms(tap.occurred_at_ms, zone)}",'
                '"exit_station":null,"exited_at":null,"elapsed_ms":null}'
            )
        decided_at = self._decided_at
        if decided_at[0] != decided_at_ms:  # nearly all taps of a batch share it
            self._decided_at = decided_at = decided_at_ms, format_ms(decided_at_ms, zone)
        kind = _KIND[reason] if problem is None else _RECORDED.format(problem)
        return (
            f'{{"tap_id":"{tap.tap_id}",{kind},"gate_action":'
            f'"{"open" if gate_opens else "refuse"}","fare":{fare},"fare_waived":{fare_waived},'
            f'"currency":"{self._currency}","journey":{journey},"policy_version":{policy},'
            f'"tariff_version":{tariff},"decided_at":"{decided_at[1]}"'
            f"{_SUSPECT if suspect else '}'}"
        )
