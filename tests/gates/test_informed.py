"""What a station gets from a real engine, and what it reports to it."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.gates.station_process import StationProcess
from tests.server_process import ServerProcess, new_card

NO_SERVER = "http://127.0.0.1:9"
"""A port without a server."""

ENTRY, EXIT = "FHY-A-01", "FHY-C-02"


@pytest.fixture
def own_server(make_server: Callable[..., ServerProcess]) -> ServerProcess:
    """An engine of its own, for modes and blocked media."""
    return make_server()


def post(server: ServerProcess, path: str, body: dict[str, Any]) -> None:
    with server.client(server.admin_key) as admin:
        answer = admin.post(path, json=body)
    assert answer.status_code in (200, 201), answer.text


def test_a_new_station_fetches_its_parameters_and_decides_alone_by_them(
    server: ServerProcess, tmp_path: Path
) -> None:
    (status,) = StationProcess(server, tmp_path).run("wait").answers
    with server.client() as client:
        answer = client.get("/v1/controllers/FHY-1/parameters").json()
    assert status["parameters_version"] == answer["version"]
    card = new_card()
    alone = StationProcess(server, tmp_path, NO_SERVER).run(
        f"{ENTRY} entry tianfutong:{card}", f"{EXIT} exit tianfutong:{card}"
    )
    assert [answer["alone"] for answer in alone.answers] == [True, True]
    assert alone.answers[1]["reason"] == "same_station_within_window"


def test_modes_and_blocked_media_are_the_same_at_gate_and_engine(
    own_server: ServerProcess, tmp_path: Path
) -> None:
    blocked, unseen, card = new_card(), new_card(), new_card()
    medium = {"type": "tianfutong", "id": blocked}
    post(own_server, "/v1/media/block", {"medium": medium, "reason": "lost"})
    mode = {"mode": "sequence_free", "reason": "readers broken"}
    post(own_server, "/v1/stations/FHY/modes", mode)
    lines = (
        f"{ENTRY} entry tianfutong:{blocked}",
        f"{EXIT} exit tianfutong:{unseen}",
        f"{ENTRY} entry tianfutong:{card}",
        f"{EXIT} exit tianfutong:{card}",
    )
    StationProcess(own_server, tmp_path / "alone").run("wait")
    shutil.copytree(tmp_path / "alone", tmp_path / "asked")
    alone = StationProcess(own_server, tmp_path / "alone", NO_SERVER).run(*lines)
    sent = StationProcess(own_server, tmp_path / "alone").run("wait")
    assert sent.answers[0]["modes"] == ["sequence_free"]
    decided_alone = [
        (answer["reason"], answer["gate_action"], answer["fare"]) for answer in alone.answers
    ]
    assert decided_alone == [
        ("medium_blocked", "refuse", 0),
        ("no_open_entry", "open", 180),
        ("entry_opened", "open", 0),
        ("same_station_within_window", "open", 0),
    ]
    with own_server.client() as client:
        decided = [client.get(f"/v1/taps/{a['tap_id']}").json() for a in alone.answers]
    assert decided_alone == [
        (each["reason"], each["gate_action"], each["fare"]) for each in decided
    ]


def test_heartbeats_report_how_far_a_gates_clock_is_off(
    server: ServerProcess, tmp_path: Path
) -> None:
    station = StationProcess(server, tmp_path)
    station.run(f"{ENTRY} entry tianfutong:{new_card()}", "wait")
    ran = station.run("wait")  # the second start reports the gates with taps in the first
    assert "heartbeat_refused" not in ran.log
    with server.client("") as client:
        metrics = client.get("/metrics").text
    (line,) = (line for line in metrics.splitlines() if f'gate="{ENTRY}"' in line)
    assert line.startswith("fare_gate_clock_skew_ms")
