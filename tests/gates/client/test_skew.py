"""The skew of a gate's clock, as far as answers bound it."""

import random

from gates.client.skew import SAMPLE_AGE_MAX_MS, ClockSkew, Skew

ENGINE_MS = 1_700_000_000_000


def test_nothing_is_known_before_the_first_answer() -> None:
    assert ClockSkew().find() is None


def test_the_round_trip_is_what_one_answer_leaves_open() -> None:
    skew = ClockSkew()
    skew.add(ENGINE_MS + 1_000, ENGINE_MS + 1_020, ENGINE_MS + 10, 1)
    assert skew.find() == Skew(1_000, 11)


def test_a_date_header_leaves_a_second_open() -> None:
    skew = ClockSkew()
    skew.add(ENGINE_MS + 500, ENGINE_MS + 500, ENGINE_MS, 1_000)
    found = skew.find()
    assert found == Skew(0, 501)


def test_many_date_headers_together_bound_more_than_each() -> None:
    chance = random.Random(1)
    skew = ClockSkew()
    for number in range(30):
        engine_ms = ENGINE_MS + number * 1_137
        gate_ms = engine_ms + 250
        skew.add(gate_ms, gate_ms + chance.randrange(3), engine_ms // 1_000 * 1_000, 1_000)
    found = skew.find()
    assert found is not None
    assert found.uncertainty_ms < 100
    assert abs(found.skew_ms - 250) <= found.uncertainty_ms


def test_the_truth_is_always_within_the_uncertainty() -> None:
    chance = random.Random(2)
    for _ in range(200):
        truth_ms = chance.randrange(-100_000, 100_000)
        skew = ClockSkew()
        for number in range(chance.randrange(1, 40)):
            engine_us = (ENGINE_MS + number * 100) * 1_000 + chance.randrange(1_000)
            there_us, back_us = chance.randrange(20_000), chance.randrange(20_000)
            gate_us = engine_us + truth_ms * 1_000
            skew.add(
                (gate_us - there_us) // 1_000, (gate_us + back_us) // 1_000, engine_us // 1_000, 1
            )
        found = skew.find()
        assert found is not None
        assert abs(found.skew_ms - truth_ms) <= found.uncertainty_ms


def test_a_clock_that_was_set_counts_at_once() -> None:
    skew = ClockSkew()
    for number in range(10):
        at_ms = ENGINE_MS + number * 1_000
        skew.add(at_ms + 60_000, at_ms + 60_002, at_ms + 1, 1)
    skew.add(ENGINE_MS + 11_000, ENGINE_MS + 11_002, ENGINE_MS + 11_001, 1)
    found = skew.find()
    assert found is not None
    assert abs(found.skew_ms) <= 2


def test_an_answer_during_which_the_clock_was_set_back_says_nothing() -> None:
    skew = ClockSkew()
    skew.add(ENGINE_MS + 5_000, ENGINE_MS, ENGINE_MS, 1)
    assert skew.find() is None


def test_old_answers_no_longer_count() -> None:
    skew = ClockSkew()
    skew.add(ENGINE_MS, ENGINE_MS, ENGINE_MS, 1)
    later_ms = ENGINE_MS + SAMPLE_AGE_MAX_MS + 1
    skew.add(later_ms, later_ms + 100, later_ms + 50, 1)
    found = skew.find()
    assert found is not None
    assert found.uncertainty_ms > 40
