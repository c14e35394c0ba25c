"""Paired figures: the median of each side, and the median ratio with its 95 % interval."""

from collections.abc import Mapping, Sequence
from math import comb
from statistics import median
from typing import Any, Final, NamedTuple

CONFIDENCE: Final = 0.95
HEAD: Final = (
    "| figure | better | before | after | ratio after/before | 95 % interval |",
    "|---|---|---|---|---|---|",
)


class Kind(NamedTuple):
    """What a figure is, its unit and digits after the point, and which way is better."""

    title: str
    unit: str
    digits: int
    better: str


KINDS: Final[Mapping[str, Kind]] = {
    "single": Kind("single taps over 64 connections", "taps/s", 0, "more"),
    "p99": Kind("p99 at 1,500 single taps/s from the scheduled arrival", "ms", 2, "less"),
    "p999": Kind("p99.9 at 1,500 single taps/s from the scheduled arrival", "ms", 2, "less"),
    "driver_late_p99": Kind("p99 of the driver's own lateness in that", "ms", 2, "less"),
    "batch_100": Kind("batches of 100, one station each", "taps/s", 0, "more"),
    "batch_1000": Kind("batches of 1,000, gates mixed", "taps/s", 0, "more"),
    "processor_single": Kind("processor time a tap, single taps", "µs", 1, "less"),
    "processor_batch": Kind("processor time a tap, batches of 1,000", "µs", 1, "less"),
    "restart": Kind("killed, started, two right answers", "s", 2, "less"),
}


class Comparison(NamedTuple):
    """A figure of all pairs at one size of the ledger, in the order of the pairs."""

    name: str
    rows: int
    before: Sequence[float]
    after: Sequence[float]

    @property
    def ratios(self) -> list[float]:
        """After by before, of each pair."""
        return [after / before for before, after in zip(self.before, self.after, strict=True)]


def find_interval(values: Sequence[float]) -> tuple[float, float] | None:
    """Where the median lies with at least 95 % confidence; None for fewer than 6 values.

    By order statistics, so nothing is supposed about how the values are spread: the k-th least
    and the k-th greatest, for the greatest k whose binomial tails hold at most 2.5 % each.
    """
    count = len(values)
    below = 0.0
    k = 0
    while below + comb(count, k) / 2**count <= (1 - CONFIDENCE) / 2:
        below += comb(count, k) / 2**count
        k += 1
    if k == 0:
        return None
    ordered = sorted(values)
    return ordered[k - 1], ordered[count - k]


def make_table(comparisons: Sequence[Comparison]) -> list[str]:
    """The lines of a Markdown table."""
    return [*HEAD, *map(_make_row, comparisons)]


def make_document(comparisons: Sequence[Comparison]) -> list[dict[str, Any]]:
    """The same for programs, with the figures of every pair."""
    return [
        {
            "figure": comparison.name,
            "unit": KINDS[comparison.name].unit,
            "better": KINDS[comparison.name].better,
            "rows": comparison.rows,
            "before": list(comparison.before),
            "after": list(comparison.after),
            "median_ratio": median(comparison.ratios),
            "interval": find_interval(comparison.ratios),
        }
        for comparison in comparisons
    ]


def _make_row(comparison: Comparison) -> str:
    kind = KINDS[comparison.name]
    interval = find_interval(comparison.ratios)
    cells = (
        f"{kind.title}, {comparison.rows:,} rows before",
        kind.better,
        _format_side(comparison.before, kind),
        _format_side(comparison.after, kind),
        f"{median(comparison.ratios):.3f}",
        "too few pairs" if interval is None else f"{interval[0]:.3f}–{interval[1]:.3f}",
    )
    return f"| {' | '.join(cells)} |"


def _format_side(values: Sequence[float], kind: Kind) -> str:
    middle, least, greatest = (
        f"{value:,.{kind.digits}f}" for value in (median(values), min(values), max(values))
    )
    return f"{middle} {kind.unit} ({least}–{greatest})"
