"""Adjustments that are held: listed, released, refused, and shown wherever they count."""

from typing import Any

import httpx2
import pytest

from tests.api.contract.test_problems import check
from tests.api.http.routes.test_settlements import send, settle
from tests.server_process import make_tap, new_card

DAY = "2024-09-03"
"""A date that no other test has taps on."""

ABSURD = 1_000_000


def ride(admin: httpx2.Client, taken: int, day: str = DAY) -> dict[str, Any]:
    """A ride whose exit says that its gate took so much."""
    card = new_card()
    offline = {"gate_action_taken": "open", "fare_taken": taken}
    exit_ = make_tap("FHY-C-02", "exit", card, f"{day}T08:30:00.000+08:00", offline=offline)
    send(admin, make_tap("CXL-A-01", "entry", card, f"{day}T08:00:00.000+08:00"), exit_)
    return exit_


def list_in(admin: httpx2.Client, state: str, tap: dict[str, Any]) -> list[dict[str, Any]]:
    page = admin.get("/v1/adjustments", params={"state": state, "limit": 1_000}).json()
    return [item for item in page["items"] if item["tap_id"] == tap["tap_id"]]


def read_audit(admin: httpx2.Client, number: int) -> list[str]:
    entries = admin.get("/v1/audit", params={"limit": 1_000}).json()["items"]
    return [
        entry["action"]
        for entry in entries
        if entry["action"].startswith("adjustment.") and entry["subject"] == str(number)
    ]


@pytest.mark.parametrize(
    ("action", "state", "day"),
    [("release", "released", "2024-09-03"), ("refuse", "refused", "2024-09-04")],
)
def test_a_fare_that_no_fare_can_be_waits_for_a_person(
    admin: httpx2.Client, action: str, state: str, day: str
) -> None:
    tap = ride(admin, ABSURD, day)
    tried = settle(admin, day, dry_run=True)
    assert [(item["state"], item["adjustment_id"]) for item in tried["items"]] == [("held", None)]
    settled = settle(admin, day)
    (item,) = settled["items"]
    assert (item["state"], item["collected"], item["review"]) == ("held", ABSURD, None)
    assert item["fare"] == item["due"] - ABSURD
    assert (settled["adjustments"], settled["adjusted_fare"]) == (0, 0)
    assert (settled["held"], settled["held_fare"]) == (1, item["fare"])
    assert list_in(admin, "held", tap) == [item]
    assert admin.get(f"/v1/taps/{tap['tap_id']}").json()["adjustments"] == [item]

    path = f"/v1/adjustments/{item['adjustment_id']}"
    reason = {"reason": "the gate was tested that day"}
    answer = admin.post(f"{path}/{action}", json=reason)
    assert answer.status_code == 200, answer.text
    reviewed = answer.json()
    assert reviewed == item | {"state": state, "review": reviewed["review"]}
    assert reviewed["review"]["reason"] == reason["reason"]
    again = admin.post(f"{path}/{action}", json={"reason": "once more"})
    assert (again.status_code, again.json()) == (200, reviewed)
    other = {"release": "refuse", "refuse": "release"}[action]
    check(admin.post(f"{path}/{other}", json=reason), 409, "conflict")
    assert read_audit(admin, item["adjustment_id"]) == [f"adjustment.{state}"]

    assert settle(admin, day)["items"] == []
    for one in ("issued", "held", "released", "refused"):
        assert list_in(admin, one, tap) == ([reviewed] if one == state else [])
    assert admin.get(f"/v1/taps/{tap['tap_id']}").json()["adjustments"] == [reviewed]
    run = admin.get(f"/v1/settlements/{settled['settlement_id']}").json()
    assert (run["held"], run["held_fare"]) == (0, 0)
    assert (run[state], run[f"{state}_fare"]) == (1, item["fare"])
    assert (run["adjustments"], run["adjusted_fare"]) == (0, 0)


def test_what_was_issued_can_be_neither_released_nor_refused(admin: httpx2.Client) -> None:
    tap = ride(admin, 500, "2024-09-05")
    (item,) = settle(admin, "2024-09-05")["items"]
    assert item["state"] == "issued"
    for action in ("release", "refuse"):
        path = f"/v1/adjustments/{item['adjustment_id']}/{action}"
        check(admin.post(path, json={"reason": "why not"}), 409, "conflict")
    assert list_in(admin, "issued", tap) == [item]


@pytest.mark.parametrize("action", ["release", "refuse"])
def test_a_review_says_why_and_of_what(admin: httpx2.Client, action: str) -> None:
    for body in ({}, {"reason": ""}, {"reason": "  "}, {"reason": "x" * 501}, {"reason": 1}):
        answer = admin.post(f"/v1/adjustments/1/{action}", json=body)
        assert check(answer, 422, "invalid-request")["errors"][0]["field"] == "reason"
    answer = admin.post(f"/v1/adjustments/999999/{action}", json={"reason": "none"})
    check(answer, 404, "not-found")


def test_adjustments_come_in_pages(admin: httpx2.Client) -> None:
    for taken in (500, ABSURD, 600):
        ride(admin, taken, "2024-09-06")
    settle(admin, "2024-09-06")
    whole = admin.get("/v1/adjustments", params={"limit": 1_000}).json()["items"]
    found: list[dict[str, Any]] = []
    cursor = None
    while cursor is not None or not found:
        query = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = admin.get("/v1/adjustments", params=query).json()
        found += page["items"]
        cursor = page["next_cursor"]
    assert found == whole
    for query in ({"state": "lost"}, {"cursor": "x"}, {"limit": 0}):
        check(admin.get("/v1/adjustments", params=query), 422, "invalid-request")


def test_a_gate_key_neither_reads_nor_reviews_them(gates: httpx2.Client) -> None:
    check(gates.get("/v1/adjustments"), 403, "forbidden")
    for action in ("release", "refuse"):
        answer = gates.post(f"/v1/adjustments/1/{action}", json={"reason": "mine"})
        check(answer, 403, "forbidden")
