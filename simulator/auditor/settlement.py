"""What settlement must issue for one token: its taps decided again, each at its place.

Written from the text of the rule (docs/settlement.md). What was decided keeps its order; a tap that
was late, of a wrong clock, quarantined and repaired since, or refused while its gate opened all the
same, goes before the first decided one that occurred later. All times are corrected ones.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from simulator.auditor.acknowledged import Tap
from simulator.auditor.branch import Branch, Known
from simulator.auditor.clocks import AHEAD_MAX_MS, Clocks, Shown
from simulator.auditor.facts import Fact, find_open_entry
from simulator.auditor.history import History
from simulator.auditor.published import Published
from simulator.auditor.rule import Ruling, rule_again
from simulator.auditor.verdict import Verdict

FARE, MISSING_EXIT = "fare", "missing_exit"

Differences = Mapping[tuple[str, str], int]
"""Fen to issue, by tap and kind."""


class Facts(NamedTuple):
    """All that settlement goes by beside the taps: `now_ms` is its own clock."""

    published: Published
    clocks: Clocks
    taps: Mapping[str, Tap]
    now_ms: int


class _Placed(NamedTuple):
    """A tap with its corrected time in its content; `was_moved`: its gate's clock was wrong."""

    tap_id: str
    known: Known
    at_gate_ms: int

    @property
    def was_moved(self) -> bool:
        return self.known.content.at_ms != self.at_gate_ms


class _Again(NamedTuple):
    """A tap decided again; `passed` says that it is a passage now."""

    tap_id: str
    known: Known
    ruling: Ruling | None
    passed: bool


def check_settlement(
    verdict: Verdict,
    issued: Iterable[Mapping[str, Any]],
    histories: Iterable[History],
    facts: Facts,
) -> None:
    """Hold what was issued for each tap, once, to what its token's taps come to."""
    by_key: dict[tuple[str, str], int] = {}
    for one in issued:
        key = one["tap_id"], one["kind"]
        verdict.checked["adjustments"] += 1
        verdict.checked[f"fen settled as {one['kind']}"] += one["fare"]
        if key in by_key:
            verdict.find("settled-twice", f"{one['kind']} of {one['fare']} fen", [one["tap_id"]])
        by_key[key] = by_key.get(key, 0) + one["fare"]
    for history in histories:
        branches = history.branches
        if history.gave_up or any(_is_skew_unknown(branch, facts) for branch in branches):
            verdict.checked["tokens not settled again"] += 1
            continue
        verdict.checked["tokens settled again"] += 1
        expected = [find_differences(branch, facts) for branch in branches]
        known = branches[0].known
        actual = {key: fare for key, fare in by_key.items() if key[0] in known and fare}
        if actual not in expected:
            message = f"{actual} instead of {expected[0]}"
            differing = {key[0] for key, _ in actual.items() ^ expected[0].items()}
            verdict.find("wrong-settlement", message, sorted(differing))


def find_differences(branch: Branch, facts: Facts) -> Differences:
    """All that must have been issued for a token by now, added up; what comes to nothing is not."""
    passages: list[Fact] = []
    claims: dict[str, int] = {}
    fares: dict[tuple[str, str], int] = {}
    for again in _decide_again(branch, facts, passages, claims):
        fares[again.tap_id, FARE] = _find_due(again) - _find_collected(again.known)
    entry = find_open_entry(passages)
    if entry is not None and entry.has_expired(facts.now_ms):
        last_ms = max(entry.at_ms, entry.tariff.expires_at(entry.at_ms) - 1)
        if not facts.published.gates_stood_open(entry.at_ms, last_ms):
            medium_type = branch.known[entry.tap_id].content.medium_type
            fare = entry.tariff.price(entry.tariff.missing_exit_fare, medium_type)
            claims[entry.tap_id] = fare
    fares |= {(tap_id, MISSING_EXIT): fare for tap_id, fare in claims.items()}
    return {key: fare for key, fare in fares.items() if fare}


def _is_skew_unknown(branch: Branch, facts: Facts) -> bool:
    """Whether the clock of some tap was wrong and nobody outside knows by how much."""
    return any(
        known.suspect and not facts.clocks.knows(known.content.gate_id)
        for known in branch.known.values()
    )


def _decide_again(
    branch: Branch, facts: Facts, passages: list[Fact], claims: dict[str, int]
) -> Iterator[_Again]:
    for placed in _put_in_order(branch, facts):
        tap_id, known, _ = placed
        if _is_refused(known):
            yield _Again(tap_id, known, None, False)
            continue
        live, report = known.ruling, known.report
        if live is not None and placed.was_moved and _is_other_then(placed, facts.published):
            live = None  # it pins nothing of a time that was not its own
        before = find_open_entry(passages)
        modes = None if live is None else live.modes
        ruling = rule_again(tap_id, known.content, passages, facts.published, modes)
        fact = ruling.fact
        assert fact is not None
        if live is not None and live.fact is not None:  # what the tap itself pinned stays
            fact = fact._replace(policy=live.fact.policy, suspended=live.fact.suspended)
        opened = ruling.gate_action == "open"
        if report is not None:
            opened = report.action == "open" and not report.nobody_passed
        if opened:
            passages.append(fact)
            if ruling.found in ("superseded", "expired") and before is not None:
                claims[before.tap_id] = ruling.incomplete_fare
        yield _Again(tap_id, known, ruling, opened)


def _is_other_then(placed: _Placed, published: Published) -> bool:
    """Whether other versions, modes or a suspension were in force than at what the gate showed."""
    station = published.gates[placed.known.content.gate_id].station_id

    def in_force(at_ms: int) -> tuple[object, ...]:
        return (
            published.tariff_at(at_ms),
            published.policy_at(station, at_ms),
            published.is_suspended(station, at_ms),
            published.modes_at(station, at_ms),
        )

    return in_force(placed.known.content.at_ms) != in_force(placed.at_gate_ms)


def _put_in_order(branch: Branch, facts: Facts) -> list[_Placed]:
    ordered: list[_Placed] = []
    to_place: list[_Placed] = []
    for tap_id, known in branch.known.items():
        placed = _correct(tap_id, known, facts)
        ruling = known.ruling
        if ruling is None:
            if _is_repaired(placed.known, facts):
                to_place.append(placed)
        elif placed.was_moved or ruling.outcome in ("late", "refused"):
            to_place.append(placed)
        else:
            ordered.append(placed)
    decided = len(ordered)
    for one in sorted(to_place, key=_moment, reverse=True):
        later = (place for place in range(decided) if _moment(ordered[place]) > _moment(one))
        decided = next(later, decided)
        ordered.insert(decided, one)
    return ordered


def _correct(tap_id: str, known: Known, facts: Facts) -> _Placed:
    """A tap at the time at which it was made, as far as anybody knows."""
    content = known.content
    tap = facts.taps[tap_id]
    received_ms = content.at_ms if tap.received_ms is None else tap.received_ms
    shown = Shown(
        content.gate_id, content.at_ms, received_ms, not tap.came_offline and not known.suspect
    )
    at_ms = facts.clocks.correct(shown, facts.published)
    return _Placed(tap_id, known._replace(content=content._replace(at_ms=at_ms)), content.at_ms)


def _moment(one: _Placed) -> tuple[int, str]:
    return one.known.content.at_ms, one.tap_id


def _is_repaired(known: Known, facts: Facts) -> bool:
    """Whether nothing stands in the way any more of a tap that was quarantined."""
    content, published = known.content, facts.published
    gate = published.gates.get(content.gate_id)
    return (
        gate is not None
        and content.direction in gate.directions
        and content.medium_type in published.media
        and known.problem != "medium-id-invalid"
        and content.at_ms <= facts.now_ms + AHEAD_MAX_MS
        and published.tariff_at(content.at_ms) is not None
    )


def _is_refused(known: Known) -> bool:
    ruling, report = known.ruling, known.report
    if ruling is None or ruling.outcome != "refused":
        return False
    opened = report is not None and report.action == "open" and not report.nobody_passed
    return ruling.reason == "ride_code_invalid" or not opened


def _find_collected(known: Known) -> int:
    if known.report is not None:
        return known.report.fare_taken
    return known.ruling.fare if known.ruling is not None else 0


def _find_due(again: _Again) -> int:
    """The fare it costs; where nobody passed, nothing.

    Who was let out where the rule keeps the gate shut pays for an unmatched exit.
    """
    known, ruling = again.known, again.ruling
    if ruling is None or (known.report is not None and not again.passed):
        return 0
    if again.passed and ruling.gate_action != "open":
        assert ruling.fact is not None
        tariff = ruling.fact.tariff
        return tariff.price(tariff.unmatched_exit_fare, known.content.medium_type)
    return ruling.fare
