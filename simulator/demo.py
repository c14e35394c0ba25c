"""A demo: one bounded morning, sent as fast as it goes, with every answer held to its intention."""

import time
from typing import Any, Final

import httpx2

from simulator.crowd import Crowd, SimulatedTap, Timetable
from simulator.metro import Metro
from simulator.passengers import MINUTE_MS
from simulator.sending import LANES, Sender
from simulator.tally import Tally

PASSENGERS: Final = 1_450
"""Some 3,000 taps."""
FROM_MS: Final = 1_740_956_400_000
"""2025-03-03 07:00 in Chengdu, a Monday."""
TO_MS: Final = FROM_MS + 150 * MINUTE_MS
PASSENGERS_MAX: Final = 99_999
SEED_MAX: Final = 999


def make_taps(metro: Metro, seed: int, passengers: int) -> list[SimulatedTap]:
    """All taps of the morning in the order of the clock, the same for the same seed."""
    # No two mornings share a number, so that one directory may see several.
    first = (seed * (PASSENGERS_MAX + 1) + passengers) * (PASSENGERS_MAX + 1)
    crowd = Crowd(metro, seed, first)
    timetable = Timetable(metro, seed, first)
    for passenger in crowd.make_morning(passengers, FROM_MS, TO_MS):
        timetable.add(passenger)
    return list(timetable.take_until(TO_MS))


async def send_morning(
    url: str, metro: Metro, keys: dict[str, str], seed: int, passengers: int
) -> dict[str, Any]:
    """Send the morning; its report, as `--json` prints it."""
    taps = make_taps(metro, seed, passengers)
    tally = Tally(metro)
    begun = time.perf_counter()
    async with Sender(url, metro, keys, tally) as sender:
        for tap in taps:
            sender.send(tap)
    taken_s = time.perf_counter() - begun
    if tally.taps != len(taps):
        tally.unexpected.append(f"{len(taps)} taps were sent, and {tally.taps} decided")
    explanation = None
    if tally.exceeded is None:
        tally.unexpected.append("nobody exceeded the window: there is no charge to explain")
    else:
        explanation = await _fetch(url, keys[metro.pilot], tally.exceeded[1])
        tally.unexpected += _list_missing(explanation)
    return {
        "seed": seed,
        "passengers": passengers,
        "taps": tally.taps,
        "decided_before": tally.known,
        "sent_again": tally.resent,
        "reports": tally.reports,
        "outcomes": [
            {"outcome": outcome, "reason": reason, "taps": count}
            for (outcome, reason), count in sorted(tally.outcomes.items())
        ],
        "fare": tally.fare,
        "fare_waived": tally.fare_waived,
        "crossings": _count_by_elapsed(tally.elapsed_ms),
        "connections": LANES,
        "seconds": round(taken_s, 3),
        "latency_ms_p50": round(tally.latency_ms(0.5), 2),
        "latency_ms_p99": round(tally.latency_ms(0.99), 2),
        "explanation": explanation,
        "unexpected": tally.unexpected,
    }


BOUNDS_MINUTES: Final = (1, 2, 3, 5, 10, 15, 20, 30)


def _count_by_elapsed(elapsed_ms: list[int]) -> list[dict[str, int | None]]:
    """Journeys that ended where they began, by the time they took; bounds are inclusive."""
    counts: list[dict[str, int | None]] = []
    below_ms = -1
    for minutes in BOUNDS_MINUTES:
        bound_ms = minutes * MINUTE_MS
        count = sum(below_ms < elapsed <= bound_ms for elapsed in elapsed_ms)
        counts.append({"up_to_minutes": minutes, "crossings": count})
        below_ms = bound_ms
    longer = sum(elapsed > below_ms for elapsed in elapsed_ms)
    return [*counts, {"up_to_minutes": None, "crossings": longer}]


async def _fetch(url: str, key: str, tap_id: str) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {key}"}
    async with httpx2.AsyncClient(base_url=url, headers=headers, trust_env=False) as client:
        answer = await client.get(f"/v1/taps/{tap_id}")
        explanation: dict[str, Any] = answer.raise_for_status().json()
        return explanation


def _list_missing(explanation: dict[str, Any]) -> list[str]:
    """What a clerk needs to see of a window that was exceeded, and does not."""
    told = [condition["held"] for condition in explanation["conditions"]]
    right = ["held", "held", "held", "failed", "held"]
    return [] if told == right else [f"{explanation['tap_id']}: is explained by {told}"]
