"""Whatever gates' clocks show, settlement comes to what right clocks would have come to.

Two metros get the same taps at the same moments, one by clocks that are right and one by clocks
that are wrong by anything from seconds to decades, measured before or after. All dates that any
clock has shown are settled in any order, twice. Then every tap has cost the same in both.
"""

import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from fare_engine.errors import NoTariffInForce
from fare_engine.ledger.database import Connection
from fare_engine.ledger.stores.clocks import record_skews
from fare_engine.settlement.adjustments import Kind
from fare_engine.tap import Report, Tap
from tests.fare_engine.settlement.settlement_table import open_metro, settle_day
from tests.fare_engine.small_metro import MINUTE_MS, NOON_MS, Metro
from tests.properties.test_settlement import GAPS_MS, PLACES

DAY_MS = 24 * 60 * MINUTE_MS
YEAR_MS = 365 * DAY_MS
TOLERANCE_MS = 30_000
SETTLED_AT_MS = NOON_MS + 30 * DAY_MS
OPENED = Report(gate_opened=True, fare_taken=0)

SKEWS_MS = st.one_of(
    st.just(0),
    st.sampled_from([45_000, 6 * MINUTE_MS, 8 * 60 * MINUTE_MS, DAY_MS, 5 * DAY_MS, 400 * DAY_MS]),
    st.sampled_from([20 * YEAR_MS, 56 * YEAR_MS]),
    st.integers(TOLERANCE_MS + 1, 10 * DAY_MS),
).flatmap(lambda skew_ms: st.sampled_from([skew_ms, -skew_ms]))


class Clock(NamedTuple):
    """A gate's clock: wrong by so much until it is set right, perhaps."""

    skew_ms: int
    measured_first: bool
    set_right_at_ms: int | None

    def shows(self, at_ms: int) -> int:
        is_right = self.set_right_at_ms is not None and at_ms >= self.set_right_at_ms
        return at_ms if is_right else at_ms + self.skew_ms

    def list_measured(self) -> Iterator[tuple[int, int]]:
        """When the clock was measured, and how far it was ahead."""
        if self.measured_first:
            yield NOON_MS - DAY_MS, self.skew_ms
        if self.set_right_at_ms is not None:
            yield self.set_right_at_ms, 0
        elif not self.measured_first:
            yield SETTLED_AT_MS - DAY_MS, self.skew_ms


class TrueTap(NamedTuple):
    """A tap as it was: `after_ms` is how much later it was uploaded."""

    tap: Tap
    after_ms: int


@st.composite
def _clocks(draw: st.DrawFn) -> Clock:
    measured_first = draw(st.booleans())
    set_right = st.none()
    if measured_first:
        set_right = st.one_of(st.none(), st.integers(NOON_MS, NOON_MS + 120 * MINUTE_MS))
    return Clock(draw(SKEWS_MS), measured_first, draw(set_right))


@st.composite
def _stories(draw: st.DrawFn) -> list[TrueTap]:
    """Taps of two tokens, some around the cut of the service date."""
    at_ms = NOON_MS + draw(st.sampled_from([0, 16 * 60 * MINUTE_MS - 20 * MINUTE_MS]))
    taps = []
    for number in range(draw(st.integers(2, 9))):
        gate_id, direction = draw(PLACES)
        at_ms += draw(GAPS_MS)
        if (gate_id, direction) in {("FHY-A-01", 2), ("FHY-C-02", 1)}:
            continue
        token = bytes([draw(st.integers(0, 1))]) * 16
        tap = Tap(f"g.{number:02}", gate_id, direction, "qr", token, at_ms, OPENED)
        taps.append(TrueTap(tap, draw(st.sampled_from([0, 0, 900]))))
    return taps


def _record(connection: Connection, measured: Mapping[int, Iterable[tuple[int, int]]]) -> None:
    for number, found in measured.items():
        for at_ms, skew_ms in found:
            record_skews(connection, {number: skew_ms}, at_ms)


@contextmanager
def _metro(clocks: dict[str, Clock]) -> Iterator[Metro]:
    with tempfile.TemporaryDirectory() as directory:
        metro = open_metro(Path(directory))
        measured = {
            metro.catalogue.gates[gate_id].number: clock.list_measured()
            for gate_id, clock in clocks.items()
        }
        metro.change(lambda connection: _record(connection, measured))
        metro.suspect_gates |= {
            gate_id
            for gate_id, clock in clocks.items()
            if clock.measured_first and abs(clock.skew_ms) > TOLERANCE_MS
        }
        try:
            yield metro
        finally:
            metro.ledger.close()


def _date_of(metro: Metro, at_ms: int) -> date:
    return date.fromordinal(metro.catalogue.tariffs[0].calendar.service_day(at_ms).ordinal)


def _settle(metro: Metro, dates: Iterable[date]) -> Counter[tuple[str, Kind]]:
    issued: Counter[tuple[str, Kind]] = Counter()
    for service_date in dates:
        try:
            outcome = settle_day(metro, service_date, SETTLED_AT_MS)
        except NoTariffInForce:
            continue  # a clock that shows a time before the metro was
        for issue in outcome.issues:
            issued[issue.tap_id, issue.adjustment.due.kind] += issue.adjustment.fare
    return issued


def _without_zeros(issued: Counter[tuple[str, Kind]]) -> dict[tuple[str, Kind], int]:
    return {key: fare for key, fare in issued.items() if fare}


@settings(max_examples=25, deadline=None)
@given(
    _stories(),
    st.fixed_dictionaries(
        {gate_id: _clocks() for gate_id in ("FHY-A-01", "FHY-C-02", "FHY-B-03", "CXL-A-01")}
    ),
    st.randoms(use_true_random=False),
)
def test_a_wrong_clock_changes_nothing_of_what_is_due(story, clocks, chance) -> None:  # type: ignore[no-untyped-def]
    with _metro({}) as right, _metro(clocks) as wrong:
        shown = []
        for tap, after_ms in story:
            clock = clocks[tap.gate_id]
            received_ms = tap.occurred_at_ms + after_ms
            by_clock = tap.replace(occurred_at_ms=clock.shows(tap.occurred_at_ms))
            shown += [tap.occurred_at_ms, by_clock.occurred_at_ms]
            for metro, sent in ((right, tap), (wrong, by_clock)):
                metro.engine.process([sent], received_ms)
        dates = sorted({_date_of(right, at_ms) for at_ms in shown})
        expected = _without_zeros(_settle(right, dates))
        once = [*dates]
        chance.shuffle(once)
        issued = _settle(wrong, once)
        assert _without_zeros(issued) == expected
        chance.shuffle(once)
        assert _without_zeros(_settle(wrong, once)) == {}, "settled again, nothing is issued"
