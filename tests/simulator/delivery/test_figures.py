"""The figures of a run are right, and what was no part of it does not count."""

import random

import numpy as np
import pytest

from simulator.delivery.figures import Figures, Histogram


def test_quantiles_agree_with_the_exact_ones_within_a_thousandth() -> None:
    chance = random.Random(7)
    seconds = [chance.lognormvariate(-6, 1) for _ in range(5_000)]
    histogram = Histogram()
    for taken in seconds:
        histogram.add(taken)
    document = histogram.document()
    assert document is not None
    assert document["count"] == 5_000
    for name, share in (("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p999", 0.999), ("max", 1)):
        exact_ms = float(np.quantile(seconds, share, method="inverted_cdf")) * 1_000
        assert document[name] == pytest.approx(exact_ms, rel=0.002, abs=0.002)
    curve = histogram.list_curve()
    assert curve[-1] == {"percentile": 100, "ms": document["max"]}
    assert [point["ms"] for point in curve] == sorted(point["ms"] for point in curve)


def test_nothing_measured_is_no_figure() -> None:
    figures = Figures(1.0)
    figures.add(0.999, 5.0, 1)
    figures.add_lateness(0.999, 5.0)
    assert figures.latency.document() is None
    assert figures.lateness.document() is None
    assert figures.latency.list_curve() == figures.list_stretches() == []
    assert figures.rate_held() == 0


def test_the_rate_held_counts_taps_from_the_warm_up_to_the_last_answer() -> None:
    figures = Figures(1.0)
    for number in range(100):
        figures.add(1 + number / 100, 0.01, 10)
    assert figures.rate_held() == pytest.approx(1_000, rel=0.001)
    (stretch,) = figures.list_stretches()
    assert (stretch["second"], stretch["taps_a_second"]) == (1.0, 1_000)
    assert stretch["p50_ms"] == stretch["p99_ms"] == pytest.approx(10)


def test_a_time_before_its_schedule_counts_as_none() -> None:
    histogram = Histogram()
    histogram.add(-0.000_1)
    assert histogram.document() == {
        "count": 1,
        **dict.fromkeys(("p50", "p90", "p99", "p999", "max"), 0.0),
    }
