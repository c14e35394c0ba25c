"""The auditor finds the same corrected time as settlement, each by an implementation of its own."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from fare_engine.documents import tariff_document
from fare_engine.settlement.clocks import MeasuredClocks, Measurement, Reading
from simulator.auditor.clocks import Clocks, Shown
from simulator.auditor.fares import Tracks
from simulator.auditor.published import Published
from tests.fare_engine.small_metro import MINUTE_MS, NETWORK, NOON_MS, TARIFF

DAY_MS = 24 * 60 * MINUTE_MS
ZONE = "Asia/Shanghai"

SKEWS_MS = st.one_of(
    st.sampled_from([0, 29_999, 30_000, 30_001, 300_000, 300_001, DAY_MS, 400 * DAY_MS]),
    st.integers(0, 20 * MINUTE_MS),
).flatmap(lambda skew_ms: st.sampled_from([skew_ms, -skew_ms]))
INSTANTS_MS = st.one_of(st.integers(-60, 60).map(lambda n: n * MINUTE_MS), st.integers(-99, 99))


def _publish() -> Published:
    document: dict[str, Any] = {
        "gates": [],
        "media": [],
        "policies": [],
        "tariffs": [tariff_document(TARIFF, ZONE)],
    }
    segments = [
        (one.from_station_id, one.to_station_id, one.distance_m) for one in NETWORK.segments
    ]
    return Published(document, Tracks(segments))


PUBLISHED = _publish()


@settings(max_examples=500)
@given(
    st.dictionaries(INSTANTS_MS, SKEWS_MS, max_size=5),
    INSTANTS_MS,
    SKEWS_MS,
    INSTANTS_MS,
    st.booleans(),
)
def test_both_find_the_same_time(
    measured: dict[int, int], made_ms: int, skew_ms: int, received_ms: int, was_live: bool
) -> None:
    clocks = Clocks()
    for at_ms, measured_skew_ms in measured.items():
        clocks.measure("A", NOON_MS + at_ms, measured_skew_ms)
    shown_ms = NOON_MS + made_ms + skew_ms
    shown = Shown("A", shown_ms, NOON_MS + received_ms, was_live)
    known = [Measurement(NOON_MS + at_ms, skew) for at_ms, skew in sorted(measured.items())]
    engine = MeasuredClocks(lambda gate_id: known, (TARIFF,))
    found_ms = engine.find_skew("A", Reading(shown_ms, NOON_MS + received_ms, was_live))
    assert clocks.correct(shown, PUBLISHED) == shown_ms - found_ms
