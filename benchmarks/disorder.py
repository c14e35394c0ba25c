"""Taps as gates really send them: late, twice, out of order, with halves missing; seed 42.

`benchmarks.workload` is for speed, and every journey in it is whole. Here the same passengers come
back, so that a tool that pairs taps carelessly gives one entry to two exits.
"""

import random
from collections.abc import Iterator
from typing import NamedTuple

from benchmarks.workload import (
    GATES_A_STATION,
    MORNING_MS,
    PILOTS,
    SEED,
    STATIONS,
    Presented,
    gate_id,
)

SECOND_MS = 1_000
MINUTE_MS = 60 * SECOND_MS
JOURNEYS_EACH = 4

ENTRY_TAPPED_AGAIN = 0.03
EXIT_TAPPED_AGAIN = 0.02
ENTRY_MISSING = 0.01
EXIT_MISSING = 0.02
TURNED_ROUND = 0.01
CROSSES = 0.5
LATE = 0.02
OFFLINE_MAX_MS = 240 * MINUTE_MS
SENT_TWICE = 0.01
CLOCK_OFF = 0.05


class _Seen(NamedTuple):
    """One tap as it truly was: when it happened, and where."""

    at_ms: int
    station: int
    direction: str
    medium_id: str
    token: bytes


def make_taps(count: int, seed: int = SEED) -> list[Presented]:
    """So many taps in the order in which the engine gets them; then those sent twice again."""
    chance = random.Random(seed)
    seen: list[_Seen] = []
    while len(seen) < count:
        seen.extend(_passenger(chance))
    del seen[count:]
    seen.sort()
    clocks_off_ms: dict[str, int] = {}
    sequences: dict[str, int] = {}
    arrivals: list[tuple[int, Presented]] = []
    for tap in seen:
        gate = gate_id(tap.station, chance.randrange(GATES_A_STATION))
        if gate not in clocks_off_ms:
            most_ms = 5 * SECOND_MS if chance.random() < CLOCK_OFF else 200
            clocks_off_ms[gate] = chance.randint(-most_ms, most_ms)
        number = sequences[gate] = sequences.get(gate, 0) + 1
        presented = Presented(
            f"{gate}.20211124.{number:07}",
            gate,
            tap.direction,
            tap.medium_id,
            tap.token,
            tap.at_ms + clocks_off_ms[gate],
        )
        arrives_ms = tap.at_ms + chance.randint(20, 500)
        if chance.random() < LATE:  # its gate had no connection for a while
            arrives_ms += chance.randint(MINUTE_MS, OFFLINE_MAX_MS)
        arrivals.append((arrives_ms, presented))
        if chance.random() < SENT_TWICE:
            arrivals.append((arrives_ms + chance.randint(SECOND_MS, MINUTE_MS), presented))
    arrivals.sort()
    return [presented for _, presented in arrivals]


def _passenger(chance: random.Random) -> Iterator[_Seen]:
    """One passenger's day."""
    token = chance.randbytes(16)
    medium_id = str(31_000_000_000_000_00 + int.from_bytes(token[:5], "big"))
    at_ms = MORNING_MS + chance.randint(0, 120 * MINUTE_MS)
    for _ in range(JOURNEYS_EACH):
        here = chance.randrange(PILOTS if chance.random() < 0.5 else STATIONS)
        there = here if chance.random() < CROSSES else chance.randrange(STATIONS)
        if chance.random() >= ENTRY_MISSING:
            yield _Seen(at_ms, here, "entry", medium_id, token)
            if chance.random() < ENTRY_TAPPED_AGAIN:
                at_ms += chance.randint(2 * SECOND_MS, 100 * SECOND_MS)
                yield _Seen(at_ms, here, "entry", medium_id, token)
        if chance.random() < TURNED_ROUND:
            at_ms, there = at_ms + chance.randint(SECOND_MS, 3 * SECOND_MS), here
        elif there == here:
            at_ms += chance.randint(30 * SECOND_MS, 20 * MINUTE_MS)
        else:
            at_ms += chance.randint(5 * MINUTE_MS, 60 * MINUTE_MS)
        if chance.random() >= EXIT_MISSING:
            yield _Seen(at_ms, there, "exit", medium_id, token)
            if chance.random() < EXIT_TAPPED_AGAIN:
                at_ms += chance.randint(2 * SECOND_MS, 55 * SECOND_MS)
                yield _Seen(at_ms, there, "exit", medium_id, token)
        at_ms += chance.randint(20 * MINUTE_MS, 180 * MINUTE_MS)
