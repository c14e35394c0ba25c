"""The tariff: Chengdu's figures, and discounts rounded half up to the fen."""

from decimal import ROUND_HALF_UP, Decimal

import pytest

from fare_engine.network import CHENGDU_BANDS, FareTable
from fare_engine.tariff import Tariff


def make_tariff(**discounts: int) -> Tariff:
    return Tariff(1, 0, FareTable({}, CHENGDU_BANDS), discounts_percent=discounts)


def test_the_defaults_are_chengdu_s() -> None:
    tariff = make_tariff()
    assert tariff.same_station_fare == 200
    assert tariff.max_stay_ms == 240 * 60_000
    assert tariff.reentry_grace_ms == 120_000
    assert tariff.reexit_grace_ms == 60_000
    assert tariff.clock_skew_tolerance_ms == 30_000
    assert tariff.journey_expiry_ms is None
    assert not tariff.unmatched_exit_opens
    assert (tariff.calendar.zone, tariff.calendar.cut_minutes) == ("Asia/Shanghai", 240)


def test_a_medium_without_a_discount_pays_the_whole_fare() -> None:
    tariff = make_tariff(tianfutong=10)
    assert tariff.discounted(300, "qr") == 300
    assert tariff.discounted(300, "tianfutong") == 270


@pytest.mark.parametrize(
    ("fare", "percent", "paid"),
    [
        (205, 10, 185),  # 184.5
        (204, 10, 184),  # 183.6
        (203, 10, 183),  # 182.7
        (215, 10, 194),  # 193.5
        (1, 50, 1),  # 0.5
        (3, 50, 2),  # 1.5
        (1, 51, 0),  # 0.49
        (200, 0, 200),
        (200, 100, 0),
        (0, 10, 0),
    ],
)
def test_half_a_fen_is_rounded_up(fare: int, percent: int, paid: int) -> None:
    assert make_tariff(tianfutong=percent).discounted(fare, "tianfutong") == paid


@pytest.mark.parametrize("percent", range(101))
def test_every_discount_of_every_fare_is_rounded_half_up(percent: int) -> None:
    tariff = make_tariff(tianfutong=percent)
    for fare in range(1_001):
        exact = Decimal(fare) * (100 - percent) / 100
        rounded = int(exact.quantize(Decimal(1), ROUND_HALF_UP))
        assert tariff.discounted(fare, "tianfutong") == rounded
