"""A made-up day of taps, the same in every run: what gates send, in the order in which it arrives.

All of it lies in the past, and nothing in it depends on today's clock.
"""

import random
from collections.abc import Iterator, Sequence
from typing import Final

from tests.contract.golden_day.passengers import Passengers, Sending

SEED: Final = 20211124
SERVICE_DATES: Final = ("2021-11-24", "2021-11-25")


BEFORE: Final = (
    Sending(
        "POST",
        "/v1/stations/CXL/policies",
        {
            "window_seconds": 600,
            "media": ["tianfutong"],
            "designated_gates": ["CXL-A-01", "CXL-A-02", "CXL-C-01", "CXL-C-02"],
            "daily_limit": 1,
            "effective_from": "2021-11-24T00:00:00+08:00",
        },
    ),
    *(
        Sending(
            "POST",
            f"/v1/stations/{station}/modes",
            {
                "mode": mode,
                "effective_from": f"2021-11-24T{begins}:00:00+08:00",
                "effective_to": f"2021-11-24T{ends}:00:00+08:00",
                "reason": "made up",
            },
        )
        for station, mode, begins, ends in (
            ("HCNZ", "entry_free", "08", "10"),
            ("TFGC", "sequence_free", "09", "15"),
            ("CDDKZ", "emergency", "07", "18"),
            ("JCGC", "exit_free", "14", "17"),
            ("SLT2", "time_free", "06", "22"),
            ("CXL", "fare_free", "16", "20"),
        )
    ),
    Sending(
        "POST",
        "/v1/controllers/SLT2-1/heartbeat",
        {
            "sent_at": "2021-11-24T06:00:00+08:00",
            "parameters_version": None,
            "outbox_taps": 0,
            "gates": [{"gate_id": "SLT2-A-02", "clock_skew_ms": 95_000}],
        },
    ),
)
"""What operators publish before the first tap, and a clock that is known to be wrong."""

AFTER: Final = (
    Sending("PUT", "/v1/gates/CXL-Q-01", {"station_id": "CXL", "directions": ["entry", "exit"]}),
    Sending(
        "POST",
        "/v1/media-types",
        {
            "code": "student",
            "name": {"zh": "学生卡", "en": "Student card"},
            "id_pattern": "[0-9]{8}",
        },
    ),
)
"""What lets some taps leave the quarantine."""


def make_day() -> list[Sending]:
    """All that gates send, in the order in which it arrives."""
    return list(_in_batches(Passengers(random.Random(SEED)).make(), random.Random(SEED + 1)))


def _in_batches(sendings: Sequence[Sending], chance: random.Random) -> Iterator[Sending]:
    """Some of the taps that follow one another, in one request."""
    place = 0
    while place < len(sendings):
        count = chance.choice((1, 1, 1, 1, 2, 8, 20))
        next_ones = sendings[place : place + count]
        if count > 1 and all(map(_may_be_in_a_batch, next_ones)):
            yield Sending("POST", "/v1/taps/batch", {"taps": [one.body for one in next_ones]})
            place += count
        else:
            yield sendings[place]
            place += 1


def _may_be_in_a_batch(sending: Sending) -> bool:
    """Taps; those that cannot be decided alone, so that the status of their answer is seen."""
    is_problem = sending.body.get("tap_id", "").startswith("problem.")
    return sending.path == "/v1/taps" and ("offline" in sending.body or not is_problem)
