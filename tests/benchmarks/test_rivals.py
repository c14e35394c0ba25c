"""The rivals pair the same taps and are held to the rule; who is not installed is named."""

import sys
from collections import Counter
from collections.abc import Callable
from itertools import pairwise

import pytest

from benchmarks.disorder import make_taps
from benchmarks.rivals import frames_polars, naive, ours
from benchmarks.rivals.contest import RIVALS, format_scores, run
from benchmarks.rivals.reference import Pair, Rule
from benchmarks.workload import MORNING_MS, Presented

TAPS = 4_000
Pairing = Callable[[list[Presented]], tuple[list[Pair], float]]


def silent(_text: str) -> None:
    pass


def tap(tap_id: str, direction: str, after_s: int) -> Presented:
    return Presented(
        tap_id, "S00-A-00", direction, "3100000000", bytes(16), MORNING_MS + after_s * 1_000
    )


def test_the_same_seed_makes_the_same_disorder() -> None:
    assert make_taps(TAPS, 42) == make_taps(TAPS, 42)
    assert make_taps(TAPS, 42) != make_taps(TAPS, 43)


def test_the_disorder_holds_all_that_goes_wrong_at_gates() -> None:
    taps = make_taps(TAPS)
    assert len({tap.tap_id for tap in taps}) == TAPS < len(taps)  # some came twice
    in_order_of_clocks: dict[bytes, list[tuple[int, str]]] = {}
    clocks: dict[bytes, int] = {}
    late = 0
    for given in taps:
        late += given.occurred_at_ms < clocks.get(given.token, 0) - 30_000
        clocks[given.token] = max(given.occurred_at_ms, clocks.get(given.token, 0))
        in_order_of_clocks.setdefault(given.token, []).append(
            (given.occurred_at_ms, given.direction)
        )
    assert late > 0
    follow = Counter(
        (before, after)
        for chain in in_order_of_clocks.values()
        for (_, before), (_, after) in pairwise(sorted(set(chain)))
    )
    assert follow["entry", "entry"] > 0  # tapped again, or the exit is missing
    assert follow["exit", "exit"] > 0  # tapped again, or the entry is missing
    assert follow["exit", "entry"] > 0  # the same passengers come back


def test_a_late_tap_is_paired_by_settlement_and_not_before() -> None:
    rule = Rule(
        [
            tap("in1", "entry", 0),
            tap("in2", "entry", 3_600),
            tap("out1", "exit", 300),
            tap("out2", "exit", 3_900),
            tap("out2", "exit", 3_900),
        ]
    )
    assert rule.live == {("in2", "out2")}
    assert rule.settled() == {("in1", "out1"), ("in2", "out2")}


@pytest.mark.parametrize("pairing", [ours.pair_in_process, ours.pair_durably])
def test_the_engine_makes_exactly_the_pairs_of_the_rule(pairing: Pairing) -> None:
    taps = make_taps(TAPS)
    pairs, _ = pairing(taps)
    assert Counter(pairs) == Counter(Rule(taps).live)


def test_an_asof_join_gives_one_entry_to_several_exits() -> None:
    pairs, _ = frames_polars.pair(make_taps(TAPS))
    assert max(Counter(entry for entry, _ in pairs).values()) > 1


def test_a_late_exit_takes_the_next_entry_in_the_naive_design() -> None:
    taps = [tap("in1", "entry", 0), tap("in2", "entry", 3_600), tap("out1", "exit", 300)]
    pairs, _ = naive.pair(taps)
    assert pairs == [("in2", "out1")]
    assert Rule(taps).live == set()


def test_a_rival_that_is_not_installed_is_named_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "duckdb", None)
    monkeypatch.delitem(sys.modules, "benchmarks.rivals.tables_duckdb", raising=False)
    scores = run(200, 1, silent)
    lines = format_scores(scores)
    assert [line for line in lines if "not installed (duckdb)" in line] == [
        line for line in lines if "DuckDB" in line
    ]
    assert [score.rival for score in scores] == list(RIVALS)
    assert len(lines) == 2 + len(RIVALS)


def test_the_same_taps_come_to_the_same_pairs() -> None:
    first, again = (
        {score.rival.name: score.fingerprint for score in run(TAPS, 1, silent)} for _ in range(2)
    )
    print(first)
    assert first == again
