"""Each token's chain: numbers without forks and gaps, and taps decided on the states they had."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from fare_engine.journey import BLANK, TokenState
from fare_engine.ports import Changes, DecidedTap, StoredReport

Rows = Mapping[int, DecidedTap]


def list_untrue(changes: Changes, heads: Mapping[bytes, TokenState], rows: Rows) -> Iterator[str]:
    """The taps of a commit that were decided on a state that their token did not have then.

    A commit has one state a number: those of the heads, and what its own taps and reports make.
    """
    if len(changes.taps) == 1 and not changes.reports:
        (one,) = changes.taps
        token, before = one.verdict.tap.token, one.before
        if before is not heads.get(token, BLANK):  # mostly it is the very object
            yield from _list_untrue_of(token, changes, heads, rows)
        return
    for token in {one.verdict.tap.token for one in changes.taps}:
        yield from _list_untrue_of(token, changes, heads, rows)


def _list_untrue_of(
    token: bytes, changes: Changes, heads: Mapping[bytes, TokenState], rows: Rows
) -> Iterator[str]:
    taps = [one for one in changes.taps if one.verdict.tap.token == token]
    by_row = {one.verdict.row: one for one in taps}
    head = heads.get(token, BLANK)
    states = {head.number: head}
    for report in changes.reports:
        if report.number is not None:
            tapped = by_row.get(report.row) or rows.get(report.row)
            if tapped is not None and tapped.verdict.tap.token == token:
                states[report.number] = tapped.before.replace(number=report.number)
    states.update({one.after.number: one.after for one in taps if one.after is not one.before})
    for one in taps:
        true = states.get(one.before.number)
        if one.verdict.problem is None and (true is None or not is_same(one.before, true)):
            yield f"decided on a state that was not its token's: {one.verdict.tap.tap_id}"


def is_same(state: TokenState, other: TokenState) -> bool:
    """Whether two states are the same; their terms may be other objects of the same versions."""
    return state is other or _describe(state) == _describe(other)


def _describe(state: TokenState) -> tuple[Any, ...]:
    journey = state.open
    entered: tuple[Any, ...] = ()
    if journey is not None:
        terms = journey.terms
        entered = (
            journey.replace(terms=None),
            terms.tariff.version,
            terms.policy and terms.policy.version,
            terms.suspended,
            terms.modes,
        )
    return state.replace(open=None), entered


def list_broken_chains(
    heads: Mapping[bytes, TokenState], rows: Rows, reports: Mapping[int, StoredReport]
) -> Iterator[str]:
    """Tokens whose numbers, of taps and of reports that took taps back, do not rise by one."""
    numbers: dict[bytes, list[int]] = defaultdict(list)
    for one in rows.values():
        if one.after is not one.before:
            numbers[one.verdict.tap.token].append(one.after.number)
    for report in reports.values():
        if report.number is not None and report.row in rows:
            numbers[rows[report.row].verdict.tap.token].append(report.number)
    for token, found in numbers.items():
        last = heads.get(token, BLANK).number
        if sorted(found) != list(range(1, last + 1)):
            yield f"the chain of {token.hex()} has {sorted(found)} and ends at {last}"
