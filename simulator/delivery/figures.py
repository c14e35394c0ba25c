"""Latencies of a run: HDR histograms for the figures, and every value for the charts over time."""

from array import array
from collections.abc import Iterator
from typing import Final

import numpy as np
from hdrh.histogram import HdrHistogram

LATENCY_MAX_US: Final = 3_600_000_000
DIGITS: Final = 3
"""Significant digits of the histograms: a figure is right within a thousandth."""
QUANTILES: Final = {"p50": 50.0, "p90": 90.0, "p99": 99.0, "p999": 99.9}
STRETCHES_MAX: Final = 120
"""Points of a chart over time."""
CURVE: Final = (0, 10, 25, 50, 75, 90, 95, 97.5, 99, 99.5, 99.75, 99.9, 99.95, 99.99, 100)

US_A_SECOND: Final = 1_000_000


class Histogram:
    """Times of a run, in milliseconds."""

    def __init__(self) -> None:
        self._hdr = HdrHistogram(1, LATENCY_MAX_US, DIGITS)

    def add(self, seconds: float) -> None:
        """One more; negative ones, as of a clock read twice within a microsecond, are 0."""
        self._hdr.record_value(min(max(int(seconds * US_A_SECOND), 0), LATENCY_MAX_US))

    @property
    def count(self) -> int:
        """How many."""
        count: int = self._hdr.get_total_count()
        return count

    def document(self) -> dict[str, float] | None:
        """As reports have it; None where there is nothing."""
        if not self.count:
            return None
        quantiles = {name: self._at(percent) for name, percent in QUANTILES.items()}
        return {"count": self.count, **quantiles, "max": self._hdr.get_max_value() / 1_000}

    def list_curve(self) -> list[dict[str, float]]:
        """The distribution, by percentile."""
        if not self.count:
            return []
        return [{"percentile": percent, "ms": self._at(percent)} for percent in CURVE]

    def _at(self, percent: float) -> float:
        value: int = self._hdr.get_value_at_percentile(percent)
        return value / 1_000


class Figures:
    """What is measured of a run once it is warm. 16 bytes a request are kept for charts over time.

    A run without an end does without them: `over_time` False.
    """

    def __init__(self, warm_up_s: float, *, over_time: bool = True) -> None:
        self.warm_up_s = warm_up_s
        self._over_time = over_time
        self.latency = Histogram()
        self.lateness = Histogram()
        self._at_s = array("d")
        self._taken_s = array("f")
        self._taps = array("I")

    def add_lateness(self, at_s: float, late_s: float) -> None:
        """How much later than scheduled the driver sent a request."""
        if at_s >= self.warm_up_s:
            self.lateness.add(late_s)

    def add(self, at_s: float, taken_s: float, taps: int) -> None:
        """One answer, to so many taps, by the time from its scheduled arrival."""
        if at_s >= self.warm_up_s:
            self.latency.add(taken_s)
        if at_s >= self.warm_up_s and self._over_time:
            self._at_s.append(at_s)
            self._taken_s.append(taken_s)
            self._taps.append(taps)

    def rate_held(self) -> float:
        """Taps answered a second, until the last answer."""
        if not self._at_s:
            return 0.0
        ends = np.array(self._at_s) + np.array(self._taken_s)
        span_s = float(ends.max()) - self.warm_up_s
        return sum(self._taps) / span_s if span_s > 0 else 0.0

    def list_stretches(self) -> list[dict[str, float]]:
        """The run in stretches of equal length: taps a second, and latencies, by their arrival."""
        return list(self._stretches()) if self._at_s else []

    def _stretches(self) -> Iterator[dict[str, float]]:
        at_s, taps = np.array(self._at_s), np.array(self._taps)
        taken_ms = np.array(self._taken_s) * 1_000
        length_s = max(1.0, float(np.ceil((at_s.max() - self.warm_up_s) / STRETCHES_MAX)))
        places = ((at_s - self.warm_up_s) // length_s).astype(int)
        for place in range(int(places.max()) + 1):
            chosen = places == place
            begun_s = self.warm_up_s + place * length_s
            # The last one is seldom whole: less than half of it would show as a fall.
            if not chosen.any() or (place and at_s.max() - begun_s < length_s / 2):
                continue
            p50, p99 = np.quantile(taken_ms[chosen], (0.5, 0.99))
            yield {
                "second": round(begun_s, 3),
                "taps_a_second": round(float(taps[chosen].sum() / length_s), 1),
                "p50_ms": round(float(p50), 3),
                "p99_ms": round(float(p99), 3),
            }
