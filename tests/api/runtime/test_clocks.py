"""Which measurements of a gate's clock are worth a row, and which raise an alarm."""

import pytest

from api.runtime.clocks import GateClocks, Heartbeat
from fare_engine.ledger.stores.heartbeats import StoredHeartbeat


def take_skew(clocks: GateClocks, skew_ms: int, tolerance_ms: int | None = 30_000) -> bool:
    """Take a skew; whether it had to be stored."""
    changes = clocks.list_changes({"A1": skew_ms}, tolerance_ms)
    clocks.recorded(changes)
    clocks.apply({"A1": skew_ms}, 1_000, tolerance_ms)
    return bool(changes)


def test_the_first_measurement_is_stored_however_small() -> None:
    clocks = GateClocks({}, 30_000)
    assert take_skew(clocks, 0)
    assert not take_skew(clocks, 0)


def test_only_changes_of_a_second_are_stored() -> None:
    clocks = GateClocks({"A1": (500, 0)}, 30_000)
    assert [take_skew(clocks, skew) for skew in (999, 1_000, 1_999, 1, 0, -999)] == [
        False,
        True,
        False,
        False,
        True,
        False,
    ]


def test_what_crosses_the_tolerance_is_stored_however_small_the_step() -> None:
    clocks = GateClocks({}, 30_000)
    assert take_skew(clocks, 30_000)
    assert take_skew(clocks, 30_001)
    assert clocks.suspects == {"A1"}
    assert not take_skew(clocks, 30_002)
    assert take_skew(clocks, 30_000)
    assert clocks.suspects == set()


def test_an_alarm_keeps_its_beginning() -> None:
    clocks = GateClocks({"A1": (500, -31_000)}, 30_000)
    assert clocks.suspects == {"A1"}
    take_skew(clocks, -32_000)
    assert clocks.skews["A1"].suspect_since_ms == 500


@pytest.mark.parametrize("tolerance_ms", [None, 40_000])
def test_without_a_tariff_no_clock_is_suspect(tolerance_ms: int | None) -> None:
    clocks = GateClocks({}, tolerance_ms)
    take_skew(clocks, 35_000, tolerance_ms)
    assert clocks.suspects == set()


def test_a_heartbeat_that_another_process_took_counts_as_one_of_ours() -> None:
    clocks = GateClocks({}, 30_000)
    clocks.note_stored([StoredHeartbeat("c", 1_000, "v1", 7, {"A1": 40_000})], 30_000)
    assert clocks.heartbeats == {"c": Heartbeat(1_000, "v1", 7)}
    assert clocks.suspects == {"A1"}
    clocks.note_stored([StoredHeartbeat("c", 2_000, "v1", 0, {"A1": 0})], 30_000)
    assert clocks.suspects == set()


def test_a_heartbeat_that_is_known_changes_nothing() -> None:
    clocks = GateClocks({}, 30_000)
    stored = [StoredHeartbeat("c", 1_000, None, 0, {"A1": 40_000})]
    clocks.note_stored(stored, 30_000)
    take_skew(clocks, 0)  # measured since, and not stored elsewhere yet
    clocks.note_stored(stored, 30_000)
    assert clocks.suspects == set()
