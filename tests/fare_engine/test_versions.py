"""Versions: which is in force, which contradict each other, and the timeline made of them."""

from dataclasses import dataclass
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fare_engine.versions import Timeline, find_in_force, list_in_force_since, list_overlaps


@dataclass(frozen=True)
class Rule:
    version: int
    effective_from_ms: int
    effective_to_ms: int | None = None


def version_at(rules: list[Rule], at_ms: int) -> int | None:
    found = find_in_force(rules, at_ms)
    return found.version if found else None


def test_nothing_is_in_force_where_nothing_was_published() -> None:
    assert find_in_force(list[Rule](), 0) is None


@pytest.mark.parametrize(("at_ms", "version"), [(999, None), (1_000, 1), (1_001, 1)])
def test_a_version_is_in_force_from_its_first_instant(at_ms: int, version: int | None) -> None:
    assert version_at([Rule(1, 1_000)], at_ms) == version


@pytest.mark.parametrize(("at_ms", "version"), [(1_999, 1), (2_000, None), (2_001, None)])
def test_a_version_is_no_longer_in_force_at_its_end(at_ms: int, version: int | None) -> None:
    assert version_at([Rule(1, 1_000, 2_000)], at_ms) == version


@pytest.mark.parametrize(
    ("at_ms", "version"), [(999, None), (1_000, 1), (1_999, 1), (2_000, 2), (9_000, 2)]
)
def test_the_version_that_began_last_is_in_force(at_ms: int, version: int | None) -> None:
    for rules in permutations([Rule(1, 1_000), Rule(2, 2_000)]):
        assert version_at(list(rules), at_ms) == version


def test_a_lower_version_that_begins_later_is_in_force() -> None:
    assert version_at([Rule(2, 1_000), Rule(1, 2_000)], 2_000) == 1


def test_of_two_that_begin_together_the_higher_version_is_in_force() -> None:
    for rules in permutations([Rule(1, 1_000), Rule(2, 1_000), Rule(10, 1_000)]):
        assert version_at(list(rules), 1_000) == 10


def test_an_earlier_version_never_comes_back() -> None:
    rules = [Rule(1, 1_000), Rule(2, 2_000, 3_000)]
    assert [version_at(rules, at_ms) for at_ms in (1_999, 2_000, 2_999, 3_000)] == [1, 2, 2, None]


def test_a_version_may_end_before_it_begins_and_holds_never() -> None:
    assert version_at([Rule(1, 1_000), Rule(2, 2_000, 2_000)], 2_000) is None


@pytest.mark.parametrize(
    ("rules", "pairs"),
    [
        ([], []),
        ([Rule(1, 0)], []),
        ([Rule(1, 0), Rule(2, 10)], []),
        ([Rule(1, 0, 10), Rule(2, 10)], []),
        ([Rule(1, 0, 11), Rule(2, 10)], [(1, 2)]),
        ([Rule(2, 10), Rule(1, 0, 11)], [(1, 2)]),
        ([Rule(1, 0, 9), Rule(2, 10)], []),
        ([Rule(1, 0, 20), Rule(2, 0, 30)], []),
        ([Rule(1, 0, 20), Rule(2, 5, 10)], [(1, 2)]),
        ([Rule(1, 0, 20), Rule(2, 5, 30), Rule(3, 15)], [(1, 2), (1, 3), (2, 3)]),
    ],
)
def test_two_periods_that_claim_one_instant_are_listed(
    rules: list[Rule], pairs: list[tuple[int, int]]
) -> None:
    assert [(one.version, two.version) for one, two in list_overlaps(rules)] == pairs


def test_a_timeline_tells_what_holds_from_each_break_on() -> None:
    timeline = Timeline([2_000, 1_000, 2_000, 3_000], lambda start_ms: f"from {start_ms}")
    assert timeline.find(999) is None
    assert timeline.find(1_000) == timeline.find(1_999) == "from 1000"
    assert timeline.find(2_000) == timeline.find(2_999) == "from 2000"
    assert timeline.find(3_000) == timeline.find(10**15) == "from 3000"


def test_an_empty_timeline_holds_nothing() -> None:
    assert Timeline(list[int](), lambda start_ms: start_ms).find(0) is None


def _rules() -> st.SearchStrategy[list[Rule]]:
    instants = st.integers(0, 12)
    ends = st.none() | instants
    return st.lists(st.tuples(instants, ends), max_size=6).map(
        lambda periods: [Rule(place, *period) for place, period in enumerate(periods, start=1)]
    )


@given(_rules())
def test_a_timeline_cut_at_all_ends_says_what_asking_at_each_instant_says(
    rules: list[Rule],
) -> None:
    breaks = [rule.effective_from_ms for rule in rules]
    breaks += [rule.effective_to_ms for rule in rules if rule.effective_to_ms is not None]
    timeline = Timeline(breaks, lambda start_ms: version_at(rules, start_ms))
    for at_ms in range(-1, 14):
        assert timeline.find(at_ms) == version_at(rules, at_ms)


@pytest.mark.parametrize(
    ("since_ms", "versions"),
    [
        (0, [1, 3, 4]),
        (1_999, [1, 3, 4]),
        (2_000, [3, 4]),
        (2_999, [3, 4]),
        (3_000, [4]),
        (9_000, [4]),
    ],
)
def test_what_is_in_force_at_an_instant_or_later(since_ms: int, versions: list[int]) -> None:
    rules = [Rule(1, 1_000), Rule(2, 2_000), Rule(3, 2_000, 3_000), Rule(4, 5_000)]
    assert [rule.version for rule in list_in_force_since(rules, since_ms)] == versions
