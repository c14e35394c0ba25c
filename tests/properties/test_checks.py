"""The engine answers a tap as `check_tap` does: its guard and the order of checks never differ."""

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Final

from hypothesis import given, settings
from hypothesis import strategies as st

from fare_engine.batch import CodeId, Finding
from fare_engine.checks import CLOCK_AHEAD_MAX_MS, check_tap
from fare_engine.decision import Reason
from fare_engine.errors import MediumIdInvalid, TapRefused
from fare_engine.network import Direction
from fare_engine.tap import Tap
from fare_engine.verdict import Verdict
from tests.fare_engine.small_metro import NOON_MS, TARIFF, SmallMetro

LATEST_MS: Final = NOON_MS + CLOCK_AHEAD_MAX_MS

_taps = st.builds(
    Tap,
    tap_id=st.integers(0, 3).map(str),
    gate_id=st.sampled_from(["FHY-A-01", "FHY-A-01", "CXL-A-01", "CXL-B-09"]),
    direction=st.sampled_from([int(direction) for direction in Direction]),
    medium_type=st.sampled_from(["tianfutong", "tianfutong", "qr", "coin"]),
    token=st.just(bytes(16)),
    occurred_at_ms=st.sampled_from([0, NOON_MS - 1, NOON_MS, LATEST_MS, LATEST_MS + 1]),
)
_findings = st.sampled_from(
    [None, None, MediumIdInvalid("…"), CodeId("61a0.app.00"), Reason.RIDE_CODE_INVALID]
)


_shown = st.lists(
    st.tuples(_taps, _findings), min_size=1, max_size=4, unique_by=lambda shown: shown[0].tap_id
)


@settings(deadline=None)
@given(_shown)
def test_the_engine_decides_what_passes_the_checks_and_nothing_else(
    shown: list[tuple[Tap, Finding | None]],
) -> None:
    taps = [tap for tap, _ in shown]
    findings = {place: found for place, (_, found) in enumerate(shown) if found is not None}
    with tempfile.TemporaryDirectory() as directory:
        metro = SmallMetro(Path(directory))
        tariff = replace(TARIFF, effective_from_ms=NOON_MS)
        catalogue = replace(metro.catalogue, tariffs=(tariff,), terms={})
        metro.use(catalogue)
        results = metro.engine.process(taps, NOON_MS, findings)
        metro.ledger.close()
    for (tap, found), result in zip(shown, results, strict=True):
        fault = found if isinstance(found, TapRefused) else None
        checked = check_tap(catalogue, tap, NOON_MS, fault)
        if isinstance(checked, TapRefused):
            assert isinstance(result, TapRefused)
            assert (result.code, str(result)) == (checked.code, str(checked))
        else:
            assert isinstance(result, Verdict)
