"""The parts that are measured in process, at a small size: the same seed comes to the same hash.

Speed is told and never asserted: `pytest tests/benchmarks/test_parts.py --benchmark-json FILE`.
"""

import hashlib
from collections.abc import Callable, Mapping
from typing import TypeVar

from pytest_benchmark.fixture import BenchmarkFixture

from benchmarks import decide, encoding, memory, ride_codes
from benchmarks.wire import Bench
from fare_engine.journey import TokenState
from fare_engine.ledger.rows import WIDTH

Made = TypeVar("Made")
Result = TypeVar("Result")

TAPS = 2_000
ROUNDS = 3


def measure(
    benchmark: BenchmarkFixture, run: Callable[[Made], Result], make: Callable[[], Made]
) -> Result:
    """Run it on what is made anew for each round; the result of the last."""
    result: Result = benchmark.pedantic(  # type: ignore[no-untyped-call]
        run, setup=lambda: ((make(),), {}), rounds=ROUNDS
    )
    return result


def tell(benchmark: BenchmarkFixture, result: object) -> str:
    """The hash of what was measured, beside its times."""
    fingerprint = hashlib.sha256(repr(result).encode()).hexdigest()
    benchmark.extra_info["sha256"] = fingerprint
    print(f"{benchmark.name} sha256 {fingerprint}")
    return fingerprint


def test_the_rule_comes_to_the_same_states(benchmark: BenchmarkFixture) -> None:
    def left(states: Mapping[bytes, TokenState]) -> object:
        return [
            (token, state.clock_ms, state.number, state.row, state.open and state.open.tap_id)
            for token, state in states.items()
        ]

    states = measure(benchmark, decide.decide_all, lambda: decide.place_taps(TAPS))
    again = decide.decide_all(decide.place_taps(TAPS))
    fewer = decide.decide_all(decide.place_taps(TAPS - 1))
    assert tell(benchmark, left(fewer)) != tell(benchmark, left(again))
    assert tell(benchmark, left(states)) == tell(benchmark, left(again))


def test_bytes_in_come_to_the_same_bytes_out(benchmark: BenchmarkFixture) -> None:
    answers = measure(benchmark, Bench.run, lambda: Bench(TAPS))
    assert answers != Bench(TAPS - 1).run()
    assert tell(benchmark, answers) == tell(benchmark, Bench(TAPS).run())


def test_every_tap_of_a_request_is_answered() -> None:
    bench = Bench(TAPS)
    answer = bench.answer(bench.bodies[0])
    assert answer.count(b'"outcome":') == 1_000
    assert b'"problem"' not in answer


def test_decided_taps_come_to_the_same_rows(benchmark: BenchmarkFixture) -> None:
    rows = measure(benchmark, encoding.Bench.run, lambda: encoding.Bench(TAPS))
    assert sum(map(len, rows)) == TAPS * WIDTH
    assert tell(benchmark, rows) == tell(benchmark, encoding.Bench(TAPS).run())


def test_ride_codes_come_to_the_same_accounts(benchmark: BenchmarkFixture) -> None:
    said = measure(
        benchmark, lambda made: ride_codes.verify_all(*made), lambda: ride_codes.make_codes(100)
    )
    accounts = [code.account for code in said]
    assert tell(benchmark, accounts) == tell(benchmark, [f"account{n:08}" for n in range(100)])


def test_an_open_journey_weighs_more_than_a_state_without_one() -> None:
    weights = memory.weigh(TAPS)
    assert weights.open_journey > weights.closed_state > 0
    assert weights.tap_id > 0
