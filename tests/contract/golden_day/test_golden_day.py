"""A made-up day comes to the same answers, adjustments and explanations as it always did."""

import json
from collections.abc import Callable, Iterator
from difflib import unified_diff
from itertools import islice
from typing import Any

import pytest

from tests.contract.golden_day.day import make_day
from tests.contract.golden_day.played import play, read_golden
from tests.server_process import ServerProcess

pytestmark = pytest.mark.slow

DIFFERENCES_MAX = 80
"""Lines; what comes behind the first differences mostly follows from them."""

REASONS = {
    *("entry_opened", "entry_repeated", "entry_superseded"),
    *("same_station_within_window", "emergency", "different_station", "overstay"),
    *("station_not_in_pilot", "medium_not_eligible", "gate_not_designated"),
    *("window_exceeded", "daily_limit_reached"),
    *("exit_repeated", "no_open_entry", "entry_expired", "arrived_out_of_order"),
    *("ride_code_invalid", "ride_code_replayed"),
    *("unknown-gate", "direction-not-allowed", "unknown-medium", "medium-id-invalid"),
    *("clock-ahead", "no-tariff-in-force"),
}
"""All but those that need a clock of today: a blocked medium and an expired ride code."""

WHYS = {
    *("arrived_late", "repaired", "not_passed", "taken_otherwise", "decided_again"),
    *("clock_corrected", "exit_missing"),
}


def test_the_day_comes_to_what_it_always_did(make_server: Callable[..., ServerProcess]) -> None:
    played, golden = play(make_server()), read_golden()
    differences = list(
        islice(unified_diff(golden, played, "golden", "played", lineterm="", n=0), DIFFERENCES_MAX)
    )
    assert not differences, "\n".join(
        [
            "the day came to something else (on purpose? then",
            "`python -m tests.contract.golden_day.played` writes the golden file anew):",
            *differences,
        ]
    )


def test_the_day_is_the_same_in_every_run() -> None:
    assert make_day() == make_day()


def test_the_golden_day_holds_every_reason_and_every_why() -> None:
    lines = [json.loads(line) for line in read_golden()]
    answers = [answer for line in lines for answer in _list_answers(line)]
    assert {answer["reason"] for answer in answers if "reason" in answer} == REASONS
    assert {line["issued"]["why"] for line in lines if "issued" in line} >= WHYS
    assert {line["status"] for line in lines if "sent" in line} == {200, 404, 409, 422}
    explained = [line for line in lines if "explained" in line]
    assert any(line.get("report", {}).get("returned_to_before") for line in explained)
    assert any(line.get("conflicts") for line in explained)
    assert any(answer.get("clock_suspect") for answer in answers)


def _list_answers(line: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if "sent" in line:
        yield from line.get("results", [line.get("answer", {})])
