"""The simulated morning: the same for the same seed, true to its intentions, and it ends."""

import hashlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

from simulator.morning import FROM_MS, TO_MS
from simulator.passengers import INTENTIONS, Crowd, Gates, Passenger

GATES = Gates(
    {
        (place, direction): [f"{place}-{direction}-{number}" for number in range(3)]
        for place in ("lane", "beside", "other")
        for direction in ("entry", "exit")
    }
)


def passengers(seed: int, count: int = 2_000) -> list[Passenger]:
    return list(Crowd(GATES, seed).list_of_day(count, FROM_MS, TO_MS))


def fingerprint(crowd: Sequence[Passenger]) -> str:
    return hashlib.sha256(json.dumps(crowd).encode()).hexdigest()


def bodies(crowd: Sequence[Passenger]) -> list[dict[str, Any]]:
    return [passage.body for passenger in crowd for passage in passenger.passages]


def test_the_same_seed_makes_the_same_taps_and_another_one_others() -> None:
    assert fingerprint(passengers(42)) == fingerprint(passengers(42))
    assert fingerprint(passengers(42)) != fingerprint(passengers(43))


def test_no_tap_id_is_used_twice_and_no_passenger_goes_back_in_time() -> None:
    crowd = passengers(42)
    ids = [body["tap_id"] for body in bodies(crowd)]
    assert len(ids) == len(set(ids))
    for passenger in crowd:
        times = [passage.body["occurred_at"] for passage in passenger.passages]
        assert times == sorted(times)


def test_every_intention_occurs() -> None:
    assert {passenger.intention for passenger in passengers(42)} == set(INTENTIONS)


def test_the_demo_ends_with_a_report_whose_counts_add_up() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "simulator.morning", "demo", "--passengers", "150", "--port", "0"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    rows = re.findall(r"^ *(?:[a-z]+ +)?([a-z_]+) +(\d+)$", done.stdout, re.MULTILINE)
    counts = {name: int(count) for name, count in rows}
    everything = counts.pop("all")
    assert sum(counts.values()) == everything > 250
    assert "every answer was as intended" in done.stdout
    assert "failed         within_window" in done.stdout


def test_a_run_that_is_interrupted_ends_its_server_too() -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "simulator.morning", "run", "--rate", "50", "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    )
    assert process.stdout is not None
    told = process.stdout.readline()
    url = re.search(r"http://127\.0\.0\.1:(\d+)", told)
    assert url is not None, told
    while "answered in" not in (line := process.stdout.readline()):
        assert line, "it ended by itself"
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    assert "WRONG" not in output
    assert not _listens(int(url[1]))


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
