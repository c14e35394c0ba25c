"""A controller killed at every step of its work: no tap lost, none under a second id."""

import json
import signal
from pathlib import Path

import pytest

from gates.crash import CRASH_POINTS, VARIABLE
from tests.gates.documents import make_document
from tests.gates.raw_server import RawServer
from tests.gates.station_process import StationProcess
from tests.server_process import ServerProcess, new_card

pytestmark = pytest.mark.slow

NO_SERVER = "http://127.0.0.1:9"
"""A port without a server."""

LIVE = (
    "before_outbox_write",
    "inside_outbox_write",
    "after_outbox_write",
    "after_request_sent",
    "after_answer",
    "inside_action_write",
    "after_action_write",
    "after_gate_action",
)
ALONE = ("after_deciding_alone", "inside_action_write", "after_action_write", "after_gate_action")
SENDING = (
    "before_upload",
    "after_upload_answer",
    "inside_upload_write",
    "after_upload_write",
    "before_report_sent",
    "after_report_answer",
    "after_report_settled",
)
REPORTING = ("inside_report_write", "after_report_write")
UPKEEP = ("inside_start_repair", "inside_prune")
ADOPTING = ("inside_parameters_write", "after_parameters_write")

ENTRY, EXIT = "FHY-A-01", "FHY-C-02"
STORED_BY = CRASH_POINTS.index("after_outbox_write")


def test_every_named_point_is_in_one_of_these_tests() -> None:
    assert {*LIVE, *ALONE, *SENDING, *REPORTING, *UPKEEP, *ADOPTING} == set(CRASH_POINTS)


def test_an_unknown_crash_point_is_refused(server: ServerProcess, tmp_path: Path) -> None:
    ran = StationProcess(server, tmp_path).run("status", **{VARIABLE: "somewhere"})
    assert ran.status != 0
    assert "names no crash point: somewhere" in ran.log


@pytest.mark.parametrize("point", LIVE)
def test_killed_with_a_passenger_at_the_lane(
    server: ServerProcess, tmp_path: Path, point: str
) -> None:
    card = new_card()
    station = StationProcess(server, tmp_path)
    station.store_parameters()
    killed = station.run(f"{ENTRY} entry tianfutong:{card}", **{VARIABLE: point})
    assert killed.status == -signal.SIGKILL
    stored = [tap_id for (tap_id,) in station.read("SELECT tap_id FROM taps")]
    assert len(stored) == (CRASH_POINTS.index(point) >= STORED_BY)
    _come_back(server, station, card, stored)


@pytest.mark.parametrize("point", ALONE)
def test_killed_while_deciding_alone(server: ServerProcess, tmp_path: Path, point: str) -> None:
    card = new_card()
    StationProcess(server, tmp_path).store_parameters()
    alone = StationProcess(server, tmp_path, NO_SERVER)
    assert alone.run(f"{ENTRY} entry tianfutong:{card}").answers[0]["alone"]
    killed = alone.run(f"{EXIT} exit tianfutong:{card}", **{VARIABLE: point})
    assert killed.status == -signal.SIGKILL
    stored = [tap_id for (tap_id,) in alone.read("SELECT tap_id FROM taps ORDER BY place")]
    assert len(stored) == 2
    _come_back(server, StationProcess(server, tmp_path), card, stored)


@pytest.mark.parametrize("point", REPORTING)
def test_killed_while_reporting_that_the_passenger_did_not_pass(
    server: ServerProcess, tmp_path: Path, point: str
) -> None:
    card = new_card()
    station = StationProcess(server, tmp_path)
    station.store_parameters()
    killed = station.run(
        f"{ENTRY} entry tianfutong:{card}", f"not-passed {ENTRY}", **{VARIABLE: point}
    )
    assert killed.status == -signal.SIGKILL
    (tap_id,) = [killed.answers[0]["tap_id"]]
    station.run("wait")
    with server.client() as client:
        report = client.get(f"/v1/taps/{tap_id}").json()["report"]
    assert (report is not None) == (point == "after_report_write")
    # What the engine knows, the station knows too.
    states = station.read("SELECT document ->> '$[0]' FROM states")
    assert (states == [(None,)]) == (point == "after_report_write")


@pytest.mark.parametrize("point", SENDING)
def test_killed_while_sending_the_backlog(
    server: ServerProcess, tmp_path: Path, point: str
) -> None:
    card = new_card()
    StationProcess(server, tmp_path).store_parameters()
    alone = StationProcess(server, tmp_path, NO_SERVER).run(
        f"{ENTRY} entry tianfutong:{card}",
        f"{EXIT} exit tianfutong:{card}",
        f"not-passed {EXIT} gate stuck",
    )
    station = StationProcess(server, tmp_path)
    assert station.run("wait", **{VARIABLE: point}).status == -signal.SIGKILL
    ids = [answer["tap_id"] for answer in alone.answers[:2]]
    status = station.run("wait").answers[-1]
    assert (status["waiting"], status["reports_waiting"]) == (0, 0)
    _assert_arrived_once(server, station, card, ids)
    with server.client() as client:
        tap = client.get(f"/v1/taps/{ids[1]}").json()
    assert tap["reason"] == "same_station_within_window"
    assert tap["report"]["passed"] is False
    assert tap["report"]["cause"] == "gate stuck"
    assert tap["conflicts"] == 0


def test_killed_while_repairing_what_a_crash_left(server: ServerProcess, tmp_path: Path) -> None:
    card = new_card()
    station = StationProcess(server, tmp_path)
    station.store_parameters()
    line = f"{ENTRY} entry tianfutong:{card}"
    assert station.run(line, **{VARIABLE: "after_outbox_write"}).status == -signal.SIGKILL
    assert station.run("status", **{VARIABLE: "inside_start_repair"}).status == -signal.SIGKILL
    (stored,) = station.read("SELECT tap_id, gate_opened FROM taps")
    assert stored[1] is None, "the repair was undone with the process"
    _come_back(server, station, card, [stored[0]])


def test_killed_while_pruning_the_file(server: ServerProcess, tmp_path: Path) -> None:
    card = new_card()
    station = StationProcess(server, tmp_path)
    station.store_parameters()
    killed = station.run("wait", **{VARIABLE: "inside_prune"})
    assert killed.status == -signal.SIGKILL
    _come_back(server, station, card, [])


@pytest.mark.parametrize("point", ADOPTING)
def test_killed_while_adopting_parameters(
    server: ServerProcess, tmp_path: Path, point: str
) -> None:
    StationProcess(server, tmp_path).store_parameters()
    document = make_document(blocked=["00" * 16])
    answers = [_answer(404, b"{}"), _answer(200, document)]
    with RawServer(answers) as engine:
        station = StationProcess(server, tmp_path, engine.url)
        assert station.run("wait", **{VARIABLE: point}).status == -signal.SIGKILL
    expected = make_document() if point == "inside_parameters_write" else document
    version = json.loads(expected)["version"]
    assert station.run("status").answers[0]["parameters_version"] == version


def _answer(status: int, body: bytes) -> bytes:
    return b"HTTP/1.1 %d -\r\ncontent-length: %d\r\n\r\n%s" % (status, len(body), body)


def _come_back(
    server: ServerProcess, station: StationProcess, card: str, stored: list[str]
) -> None:
    """The passenger taps once more, in and out; every tap arrives, each under its one id."""
    ran = station.run(f"{ENTRY} entry tianfutong:{card}", f"{EXIT} exit tianfutong:{card}", "wait")
    assert ran.status == 0, ran.log
    entry, leaving, status = ran.answers
    assert (entry["gate_action"], leaving["gate_action"]) == ("open", "open")
    assert leaving["reason"] == "same_station_within_window"
    assert (status["waiting"], status["set_aside"]) == (0, 0)
    ids = [*stored, entry["tap_id"], leaving["tap_id"]]
    assert len(set(ids)) == len(ids), "a sequence number was given twice"
    _assert_arrived_once(server, station, card, ids)
    with server.client() as client:
        for tap_id in ids:
            tap = client.get(f"/v1/taps/{tap_id}").json()
            kept = station.read(
                "SELECT gate_opened, fare_taken, alone FROM taps WHERE tap_id = ?", tap_id
            )[0]
            assert tap["conflicts"] == 0
            if kept[2]:
                action = "open" if kept[0] else "refuse"
                report = tap["report"]
                assert (report["gate_action_taken"], report["fare_taken"]) == (action, kept[1])


def _assert_arrived_once(
    server: ServerProcess, station: StationProcess, card: str, ids: list[str]
) -> None:
    token = station.make_token("tianfutong", card)
    assert server.list_tap_ids(token) == ids
