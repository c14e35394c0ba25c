"""The section `process`: parts of the life of a tap, each alone in this process."""

from collections.abc import Callable
from statistics import median

from benchmarks import decide, encoding, ride_codes, wire, world
from benchmarks.figures import Figure, duration, rate
from benchmarks.sizes import Size


def measure(size: Size, say: Callable[[str], None]) -> list[Figure]:
    """Rounds that alternate between the parts."""
    rounds: dict[str, list[float]] = {}
    for number in range(size.rounds):
        say(f"in process: round {number + 1} of {size.rounds}")
        taken = {
            "decide": decide.taps_a_second(size.singles),
            "wire": wire.taps_a_second(size.singles),
            "rows": encoding.rows_a_second(size.singles),
            "codes": ride_codes.codes_a_second(size.singles // 4),
            "sm2": ride_codes.sm2_codes_a_second(size.sm2_codes),
            "world": world.make(size.world_taps).seconds,
        }
        for name, value in taken.items():
            rounds.setdefault(name, []).append(value)
    sm2 = f"(SM2: {median(rounds['sm2']):,.0f} codes/s)"
    return [
        rate("`matching.decide`, duplicates checked", rounds["decide"], 1_300_000),
        rate("bytes in, decision, bytes out; batches of 1,000", rounds["wire"], 900_000),
        rate("rows made for the driver, not stored", rounds["rows"], unit="rows/s"),
        rate(f"ride codes verified, Ed25519 {sm2}", rounds["codes"], unit="codes/s"),
        duration(f"a simulated day of {size.world_taps:,} taps, made", rounds["world"], 30.0),
    ]
