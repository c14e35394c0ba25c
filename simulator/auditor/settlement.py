"""What settlement must issue for one token: its taps decided again, each at its place.

Written from the text of the rule (docs/settlement.md). What was decided keeps its order; a tap that
was late, quarantined and repaired since, or refused while its gate opened all the same, goes before
the first decided one that occurred later.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from simulator.auditor.branch import Branch, Known
from simulator.auditor.facts import Fact, find_open_entry
from simulator.auditor.history import History
from simulator.auditor.published import Published
from simulator.auditor.rule import Ruling, rule_again
from simulator.auditor.verdict import Verdict

FARE, MISSING_EXIT = "fare", "missing_exit"

Differences = Mapping[tuple[str, str], int]
"""Fen to issue, by tap and kind."""


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
    published: Published,
    at_ms: int,
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
        if history.gave_up or any(_has_suspect(branch) for branch in branches):
            verdict.checked["tokens not settled again"] += 1
            continue
        verdict.checked["tokens settled again"] += 1
        expected = [find_differences(branch, published, at_ms) for branch in branches]
        known = branches[0].known
        actual = {key: fare for key, fare in by_key.items() if key[0] in known and fare}
        if actual not in expected:
            message = f"{actual} instead of {expected[0]}"
            differing = {key[0] for key, _ in actual.items() ^ expected[0].items()}
            verdict.find("wrong-settlement", message, sorted(differing))


def find_differences(branch: Branch, published: Published, now_ms: int) -> Differences:
    """All that must have been issued for a token by now, added up; what comes to nothing is not."""
    facts: list[Fact] = []
    claims: dict[str, int] = {}
    fares: dict[tuple[str, str], int] = {}
    for again in _decide_again(branch, published, facts, claims, now_ms):
        fares[again.tap_id, FARE] = _find_due(again) - _find_collected(again.known)
    entry = find_open_entry(facts)
    if entry is not None and entry.has_expired(now_ms):
        last_ms = max(entry.at_ms, entry.tariff.expires_at(entry.at_ms) - 1)
        if not published.gates_stood_open(entry.at_ms, last_ms):
            medium_type = branch.known[entry.tap_id].content.medium_type
            fare = entry.tariff.price(entry.tariff.missing_exit_fare, medium_type)
            claims[entry.tap_id] = fare
    fares |= {(tap_id, MISSING_EXIT): fare for tap_id, fare in claims.items()}
    return {key: fare for key, fare in fares.items() if fare}


def _has_suspect(branch: Branch) -> bool:
    """Whether the clock of some tap was wrong: by how much exactly, nobody outside knows."""
    return any(known.suspect for known in branch.known.values())


def _decide_again(
    branch: Branch,
    published: Published,
    facts: list[Fact],
    claims: dict[str, int],
    now_ms: int,
) -> Iterator[_Again]:
    for tap_id, known in _put_in_order(branch, published, now_ms):
        if _is_refused(known):
            yield _Again(tap_id, known, None, False)
            continue
        live, report = known.ruling, known.report
        before = find_open_entry(facts)
        ruling = rule_again(tap_id, known.content, facts, published, live and live.modes)
        fact = ruling.fact
        assert fact is not None
        if live is not None and live.fact is not None:  # what the tap itself pinned stays
            fact = fact._replace(policy=live.fact.policy, suspended=live.fact.suspended)
        opened = ruling.gate_action == "open"
        if report is not None:
            opened = report.action == "open" and not report.nobody_passed
        if opened:
            facts.append(fact)
            if ruling.found in ("superseded", "expired") and before is not None:
                claims[before.tap_id] = ruling.incomplete_fare
        yield _Again(tap_id, known, ruling, opened)


def _put_in_order(branch: Branch, published: Published, now_ms: int) -> list[tuple[str, Known]]:
    ordered: list[tuple[str, Known]] = []
    to_place: list[tuple[str, Known]] = []
    for tap_id, known in branch.known.items():
        ruling = known.ruling
        if ruling is None:
            if _is_repaired(known, published, now_ms):
                to_place.append((tap_id, known))
        elif ruling.outcome in ("late", "refused"):
            to_place.append((tap_id, known))
        else:
            ordered.append((tap_id, known))
    decided = len(ordered)
    for one in sorted(to_place, key=_moment, reverse=True):
        later = (place for place in range(decided) if _moment(ordered[place]) > _moment(one))
        decided = next(later, decided)
        ordered.insert(decided, one)
    return ordered


def _moment(one: tuple[str, Known]) -> tuple[int, str]:
    return one[1].content.at_ms, one[0]


def _is_repaired(known: Known, published: Published, now_ms: int) -> bool:
    """Whether nothing stands in the way any more of a tap that was quarantined."""
    content = known.content
    gate = published.gates.get(content.gate_id)
    return (
        gate is not None
        and content.direction in gate.directions
        and content.medium_type in published.media
        and known.problem != "medium-id-invalid"
        and content.at_ms <= now_ms
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
