"""Figures beside their goals: the median of rounds, the least and the greatest."""

import statistics
from collections.abc import Sequence
from typing import NamedTuple

HEAD = (
    "| figure | measured | least–greatest | goal | of the goal |",
    "|---|---|---|---|---|",
)


class Figure(NamedTuple):
    """One line of a table; `share` is what was reached of the goal, None where there is none."""

    name: str
    measured: str
    goal: str
    share: float | None
    spread: str


def rate(
    name: str, values: Sequence[float], goal: float | None = None, unit: str = "taps/s"
) -> Figure:
    """So many a second, more is better."""
    middle = statistics.median(values)
    return Figure(
        name,
        f"{middle:,.0f} {unit}",
        "none" if goal is None else f"≥ {goal:,.0f}",
        None if goal is None else middle / goal,
        f"{min(values):,.0f}–{max(values):,.0f}",
    )


def latency(name: str, values: Sequence[float], goal_ms: float) -> Figure:
    """So many milliseconds, fewer are better."""
    middle = statistics.median(values)
    return Figure(
        name,
        f"{middle:.2f} ms",
        f"≤ {goal_ms:g} ms",
        goal_ms / middle,
        f"{min(values):.2f}–{max(values):.2f}",
    )


def duration(name: str, values: Sequence[float], goal_s: float | None = None) -> Figure:
    """So many seconds, fewer are better."""
    middle = statistics.median(values)
    return Figure(
        name,
        f"{middle:.1f} s",
        "none" if goal_s is None else f"≤ {goal_s:g} s",
        None if goal_s is None else goal_s / middle,
        f"{min(values):.1f}–{max(values):.1f}",
    )


def size_each(name: str, value: float, goal_bytes: float | None = None) -> Figure:
    """So many bytes each, fewer are better; the same in every run."""
    return Figure(
        name,
        f"{value:.0f} B",
        "none" if goal_bytes is None else f"≤ {goal_bytes:g} B",
        None if goal_bytes is None else goal_bytes / value,
        "–",
    )


def format_table(figures: Sequence[Figure]) -> list[str]:
    """The figures as the lines of a table."""
    return [
        *HEAD,
        *(
            f"| {figure.name} | {figure.measured} | {figure.spread} | {figure.goal} "
            f"| {'–' if figure.share is None else format(figure.share, '.0%')} |"
            for figure in figures
        ),
    ]
