"""What was refused as a conflict is listed, with who sent it and what differs."""

from typing import Any

import httpx2

from tests.api.contract.test_problems import check
from tests.server_process import ServerProcess, make_tap, new_card

ENTERED = "2021-11-25T08:00:00.000+08:00"
LATER = "2021-11-25T08:03:32.360+08:00"


def send(client: httpx2.Client, tap: dict[str, Any]) -> None:
    response = client.post("/v1/taps", json=tap)
    assert response.status_code == 200, response.text


def list_of(admin: httpx2.Client, tap: dict[str, Any], **query: Any) -> list[dict[str, Any]]:
    """The conflicts of one tap_id, newest first."""
    page = admin.get("/v1/conflicts", params={"limit": 1_000, **query})
    assert page.status_code == 200, page.text
    return [item for item in page.json()["items"] if item["tap_id"] == tap["tap_id"]]


def test_a_refused_tap_stands_beside_the_first_with_what_differs(
    server: ServerProcess, gates: httpx2.Client, admin: httpx2.Client
) -> None:
    card, other_card = new_card(), new_card()
    tap = make_tap("FHY-A-01", "entry", card, ENTERED)
    send(gates, tap)
    offline = {"gate_action_taken": "open", "fare_taken": 0}
    other = tap | {
        "gate_id": "FHY-B-01",
        "medium": {"type": "tianfutong", "id": other_card},
        "occurred_at": LATER,
        "offline": offline,
    }
    check(gates.post("/v1/taps", json=other), 409, "tap-conflict")
    (item,) = list_of(admin, tap)
    assert (item["kind"], set(item["differs"])) == ("tap", {"gate_id", "medium", "occurred_at"})
    assert item["sent_tap"] == {
        "gate_id": "FHY-B-01",
        "station_id": "FHY",
        "direction": "entry",
        "medium_type": "tianfutong",
        "occurred_at": LATER,
        "offline": offline | {"passed": None, "cause": None},
    }
    assert item["first_tap"] == {
        "gate_id": "FHY-A-01",
        "station_id": "FHY",
        "direction": "entry",
        "medium_type": "tianfutong",
        "occurred_at": ENTERED,
        "offline": None,
    }
    keys = admin.get("/v1/keys", params={"limit": 1_000}).json()["items"]
    (sender,) = [key for key in keys if key["key_id"] == item["sender"]]
    assert (sender["kind"], sender["name"]) == ("gate", "init")
    for number in (card, other_card):
        assert number not in str(item)
    tokens = admin.get("/v1/conflicts", params={"limit": 1_000}).text
    assert '"token"' not in tokens


def test_each_field_that_differs_is_named(gates: httpx2.Client, admin: httpx2.Client) -> None:
    tap = make_tap("FHY-D-01", "entry", new_card(), ENTERED)
    assert gates.post("/v1/taps", json=tap).status_code == 200
    changes: dict[str, dict[str, Any]] = {
        "direction": {"direction": "exit"},
        "medium": {"medium": {"type": "tianfutong", "id": new_card()}},
        "occurred_at": {"occurred_at": LATER},
        "gate_id": {"gate_id": "FHY-A-01"},
    }
    for change in changes.values():
        check(gates.post("/v1/taps", json=tap | change), 409, "tap-conflict")
    assert [item["differs"] for item in reversed(list_of(admin, tap))] == [
        [name] for name in changes
    ]


def test_a_report_that_contradicts_the_first_is_listed(
    gates: httpx2.Client, admin: httpx2.Client
) -> None:
    tap = make_tap("FHY-A-01", "entry", new_card(), ENTERED)
    send(gates, tap)
    first = {"gate_action_taken": "open", "fare_taken": 0, "passed": True}
    path = f"/v1/taps/{tap['tap_id']}/report"
    for report in (first, first | {"passed": False, "cause": "turned back"}):
        assert gates.post(path, json=report).status_code == 200
    (item,) = list_of(admin, tap)
    assert (item["kind"], item["differs"]) == ("report", ["passed", "cause"])
    assert item["sent_report"] == first | {"passed": False, "cause": "turned back"}
    assert item["first_report"] == first | {"cause": None}
    assert item["sender"] is not None
    assert (item["sent_tap"], item["first_tap"]) == (None, None)


def test_conflicts_are_found_by_gate_station_and_time(
    gates: httpx2.Client, admin: httpx2.Client
) -> None:
    tap = make_tap("FHY-A-01", "entry", new_card(), ENTERED)
    send(gates, tap)
    check(gates.post("/v1/taps", json=tap | {"gate_id": "CXL-A-01"}), 409, "tap-conflict")
    (item,) = list_of(admin, tap)
    at = item["received_at"]
    for query in (
        {"gate_id": "CXL-A-01"},  # it sent it
        {"gate_id": "FHY-A-01"},  # it had made the tap_id
        {"station_id": "CXL"},
        {"station_id": "FHY"},
        {"station_id": "FHY", "gate_id": "FHY-A-01"},
        {"from": at},
        {"from": "2021-01-01T00:00:00Z", "to": "2999-01-01T00:00:00Z"},
    ):
        assert list_of(admin, tap, **query) == [item], query
    for query in (
        {"gate_id": "FHY-B-01"},
        {"gate_id": "FHY-A-0"},
        {"station_id": "TFGC"},
        {"station_id": "TFGC", "gate_id": "FHY-A-01"},
        {"to": at},
        {"from": "2999-01-01T00:00:00Z"},
    ):
        assert list_of(admin, tap, **query) == [], query
    check(admin.get("/v1/conflicts", params={"station_id": "NOPE"}), 404, "not-found")
    for query in ({"from": "yesterday"}, {"cursor": "x"}, {"limit": 0}, {"gate_id": "a b"}):
        check(admin.get("/v1/conflicts", params=query), 422, "invalid-request")


def test_conflicts_come_in_pages(gates: httpx2.Client, admin: httpx2.Client) -> None:
    tap = make_tap("FHY-A-01", "entry", new_card(), ENTERED)
    send(gates, tap)
    for second in range(5):
        occurred_at = f"2021-11-25T09:00:{second:02}.000+08:00"
        gates.post("/v1/taps", json=tap | {"occurred_at": occurred_at})
    whole = list_of(admin, tap)
    found: list[dict[str, Any]] = []
    cursor = None
    while len(found) < 5:
        query = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = admin.get("/v1/conflicts", params=query).json()
        found += page["items"]
        cursor = page["next_cursor"]
    assert found[:5] == whole
    assert [one["conflict_id"] for one in whole] == sorted(
        (one["conflict_id"] for one in whole), reverse=True
    )


def test_more_than_the_limit_of_a_tap_are_counted_and_not_kept(
    gates: httpx2.Client, admin: httpx2.Client
) -> None:
    tap = make_tap("FHY-A-01", "entry", new_card(), ENTERED)
    send(gates, tap)
    before = admin.get("/v1/conflicts").json()["left_out"]
    for second in range(20):
        other = tap | {"occurred_at": f"2021-11-25T09:00:{second:02}.000+08:00"}
        check(gates.post("/v1/taps", json=other), 409, "tap-conflict")
    assert len(list_of(admin, tap)) == 16
    assert admin.get("/v1/conflicts").json()["left_out"] == before + 4
    past = {"to": "2021-01-01T00:00:00Z"}
    assert admin.get("/v1/conflicts", params=past).json()["left_out"] == 0


def test_a_gate_key_does_not_read_them(gates: httpx2.Client) -> None:
    check(gates.get("/v1/conflicts"), 403, "forbidden")
