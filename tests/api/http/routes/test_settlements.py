"""Settlement over a real server: what it issues, and where it is shown."""

from typing import Any

import httpx2
import pytest

from tests.api.contract.test_problems import check
from tests.server_process import make_tap, new_card

DAY = "2024-07-02"
"""A date that no other test has taps on."""


def send(client: httpx2.Client, *taps: dict[str, Any]) -> list[dict[str, Any]]:
    answers = [client.post("/v1/taps", json=tap) for tap in taps]
    assert [answer.status_code for answer in answers] == [200] * len(taps)
    return [answer.json() for answer in answers]


def settle(client: httpx2.Client, day: str = DAY, **more: Any) -> dict[str, Any]:
    response = client.post("/v1/settlements", json={"service_date": day, **more})
    assert response.status_code == 200, response.text
    outcome: dict[str, Any] = response.json()
    return outcome


def test_a_late_journey_is_settled_once_and_shown_beside_its_tap(admin: httpx2.Client) -> None:
    card = new_card()
    late_entry = make_tap("CXL-A-01", "entry", card, f"{DAY}T08:00:00.000+08:00")
    late_exit = make_tap("FHY-C-02", "exit", card, f"{DAY}T08:30:00.000+08:00")
    send(
        admin,
        make_tap("FHY-A-01", "entry", card, f"{DAY}T09:00:00.000+08:00"),
        make_tap("FHY-C-02", "exit", card, f"{DAY}T09:05:00.000+08:00"),
    )
    late = send(admin, late_entry, late_exit)
    assert {answer["outcome"] for answer in late} == {"late"}

    tried = settle(admin, dry_run=True)
    assert (tried["settlement_id"], tried["dry_run"]) == (None, True)
    settled = settle(admin)
    (item,) = settled["items"]
    assert (item["tap_id"], item["entry_tap_id"]) == (late_exit["tap_id"], late_entry["tap_id"])
    assert (item["collected"], item["why"], item["reason"]) == (
        0,
        "arrived_late",
        "different_station",
    )
    assert item["fare"] == item["due"] > 0
    assert (settled["adjustments"], settled["adjusted_fare"]) == (1, item["fare"])
    assert tried["items"][0]["fare"] == item["fare"]
    assert settle(admin)["items"] == []

    explained = admin.get(f"/v1/taps/{late_exit['tap_id']}").json()
    assert (explained["outcome"], explained["adjustments"]) == ("late", [item])
    run = admin.get(f"/v1/settlements/{settled['settlement_id']}").json()
    assert (run["adjustments"], run["service_date"]) == (1, DAY)
    assert run["ended_at"] >= run["begun_at"]
    page = admin.get(f"/v1/settlements/{settled['settlement_id']}/adjustments").json()
    assert page == {"items": [item], "next_cursor": None}
    newest = admin.get("/v1/settlements", params={"limit": 2}).json()
    assert [entry["adjustments"] for entry in newest["items"]] == [0, 1]
    assert card not in str([settled, explained, page])


def test_a_tap_in_quarantine_says_when_it_can_be_settled(admin: httpx2.Client) -> None:
    day = "2024-07-04"
    offline = {"gate_action_taken": "open", "fare_taken": 0}
    tap = make_tap("CXL-Q-01", "entry", new_card(), f"{day}T08:00:00.000+08:00", offline=offline)
    (answer,) = send(admin, tap)
    assert answer["reason"] == "unknown-gate"

    def waiting() -> tuple[bool, str | None, int | None]:
        items = admin.get("/v1/quarantine", params={"limit": 1_000}).json()["items"]
        (item,) = [item for item in items if item["tap_id"] == tap["tap_id"]]
        return item["repairable"], item["problem_now"], item["settlement_id"]

    assert waiting() == (False, "unknown-gate", None)
    gate = {"station_id": "CXL", "directions": ["exit"]}
    admin.put("/v1/gates/CXL-Q-01", json=gate)
    assert waiting() == (False, "direction-not-allowed", None)
    assert settle(admin, day)["repaired"] == 0
    admin.put("/v1/gates/CXL-Q-01", json=gate | {"directions": ["entry", "exit"]})
    assert waiting() == (True, None, None)
    settled = settle(admin, day)
    assert settled["repaired"] == 1
    assert [item["kind"] for item in settled["items"]] == ["missing_exit"]
    assert (settled["adjustments"], settled["missing_exits"]) == (0, 1)
    assert waiting() == (True, None, settled["settlement_id"])
    assert send(admin, tap) == [answer], "the answer stays for ever"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "service_date"),
        ({"service_date": "yesterday"}, "service_date"),
        ({"service_date": "2021-02-30"}, "service_date"),
        ({"service_date": 20211124}, "service_date"),
        ({"service_date": "2021-11-24", "dry_run": "yes"}, "dry_run"),
        ({"service_date": "2021-11-24", "dry": True}, "dry"),
    ],
)
def test_an_invalid_settlement_is_refused(
    admin: httpx2.Client, body: dict[str, Any], field: str
) -> None:
    members = check(admin.post("/v1/settlements", json=body), 422, "invalid-request")
    assert members["errors"][0]["field"] == field


def test_a_date_before_the_first_tariff_cannot_be_settled(admin: httpx2.Client) -> None:
    for day, code in (("1999-12-31", "no-tariff-in-force"), ("9999-12-31", "invalid-request")):
        check(admin.post("/v1/settlements", json={"service_date": day}), 422, code)


def test_only_an_admin_key_settles_and_reads(gates: httpx2.Client, admin: httpx2.Client) -> None:
    check(gates.post("/v1/settlements", json={"service_date": DAY}), 403, "forbidden")
    for path in ("", "/1", "/1/adjustments"):
        check(gates.get(f"/v1/settlements{path}"), 403, "forbidden")
    check(admin.get("/v1/settlements/999999"), 404, "not-found")
