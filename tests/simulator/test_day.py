"""A whole day, faster than real time, in this process and on a server."""

import json
from collections.abc import Callable

import pytest

from tests.server_process import ServerProcess, run_command

pytestmark = pytest.mark.slow


def test_a_day_is_decided_faster_than_it_lasts_and_the_same_each_time() -> None:
    runs = []
    for _ in range(2):
        done = run_command("simulate", "day", "--seed", 7, "--scale", 0.001, "--json")
        assert done.returncode == 0, done.stdout + done.stderr
        runs.append(json.loads(done.stdout))
    first, second = runs
    assert first["passed"]
    assert first["audit"]["checked"]["decisions checked"] == first["taps"]["decided"]
    assert first["taps"]["decided"] == first["world"]["taps"] > 9_000
    assert first["world"]["stations"] > 300
    assert first["world"]["left_out"] == []
    same = ("world", "outcomes", "intentions", "money", "taps")
    assert [first[name] for name in same] == [second[name] for name in same]


def test_a_day_on_a_server_ends_with_the_same_report(
    make_server: Callable[..., ServerProcess],
) -> None:
    server = make_server()
    done = run_command(
        *("simulate", "day", "--scale", 0.0003, "--url", server.url, "--json"),
        FARE_ADMIN_KEY=server.admin_key,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads(done.stdout)
    assert report["passed"]
    assert report["audit"]["checked"]["decisions checked"] == report["taps"]["decided"]
    assert report["world"]["stations"] == 7
    assert report["world"]["left_out"] == ["crosses by code where cards are free"]
    assert report["taps"]["decided"] == report["taps"]["sent"] > 2_500
