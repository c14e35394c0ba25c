"""Holds the ledger, read back tap by tap, against what was answered and what the rule says."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from simulator.auditor.acknowledged import Acknowledged, Tap
from simulator.auditor.answers import Answer, Difference
from simulator.auditor.branch import Known
from simulator.auditor.history import History
from simulator.auditor.moments import read_moment
from simulator.auditor.rule import CONDITIONS
from simulator.auditor.verdict import Verdict

Stored = Mapping[str, Any]
_HELD: Final = {True: "held", False: "failed", None: "not_applicable"}


class ReadingBack:
    """Takes what `GET /v1/taps/{tap_id}` answers."""

    def __init__(self, verdict: Verdict, acknowledged: Acknowledged) -> None:
        self._verdict = verdict
        self._acknowledged = acknowledged

    def take(self, tap_id: str, status: int, stored: Stored | None, place: int, at_ms: int) -> None:
        """One tap of the ledger, or that it has none."""
        checked, verdict = self._verdict.checked, self._verdict
        checked["taps read back"] += 1
        tap = self._acknowledged.taps[tap_id]
        if status == 404:
            self._take_missing(tap_id, tap)
            return
        if status != 200 or stored is None:
            verdict.find("unreadable-answer", f"reading back is answered {status}", [tap_id])
            return
        try:
            tap.received_ms = read_moment(stored["received_at"])
            tap.came_offline = stored.get("offline") is True
            differences = self._compare(tap_id, tap, stored, place, at_ms)
        except (KeyError, TypeError, ValueError) as error:
            differences = [("unreadable-answer", f"the explanation cannot be read: {error!r}")]
        if stored.get("conflicts") and len(tap.contents) < 2 and len(tap.reports) < 2:
            message = f"{stored['conflicts']} are stored, and nothing contradicts"
            verdict.find("conflict-without-cause", message, [tap_id])
        if differences:
            message = "; ".join(why for _, why in differences)
            verdict.find(differences[0][0], message, [tap_id])

    def _take_missing(self, tap_id: str, tap: Tap) -> None:
        document = tap.document
        if document is not None:
            self._verdict.find("tap-lost", f"answered {tap.text}, and not stored", [tap_id])
            self._verdict.checked["fen fare of taps read back"] += document["fare"]
            return
        for history in tap.histories:
            if not history.refute(tap_id):
                self._verdict.find("never-stored", "other answers need this tap", [tap_id])

    def _compare(
        self, tap_id: str, tap: Tap, stored: Stored, place: int, at_ms: int
    ) -> list[Difference]:
        checked, document = self._verdict.checked, tap.document
        if document is None:
            checked["taps stored that nobody was told"] += 1
            checked["fen fare that nobody was told"] += stored["fare"]
            answer = Answer(200, "", stored)
            # Of several tokens under one tap_id, one is stored: the others only came too late.
            found = [history.confirm(tap_id, answer, place, at_ms) for history in tap.histories]
            differences = min(found, key=len)
            if differences:
                return differences
        else:
            checked["fen fare of taps read back"] += document["fare"]
            checked["fen fare stored"] += stored["fare"]
        found = [
            _choose(history, tap_id, document, stored)
            for history in tap.histories
            if any(tap_id in branch.known for branch in history.branches)
        ]
        return min(found, key=len, default=[("never-stored", "no request explains it")])


def _choose(
    history: History, tap_id: str, document: Stored | None, stored: Stored
) -> list[Difference]:
    """Keep the orders that explain what is stored; what is wrong when none does."""
    found = [
        (list(_list_differences(document, branch.known[tap_id], stored)), branch)
        for branch in history.branches
        if tap_id in branch.known
    ]
    explained = [branch for differences, branch in found if not differences]
    if explained:
        history.branches = explained
        return []
    return min(found, key=lambda each: len(each[0]))[0]


def _list_differences(
    document: Stored | None, known: Known, stored: Stored
) -> Iterator[Difference]:
    yield from _list_stored_otherwise(document, known, stored)
    yield from _list_explained_otherwise(known, stored)
    yield from _list_reported_otherwise(known, stored)


def _list_stored_otherwise(
    document: Stored | None, known: Known, stored: Stored
) -> Iterator[Difference]:
    """How the ledger's tap differs from the one that was acknowledged and sent."""
    for field, value in (document or {}).items():
        if field not in stored or stored[field] != value:
            yield "stored-otherwise", f"{field} is {stored.get(field)!r}, answered {value!r}"
    content = known.content
    sent = {
        "gate_id": content.gate_id,
        "direction": content.direction,
        "medium_type": content.medium_type,
    }
    for field, value in sent.items():
        if stored[field] != value:
            yield "stored-otherwise", f"{field} is {stored[field]!r}, sent as {value!r}"
    if read_moment(stored["occurred_at"]) != content.at_ms:
        yield "stored-otherwise", f"occurred_at is {stored['occurred_at']}, which was not sent"


def _list_explained_otherwise(known: Known, stored: Stored) -> Iterator[Difference]:
    """How the explanation differs from what the rule says."""
    ruling = known.ruling
    if ruling is None:
        return
    found, fare = stored["journey_found"], stored["incomplete_fare"]
    if (found, fare) != (ruling.found, ruling.incomplete_fare):
        expected = f"{ruling.found} with {ruling.incomplete_fare} fen"
        yield (
            "explained-otherwise",
            f"the journey found is given as {found} with {fare} fen instead of {expected}",
        )
    modes = frozenset(stored["degraded_modes"])
    if modes != ruling.modes:
        expected_modes = sorted(ruling.modes)
        yield "explained-otherwise", f"modes are {sorted(modes)} instead of {expected_modes}"
    held = [(each["condition"], each["held"]) for each in stored["conditions"]]
    expected_held = [
        (name, _HELD[kept]) for (name, _), kept in zip(CONDITIONS, ruling.conditions, strict=False)
    ]
    if held != expected_held:
        yield "explained-otherwise", f"conditions are {held} instead of {expected_held}"


def _list_reported_otherwise(known: Known, stored: Stored) -> Iterator[Difference]:
    """How the report beside a tap differs from the one that counts."""
    report, found = known.report, stored["report"]
    expected = None if report is None else (*report, known.taken_back)
    answered = found and (
        found["gate_action_taken"],
        found["fare_taken"],
        found["passed"],
        found["returned_to_before"],
    )
    if expected != answered:
        yield "report-stored-otherwise", f"the report is {answered} instead of {expected}"
