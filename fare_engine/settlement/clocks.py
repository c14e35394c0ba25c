"""Which error of a gate's clock holds for a tap, by what was measured of that clock.

There are two clocks. The gate's says `occurred_at` (here `…_gate_ms`); the engine's says when a tap
was received and when a gate's clock was measured (`…_engine_ms`). A skew is the gate's clock minus
the engine's, so a gate's time less its skew is comparable with the engine's: the corrected time
(`…_corrected_ms`). Settlement asks for nothing but the corrected time.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Final, NamedTuple

from fare_engine.checks import CLOCK_AHEAD_MAX_MS
from fare_engine.tariff import Tariff
from fare_engine.versions import ALWAYS_MS, find_in_force


class Measurement(NamedTuple):
    """How far a gate's clock was ahead of the engine's when a heartbeat measured it."""

    at_engine_ms: int
    skew_ms: int


class Reading(NamedTuple):
    """What two clocks said of a tap.

    `was_live`: it came as it was made, and its gate's clock was not known to be wrong by then.
    """

    at_gate_ms: int
    received_engine_ms: int
    was_live: bool


NO_LIMIT_MS: Final = ALWAYS_MS

FindMeasured = Callable[[str], Sequence[Measurement]]
"""All measurements of a gate's clock, by gate_id, in the order of the engine's clock."""


class MeasuredClocks:
    """Corrects the times of gates by what was measured of their clocks.

    An error within the tolerance of the tariff that was in force when it was measured is none.
    """

    def __init__(self, find_measured: FindMeasured, tariffs: Sequence[Tariff]) -> None:
        self._find_measured = find_measured
        self._tariffs = tariffs
        self._smallest_tolerance_ms = find_smallest_tolerance(tariffs)
        self._earliest_ms = min((one.effective_from_ms for one in tariffs), default=0)

    def find_skew(self, gate_id: str, reading: Reading) -> int:
        """By how much a gate's clock was ahead at a tap, in milliseconds; 0 where nobody knows."""
        measured, earliest_ms = self._find_measured(gate_id), self._earliest_ms
        # What no tariff calls an error may put a tap a little behind its receipt. Where nothing
        # else holds, a tap may be as far ahead as the engine lets any clock be.
        found = find_measurement(measured, reading, earliest_ms, self._smallest_tolerance_ms)
        found = found or find_measurement(measured, reading, earliest_ms, CLOCK_AHEAD_MAX_MS)
        if found is None:
            return 0
        tariff = find_in_force(self._tariffs, found.at_engine_ms)
        tolerance_ms = NO_LIMIT_MS if tariff is None else tariff.clock_skew_tolerance_ms
        return found.skew_ms if abs(found.skew_ms) > tolerance_ms else 0


def find_smallest_tolerance(tariffs: Iterable[Tariff]) -> int:
    """The greatest skew that every tariff tolerates, in milliseconds."""
    return min((tariff.clock_skew_tolerance_ms for tariff in tariffs), default=NO_LIMIT_MS)


def find_measurement(
    measured: Sequence[Measurement], reading: Reading, earliest_ms: int, ahead_max_ms: int
) -> Measurement | None:
    """The measurement that holds for a tap: the one that agrees with the time it leads to.

    Each skew leads to another corrected time. It agrees where that time lies behind its own
    measurement and before the next one; of several the latest holds. Where none agrees, the clock
    jumped: then the one holds whose time lies between the measurement before it and its own. The
    one that was known when the tap was received holds where there is no such, and where it leads
    much nearer to that receipt.

    No corrected time may lie before `earliest_ms`, when the first tariff began, nor further ahead
    of when the engine received the tap than `ahead_max_ms`.
    """
    at_gate_ms, received_engine_ms, was_live = reading
    latest_ms = received_engine_ms + ahead_max_ms
    jumped: Measurement | None = None
    known: Measurement | None = None
    next_ms = ALWAYS_MS
    for place in range(len(measured) - 1, -1, -1):
        found = measured[place]
        corrected_ms = at_gate_ms - found.skew_ms
        is_possible = earliest_ms <= corrected_ms <= latest_ms
        if is_possible and found.at_engine_ms <= corrected_ms < next_ms:
            return found
        before_ms = measured[place - 1].at_engine_ms if place else earliest_ms
        if jumped is None and is_possible and before_ms <= corrected_ms < found.at_engine_ms:
            jumped = found
        if next_ms > received_engine_ms >= found.at_engine_ms and is_possible:
            known = found
        next_ms = found.at_engine_ms
    if jumped is not None and was_live and not _is_nearer(jumped.skew_ms, 0, reading):
        # It came as it was made, and where a clock is measured later it may have been right.
        jumped = None
    if known is not None and (jumped is None or _is_nearer(known.skew_ms, jumped.skew_ms, reading)):
        return known
    return jumped


def _is_nearer(skew_ms: int, other_ms: int, reading: Reading) -> bool:
    """Whether a skew leads at least twice as near to the receipt of the tap as another one."""
    off_ms = reading.at_gate_ms - reading.received_engine_ms
    return 2 * abs(off_ms - skew_ms) < abs(off_ms - other_ms)
