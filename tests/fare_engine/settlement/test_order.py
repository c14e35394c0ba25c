"""A token's taps in settled order: by their numbers in its chain, whatever rows they stand in."""

import pytest

from fare_engine.decision import Reason
from fare_engine.journey import Terms
from fare_engine.network import Direction, Gate
from fare_engine.settlement.history import StoredTap, put_in_order
from fare_engine.tap import Report, Tap
from tests.fare_engine.small_metro import MINUTE_MS, NOON_MS, TARIFF

TERMS = Terms(TARIFF)
GATE = Gate("FHY-B-03", "FHY", frozenset(Direction))


def stored(
    row: int,
    minutes: float,
    number: int | None,
    previous_row: int | None = None,
    reason: Reason = Reason.ENTRY_OPENED,
) -> StoredTap:
    tap = Tap(f"tap-{row}", GATE.gate_id, 1, "qr", b"t" * 16, NOON_MS + round(minutes * MINUTE_MS))
    return StoredTap(row, tap, GATE, TERMS, reason, 0, None, number, previous_row)


def order(*taps: StoredTap) -> list[int]:
    return [one.row for one in put_in_order(taps)]


def corrected(one: StoredTap, skew_ms: int) -> StoredTap:
    tap = one.tap.replace(occurred_at_ms=one.tap.occurred_at_ms - skew_ms)
    return one._replace(tap=tap, skew_ms=skew_ms)


def test_rows_of_several_writers_say_nothing_of_the_order() -> None:
    assert order(stored(10_001, 0, 1, 0), stored(7, 1, 2, 10_001), stored(20_001, 2, 3, 7)) == [
        10_001,
        7,
        20_001,
    ]


def test_a_tap_that_changed_no_state_stands_behind_the_one_whose_state_it_found() -> None:
    shut = stored(5, 2, None, 900, Reason.NO_OPEN_ENTRY)
    assert order(stored(900, 0, 1, 0), shut, stored(901, 1, 2, 900)) == [900, 5, 901]


def test_a_tap_that_found_a_blank_state_stands_first() -> None:
    shut = stored(950, 2, None, 0, Reason.NO_OPEN_ENTRY)
    assert order(stored(900, 0, 1, 0), shut) == [950, 900]


def test_of_several_that_found_the_same_state_the_one_decided_first_stands_first() -> None:
    early = stored(90_001, 2, None, 900, Reason.NO_OPEN_ENTRY)._replace(decided_at_ms=1)
    late = stored(5, 1, None, 900, Reason.NO_OPEN_ENTRY)._replace(decided_at_ms=2)
    assert order(stored(900, 0, 1, 0), late, early) == [900, 90_001, 5]


@pytest.mark.parametrize(("decided_at_ms", "expected"), [(1, [900, 5, 901]), (3, [900, 901, 5])])
def test_a_state_that_stood_again_after_a_reversal_was_found_at_one_of_two_times(
    decided_at_ms: int, expected: list[int]
) -> None:
    unpassed = stored(901, 1, 2, 900)._replace(report=Report(True, 0, False), decided_at_ms=2)
    shut = stored(5, 2, None, 900, Reason.NO_OPEN_ENTRY)._replace(decided_at_ms=decided_at_ms)
    assert order(stored(900, 0, 1, 0), unpassed, shut) == expected


def test_where_the_ledger_did_not_keep_what_a_tap_found_a_single_writers_rows_tell() -> None:
    shut = stored(2, 9, None, None, Reason.NO_OPEN_ENTRY)
    assert order(stored(1, 0, 1, 0), shut, stored(3, 1, 2, 1)) == [1, 2, 3]


@pytest.mark.parametrize(("late_minutes", "expected"), [(0.5, [900, 5, 7]), (2.5, [900, 7, 5])])
def test_a_late_tap_goes_before_the_first_that_occurred_later(
    late_minutes: float, expected: list[int]
) -> None:
    late = stored(5, late_minutes, None, 7, Reason.ARRIVED_OUT_OF_ORDER)
    assert order(stored(900, 0, 1, 0), stored(7, 1, 2, 900), late) == expected


def test_a_tap_of_a_wrong_clock_goes_where_its_corrected_time_belongs() -> None:
    wrong, right = stored(900, 5, 1, 0), stored(7, 1, 2, 900)
    assert order(corrected(wrong, 4 * MINUTE_MS + 1), right) == [900, 7]
    assert order(corrected(wrong, 3 * MINUTE_MS), right) == [7, 900]
