"""Degraded modes over a real server: started, read at the tap, ended, explained."""

from typing import Any

import httpx2
import pytest

from tests.api.contract.test_problems import check
from tests.server_process import ServerProcess, make_tap, new_card

MODES = "/v1/stations/CDDKZ/modes"
"""Of a station that no other test taps at."""

SMOKE = {
    "mode": "emergency",
    "effective_from": "2022-03-01T08:30:00+08:00",
    "effective_to": "2022-03-01T09:00:00+08:00",
    "reason": "smoke in the concourse",
}


def send(client: httpx2.Client, gate_id: str, direction: str, card: str, at: str) -> dict[str, Any]:
    tap = make_tap(gate_id, direction, card, f"2022-03-01T{at}+08:00")
    response = client.post("/v1/taps", json=tap)
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


def test_an_emergency_is_started_read_at_the_tap_and_explained(
    server: ServerProcess, admin: httpx2.Client
) -> None:
    early, walked, caught = new_card(), new_card(), new_card()
    for card in (early, walked, caught):
        send(admin, "CDDKZ-A-01", "entry", card, "08:00:00.000")
    started = admin.post(MODES, json=SMOKE)
    assert started.status_code == 201, started.text
    shown = started.json()
    assert shown == {
        "number": shown["number"],
        "mode": "emergency",
        "effective_from": "2022-03-01T08:30:00.000+08:00",
        "effective_to": "2022-03-01T09:00:00.000+08:00",
        "reason": "smoke in the concourse",
        "in_force": False,
    }
    assert shown in admin.get(MODES).json()["items"]

    answer = send(admin, "CDDKZ-A-02", "exit", early, "08:29:59.999")
    assert (answer["outcome"], answer["fare"]) == ("charged", 180)
    answer = send(admin, "CDDKZ-A-02", "exit", caught, "08:30:00.000")
    assert (answer["outcome"], answer["reason"]) == ("waived", "emergency")
    assert (answer["gate_action"], answer["fare"], answer["fare_waived"]) == ("open", 0, 0)
    assert answer["journey"]["elapsed_ms"] == 1_800_000
    again = send(admin, "CDDKZ-A-01", "entry", walked, "11:00:00.000")
    assert again["reason"] == "entry_superseded"

    server.stop()
    server.restart()
    with server.client(server.admin_key) as client:
        explained = client.get(f"/v1/taps/{answer['tap_id']}").json()
        assert explained | answer == explained
        assert explained["degraded_modes"] == ["emergency"]
        assert explained["conditions"] == []
        explained = client.get(f"/v1/taps/{again['tap_id']}").json()
        assert (explained["journey_found"], explained["incomplete_fare"]) == ("excused", 0)
        assert explained["degraded_modes"] == []
        unpaired = send(client, "CDDKZ-A-02", "exit", new_card(), "08:59:59.999")
        assert (unpaired["reason"], unpaired["gate_action"]) == ("no_open_entry", "open")
        unpaired = send(client, "CDDKZ-A-02", "exit", new_card(), "09:00:00.000")
        assert (unpaired["reason"], unpaired["gate_action"]) == ("no_open_entry", "refuse")


def test_a_mode_starts_and_ends_now_when_no_time_is_given(admin: httpx2.Client) -> None:
    late_train = {"mode": "time_free", "reason": "train stuck"}
    started = admin.post(MODES, json=late_train).json()
    assert (started["in_force"], started["effective_to"]) == (True, None)
    assert "time_free" in admin.get("/v1/stations/CDDKZ").json()["degraded_modes"]
    (ended,) = admin.post(f"{MODES}/end", json=late_train).json()["items"]
    assert ended["number"] == started["number"]
    assert (ended["in_force"], ended["effective_to"] > ended["effective_from"]) == (False, True)
    assert admin.post(f"{MODES}/end", json=late_train).json()["items"] == []
    assert "time_free" not in admin.get("/v1/stations/CDDKZ").json()["degraded_modes"]
    last, before = admin.get("/v1/audit", params={"limit": 2}).json()["items"]
    assert (last["action"], before["action"]) == ("mode.ended", "mode.started")
    assert last["after"]["end_reason"] == "train stuck"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"mode": "free_for_all"}, "mode"),
        ({"reason": " "}, "reason"),
        ({"effective_to": "2022-03-01T08:30:00+08:00"}, "effective_to"),
        ({"effective_from": "yesterday"}, "effective_from"),
        ({"until": None}, "until"),
    ],
)
def test_an_invalid_mode_is_refused(
    admin: httpx2.Client, change: dict[str, Any], field: str
) -> None:
    before = admin.get(MODES).json()
    response = admin.post(MODES, json=SMOKE | change)
    members = check(response, 422, response.json()["type"].removeprefix("/problems/"))
    assert members["errors"][0]["field"] == field
    assert admin.get(MODES).json() == before


def test_only_an_admin_starts_and_ends_modes(gates: httpx2.Client) -> None:
    check(gates.post(MODES, json=SMOKE), 403, "forbidden")
    check(gates.post(f"{MODES}/end", json={"mode": "emergency", "reason": "x"}), 403, "forbidden")


def test_a_station_that_is_not_there(admin: httpx2.Client) -> None:
    check(admin.get("/v1/stations/NOPE/modes"), 404, "not-found")
    check(admin.post("/v1/stations/NOPE/modes", json=SMOKE), 404, "not-found")
    end = {"mode": "emergency", "reason": "x"}
    check(admin.post("/v1/stations/NOPE/modes/end", json=end), 404, "not-found")
