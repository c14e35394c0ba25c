"""What gates' clocks showed and what time it was: the second implementation of corrected time.

Written from the text of the rule (docs/rules.md, "Clocks that are wrong").
"""

from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from simulator.auditor.moments import MINUTE_MS
from simulator.auditor.published import Published

AHEAD_MAX_MS: Final = 5 * MINUTE_MS
"""No tap is believed to be made longer after it was received."""


class Shown(NamedTuple):
    """A tap by two clocks. `was_live`: not uploaded later, and its clock was not suspect then."""

    gate_id: str
    at_gate_ms: int
    received_ms: int
    was_live: bool


class _Stretch(NamedTuple):
    """From one measurement until the next, with the one before it."""

    before_ms: float
    from_ms: int
    to_ms: float
    skew_ms: int


class Clocks:
    """The measurements that the engine has kept of each gate's clock."""

    def __init__(self) -> None:
        self._measured: dict[str, dict[int, int]] = defaultdict(dict)

    def measure(self, gate_id: str, at_ms: int, skew_ms: int) -> None:
        """At this instant of the engine's clock a gate's was ahead by so much."""
        self._measured[gate_id][at_ms] = skew_ms

    def knows(self, gate_id: str) -> bool:
        return gate_id in self._measured

    def correct(self, shown: Shown, published: Published) -> int:
        """When a tap was made; what its gate showed where no error of its clock is known."""
        if not self.knows(shown.gate_id):
            return shown.at_gate_ms
        stretch = self._find_stretch(shown, published)
        if stretch is None:
            return shown.at_gate_ms
        tariff = published.tariff_at(stretch.from_ms)
        if tariff is None or abs(stretch.skew_ms) <= tariff.tolerance_ms:
            return shown.at_gate_ms
        return shown.at_gate_ms - stretch.skew_ms

    def _find_stretch(self, shown: Shown, published: Published) -> _Stretch | None:
        stretches = [*self._list_stretches(shown.gate_id)]
        for ahead_ms in (published.smallest_tolerance_ms, AHEAD_MAX_MS):

            def is_possible(stretch: _Stretch, ahead_ms: int = ahead_ms) -> bool:
                at_ms = shown.at_gate_ms - stretch.skew_ms
                return published.first_ms <= at_ms <= shown.received_ms + ahead_ms

            possible = [stretch for stretch in stretches if is_possible(stretch)]
            found = _find_latest(possible, shown, lambda one: (one.from_ms, one.to_ms))
            if found is not None:
                return found
            jumped = _find_latest(possible, shown, lambda one: (one.before_ms, one.from_ms))
            if (
                jumped is not None
                and shown.was_live
                and 2 * _off(shown, jumped) >= abs(shown.at_gate_ms - shown.received_ms)
            ):
                jumped = None
            for known in possible:
                if known.from_ms <= shown.received_ms < known.to_ms and (
                    jumped is None or 2 * _off(shown, known) < _off(shown, jumped)
                ):
                    return known
            if jumped is not None:
                return jumped
        return None

    def _list_stretches(self, gate_id: str) -> Iterator[_Stretch]:
        measured = sorted(self._measured[gate_id].items())
        instants = [at_ms for at_ms, _ in measured]
        before = [float("-inf"), *instants[:-1]]
        after = [*instants[1:], float("inf")]
        for before_ms, (at_ms, skew_ms), to_ms in zip(before, measured, after, strict=True):
            yield _Stretch(before_ms, at_ms, to_ms, skew_ms)


def _find_latest(
    stretches: list[_Stretch], shown: Shown, bounds: Callable[[_Stretch], tuple[float, float]]
) -> _Stretch | None:
    """The latest of those whose skew leads to a time within its bounds."""
    for stretch in reversed(stretches):
        first_ms, end_ms = bounds(stretch)
        if first_ms <= shown.at_gate_ms - stretch.skew_ms < end_ms:
            return stretch
    return None


def _off(shown: Shown, stretch: _Stretch) -> int:
    """What lies between the receipt of a tap and the time to which a skew leads."""
    return abs(shown.at_gate_ms - stretch.skew_ms - shown.received_ms)
