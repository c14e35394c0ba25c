"""Tariffs, policies and taps for the property tests, small enough that their bounds meet often."""

from typing import Final

from hypothesis import strategies as st

from fare_engine.calendar import ServiceCalendar
from fare_engine.decision import REFUSALS, Reason
from fare_engine.modes import Mode
from fare_engine.network import CHENGDU_BANDS, Direction, FareTable
from fare_engine.policy import Policy
from fare_engine.tap import Report
from fare_engine.tariff import Tariff
from tests.fare_engine.rule_world import DISTANCES_M, GATES

SECOND_MS: Final = 1_000
MINUTE_MS: Final = 60 * SECOND_MS
DAY_MS: Final = 1_440 * MINUTE_MS
ALL_GATES: Final = " ".join(GATES.values()).split()

TOKENS = st.sampled_from(["tianfutong:1", "qr:1"])
DIRECTIONS = st.sampled_from(list(Direction))
STATIONS = st.sampled_from(["FHY", "FHY", "JRC"])
JITTER_MS = st.sampled_from([-1, 0, 0, 1])
REPORTS = st.sampled_from([None, None, None, Report(True, 0), Report(False, 0)])
FINDINGS = st.sampled_from([*[None] * 16, Reason.MEDIUM_BLOCKED, *sorted(REFUSALS)])
MODES = st.sampled_from([*Mode, Mode.EMERGENCY])
GATE_IDS = st.sampled_from([*["A1", "C2"] * 2, *ALL_GATES])
BOUNDARIES = [
    "window",
    "window",
    "reentry",
    "reexit",
    "skew",
    "stay",
    "expiry",
    "cut",
    "publication",
    "now",
    "soon",
]

TARIFFS = st.builds(
    Tariff,
    version=st.just(0),
    effective_from_ms=st.just(0),
    fares=st.sampled_from(
        [
            FareTable(DISTANCES_M, CHENGDU_BANDS),
            FareTable(DISTANCES_M, CHENGDU_BANDS, {("JRC", "FHY"): 1_150, ("FHY", "JRC"): 0}),
        ]
    ),
    same_station_fare=st.sampled_from([200, 205]),
    missing_exit_fare=st.sampled_from([200, 315]),
    unmatched_exit_opens=st.booleans(),
    unmatched_exit_fare=st.sampled_from([200, 435]),
    discounts_percent=st.sampled_from([{"tianfutong": 10}, {}, {"tianfutong": 15, "qr": 50}]),
    max_stay_ms=st.sampled_from([240 * MINUTE_MS, 20 * MINUTE_MS, 90 * SECOND_MS]),
    reentry_grace_ms=st.sampled_from([120 * SECOND_MS, 30 * SECOND_MS, 0]),
    reexit_grace_ms=st.sampled_from([60 * SECOND_MS, 15 * SECOND_MS, 0]),
    clock_skew_tolerance_ms=st.sampled_from([30 * SECOND_MS, 2 * SECOND_MS, 0]),
    journey_expiry_ms=st.sampled_from([None, None, DAY_MS, 30 * MINUTE_MS, 12 * SECOND_MS]),
    calendar=st.sampled_from([240, 150]).map(lambda cut: ServiceCalendar("Asia/Shanghai", cut)),
)
POLICIES = st.builds(
    Policy,
    station_id=STATIONS,
    version=st.just(0),
    window_ms=st.sampled_from([15 * MINUTE_MS, 10 * MINUTE_MS, 90 * SECOND_MS]),
    media=st.sampled_from([frozenset({"qr", "tianfutong"})] * 3 + [frozenset({"qr"})]),
    designated_gates=st.sampled_from(
        [frozenset({"A1", "C2", "J1", "J2"}), frozenset({"A1", "C2"}), frozenset({"C2", "D1"})]
    ),
    effective_from_ms=st.just(0),
    daily_limit=st.sampled_from([None, None, 2, 1, 0]),
)
