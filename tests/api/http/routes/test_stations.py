"""Stations, their policies and the kill switch, over a real server."""

from typing import Any

import httpx2
import pytest

from tests.api.contract.test_problems import check
from tests.server_process import ServerProcess, make_tap, new_card

STATION = "TFGC"
"""A station with gates that no other test publishes policies for."""

POLICY: dict[str, Any] = {
    "window_seconds": 600,
    "media": ["qr", "tianfutong"],
    "designated_gates": ["TFGC-A-01", "TFGC-A-02"],
    "effective_from": "2021-01-01T00:00:00+08:00",
}


def cross(client: httpx2.Client, at: str = "2021-12-01T08:0") -> dict[str, Any]:
    """The exit of a crossing at the station, 90 seconds after its entry."""
    card = new_card()
    entry = make_tap("TFGC-A-01", "entry", card, f"{at}0:00.000+08:00")
    exit_ = make_tap("TFGC-A-02", "exit", card, f"{at}1:30.000+08:00")
    assert client.post("/v1/taps", json=entry).json()["outcome"] == "entered"
    answer: dict[str, Any] = client.post("/v1/taps", json=exit_).json()
    return answer


def test_the_pilot_station_is_shown_with_all_its_parts(gates: httpx2.Client) -> None:
    station = gates.get("/v1/stations/FHY").json()
    assert station["name"] == {"zh": "孵化园", "en": "Fuhuayuan"}
    assert "1号线" in station["lines"]
    assert station["policy"]["version"] == 1
    assert station["policy"]["window_seconds"] == 900
    assert station["policy"]["effective_from"] == "2021-11-24T00:00:00.000+08:00"
    assert station["next_policy"] is None
    assert station["suspended"] is False
    by_id = {gate["gate_id"]: gate for gate in station["gates"]}
    assert by_id["FHY-A-01"] == {
        "gate_id": "FHY-A-01",
        "exit_id": "A",
        "directions": ["entry"],
        "controller": "FHY-1",
        "designated": True,
    }
    assert by_id["FHY-B-01"]["designated"] is False
    assert {"A", "B"} <= {exit_["exit_id"] for exit_ in station["exits"]}


def test_a_station_that_is_not_there(gates: httpx2.Client) -> None:
    check(gates.get("/v1/stations/NOPE"), 404, "not-found")
    check(gates.get("/v1/stations/NOPE/policies"), 404, "not-found")


@pytest.mark.parametrize("limit", [1, 7, 100, 1_000])
def test_pages_hold_every_station_once(gates: httpx2.Client, limit: int) -> None:
    whole = gates.get("/v1/stations", params={"limit": 1_000}).json()
    assert whole["next_cursor"] is None
    found, cursor = [], None
    for _ in range(20 if limit == 1 else 1_000):
        query = {"limit": limit} | ({"cursor": cursor} if cursor else {})
        page = gates.get("/v1/stations", params=query).json()
        assert len(page["items"]) <= limit
        found += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert found == whole["items"][: len(found)]


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=1001", "limit=x", "limit=1.5", "cursor=NOPE", "cursor=" + "x" * 99]
)
def test_an_invalid_page_is_refused(gates: httpx2.Client, query: str) -> None:
    members = check(gates.get(f"/v1/stations?{query}"), 422, "invalid-request")
    assert members["errors"][0]["field"] == query.partition("=")[0]


def test_publishing_suspending_and_resuming_a_policy(
    server: ServerProcess, admin: httpx2.Client
) -> None:
    policies = f"/v1/stations/{STATION}/policies"
    reason = {"reason": "the lane is being rebuilt"}
    check(admin.post(f"{policies}/suspend", json=reason), 404, "not-found")
    assert cross(admin)["reason"] == "station_not_in_pilot"

    published = admin.post(policies, json=POLICY)
    assert published.status_code == 201, published.text
    assert published.json() == POLICY | {
        "station_id": STATION,
        "version": 1,
        "daily_limit": None,
        "effective_from": "2021-01-01T00:00:00.000+08:00",
        "effective_to": None,
        "note": "",
    }
    assert admin.get(policies).json()["items"] == [published.json()]
    answer = cross(admin)
    assert (answer["outcome"], answer["policy_version"]) == ("waived", 1)

    later = POLICY | {"effective_from": "2999-01-01T00:00:00+08:00", "window_seconds": 300}
    assert admin.post(policies, json=later).json()["version"] == 2
    station = admin.get(f"/v1/stations/{STATION}").json()
    assert (station["policy"]["version"], station["next_policy"]["version"]) == (1, 2)

    suspended = admin.post(f"{policies}/suspend", json=reason).json()
    assert suspended["suspended"] is True
    assert suspended["reason"] == reason["reason"]
    assert admin.post(f"{policies}/suspend", json={"reason": "again"}).json() == suspended
    assert admin.get(f"/v1/stations/{STATION}").json()["suspended"] is True

    server.stop()
    server.restart()  # outlived by nothing: a restart changes neither
    with server.client(server.admin_key) as client:
        assert client.get(f"/v1/stations/{STATION}").json()["suspended"] is True
        resumed = client.post(f"{policies}/resume", json={"reason": "rebuilt"}).json()
        assert resumed["suspended"] is False
        assert resumed["resumed_at"] >= resumed["suspended_at"]
        assert cross(client)["outcome"] == "waived"
        actions = [
            (entry["action"], entry["subject"])
            for entry in client.get("/v1/audit").json()["items"]
            if entry["subject"] == STATION
        ]
    assert [action for action, _ in reversed(actions)] == [
        "policy.published",
        "policy.published",
        "policy.suspended",
        "policy.resumed",
    ]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"window_seconds": 0}, "window_seconds"),
        ({"window_seconds": "600"}, "window_seconds"),
        ({"window_seconds": True}, "window_seconds"),
        ({"window_seconds": 600.0}, "window_seconds"),
        ({"window_seconds": 10**30}, "window_seconds"),
        ({"window_seconds": 86_400}, "window_seconds"),
        ({"media": []}, "media"),
        ({"media": ["paper"]}, "media"),
        ({"designated_gates": ["TFGC-A-01"]}, "designated_gates"),
        ({"designated_gates": ["FHY-A-01", "TFGC-A-02"]}, "designated_gates"),
        ({"designated_gates": "TFGC-A-01"}, "designated_gates"),
        ({"daily_limit": 0}, "daily_limit"),
        ({"effective_from": "2021-01-01"}, "effective_from"),
        ({"effective_from": 1_637_712_930}, "effective_from"),
        ({"effective_to": "2020-01-01T00:00:00+08:00"}, "effective_to"),
        ({"note": "x" * 2_001}, "note"),
        ({"notes": ""}, "notes"),
    ],
)
def test_an_invalid_policy_is_refused(
    admin: httpx2.Client, change: dict[str, object], field: str
) -> None:
    response = admin.post("/v1/stations/SLT2/policies", json=_policy_of_slt2() | change)
    assert response.status_code == 422, response.text
    members = check(response, 422, response.json()["type"].removeprefix("/problems/"))
    assert members["errors"][0]["field"].startswith(field)
    assert admin.get("/v1/stations/SLT2/policies").json()["items"] == []


@pytest.mark.parametrize("reason", [{}, {"reason": ""}, {"reason": "  "}, {"reason": "x" * 501}])
def test_the_kill_switch_needs_a_reason(admin: httpx2.Client, reason: dict[str, str]) -> None:
    response = admin.post("/v1/stations/FHY/policies/suspend", json=reason)
    members = check(response, 422, "invalid-request")
    assert members["errors"][0]["field"] == "reason"


def _policy_of_slt2() -> dict[str, Any]:
    return POLICY | {"designated_gates": ["SLT2-A-01", "SLT2-A-02"]}
