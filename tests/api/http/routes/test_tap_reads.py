"""What a clerk reads of a tap, and what gates report about it."""

from typing import Any

import httpx2
import pytest

from tests.api.contract.test_problems import check
from tests.server_process import ServerProcess, make_tap, new_card

ENTERED = "2021-11-25T08:00:00.000+08:00"
LEFT = "2021-11-25T08:03:32.360+08:00"
TOO_LATE = "2021-11-25T08:15:00.001+08:00"


def send(client: httpx2.Client, tap: dict[str, Any]) -> dict[str, Any]:
    response = client.post("/v1/taps", json=tap)
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


def read(client: httpx2.Client, tap: dict[str, Any]) -> dict[str, Any]:
    response = client.get(f"/v1/taps/{tap['tap_id']}")
    assert response.status_code == 200, response.text
    explained: dict[str, Any] = response.json()
    return explained


def conditions(explained: dict[str, Any]) -> dict[str, str]:
    return {condition["condition"]: condition["held"] for condition in explained["conditions"]}


def test_a_waived_crossing_shows_every_condition(
    server: ServerProcess, gates: httpx2.Client
) -> None:
    card = new_card()
    entry = make_tap("FHY-A-01", "entry", card, ENTERED)
    exit_ = make_tap("FHY-C-02", "exit", card, LEFT)
    send(gates, entry)
    answer = send(gates, exit_)

    explained = read(gates, exit_)
    assert explained | answer == explained, "the decision itself reads as it was answered"
    assert explained["occurred_at"] == LEFT
    assert explained["received_at"] != LEFT
    assert explained["entry"]["tap_id"] == entry["tap_id"]
    assert explained["entry"]["occurred_at"] == ENTERED
    assert explained["journey_found"] == "consumed"
    assert [(c["condition"], c["held"]) for c in explained["conditions"]] == [
        ("station_in_pilot", "held"),
        ("medium_eligible", "held"),
        ("gates_designated", "held"),
        ("within_window", "held"),
        ("below_daily_limit", "held"),
    ]
    assert explained["conditions"][3]["values"] == {"elapsed_ms": 212_360, "window_ms": 900_000}
    assert read(gates, entry)["closed_by"]["tap_id"] == exit_["tap_id"]
    text = str([explained, read(gates, entry)])
    assert card not in text, "no card"
    assert card[-4:] not in text.replace(entry["tap_id"], "").replace(exit_["tap_id"], "")


def test_a_charged_crossing_shows_all_that_failed(gates: httpx2.Client) -> None:
    card = new_card()
    send(gates, make_tap("FHY-B-01", "entry", card, ENTERED))
    exit_ = make_tap("FHY-C-02", "exit", card, TOO_LATE)
    assert send(gates, exit_)["reason"] == "gate_not_designated"
    explained = read(gates, exit_)
    assert conditions(explained) == {
        "station_in_pilot": "held",
        "medium_eligible": "held",
        "gates_designated": "failed",
        "within_window": "failed",
        "below_daily_limit": "held",
    }
    assert explained["conditions"][2]["values"] == {
        "entry_gate": "FHY-B-01",
        "entry_gate_designated": False,
        "exit_gate": "FHY-C-02",
        "exit_gate_designated": True,
    }
    assert explained["conditions"][3]["values"]["elapsed_ms"] == 900_001


def test_a_station_without_a_policy_has_nothing_to_ask(gates: httpx2.Client) -> None:
    card = new_card()
    send(gates, make_tap("CXL-A-01", "entry", card, ENTERED))
    exit_ = make_tap("CXL-A-02", "exit", card, LEFT)
    assert send(gates, exit_)["reason"] == "station_not_in_pilot"
    explained = read(gates, exit_)
    assert set(conditions(explained).values()) == {"failed", "not_applicable"}
    assert explained["conditions"][1]["values"] == {}


def test_a_superseded_entry_names_what_closed_it(gates: httpx2.Client) -> None:
    card = new_card()
    first = make_tap("FHY-A-01", "entry", card, ENTERED)
    second = make_tap("CXL-A-01", "entry", card, LEFT)
    send(gates, first)
    assert send(gates, second)["reason"] == "entry_superseded"
    explained = read(gates, second)
    assert (explained["journey_found"], explained["entry"]["tap_id"]) == (
        "superseded",
        first["tap_id"],
    )
    assert explained["incomplete_fare"] == 180
    assert explained["conditions"] == []
    assert read(gates, first)["closed_by"]["tap_id"] == second["tap_id"]


def test_an_exit_at_which_no_one_passed_gives_the_entry_back(gates: httpx2.Client) -> None:
    card = new_card()
    entry = make_tap("FHY-A-01", "entry", card, ENTERED)
    exit_ = make_tap("FHY-C-02", "exit", card, LEFT)
    send(gates, entry)
    answer = send(gates, exit_)
    report = {"gate_action_taken": "open", "fare_taken": 0, "passed": False, "cause": "turned back"}
    path = f"/v1/taps/{exit_['tap_id']}/report"
    assert gates.post(path, json=report).json() == answer
    assert gates.post(path, json=report).json() == answer
    explained = read(gates, exit_)
    assert explained["report"]["returned_to_before"] is True
    assert explained["report"]["cause"] == "turned back"
    assert explained["conflicts"] == 0
    assert read(gates, entry)["closed_by"] is None

    again = make_tap("FHY-C-02", "exit", card, "2021-11-25T08:03:40.000+08:00")
    assert send(gates, again)["outcome"] == "waived"
    assert read(gates, entry)["closed_by"]["tap_id"] == again["tap_id"]

    other = report | {"gate_action_taken": "refuse"}
    assert gates.post(path, json=other).json() == answer
    assert read(gates, exit_)["conflicts"] == 1


def test_a_conflicting_tap_is_counted(gates: httpx2.Client) -> None:
    tap = make_tap("FHY-A-01", "entry", new_card(), ENTERED)
    send(gates, tap)
    assert gates.post("/v1/taps", json=tap | {"occurred_at": LEFT}).status_code == 409
    assert read(gates, tap)["conflicts"] == 1


def test_a_tap_of_an_unknown_gate_that_decided_alone_waits_in_quarantine(
    admin: httpx2.Client,
) -> None:
    offline = {"gate_action_taken": "open", "fare_taken": 0}
    tap = make_tap("GONE-01", "entry", new_card(), ENTERED, offline=offline)
    answer = send(admin, tap)
    assert (answer["outcome"], answer["reason"]) == ("recorded", "unknown-gate")
    explained = read(admin, tap)
    assert explained["station_id"] is None
    assert "GONE-01" in explained["quarantine_detail"]
    assert explained["report"]["gate_action_taken"] == "open"
    waiting = admin.get("/v1/quarantine", params={"limit": 1_000}).json()["items"]
    (entry,) = [item for item in waiting if item["tap_id"] == tap["tap_id"]]
    assert entry["problem"] == "unknown-gate"
    assert entry["gate_action_taken"] == "open"
    assert entry["occurred_at"] == ENTERED


def test_quarantine_and_audit_come_in_pages(admin: httpx2.Client) -> None:
    offline = {"gate_action_taken": "refuse", "fare_taken": 0}
    for _ in range(3):
        send(admin, make_tap("GONE-02", "exit", new_card(), ENTERED, offline=offline))
    for path, name in (("/v1/quarantine", "tap_id"), ("/v1/audit", "entry")):
        whole = admin.get(path, params={"limit": 1_000}).json()["items"]
        found: list[dict[str, Any]] = []
        cursor = None
        while cursor is not None or not found:
            query = {"limit": 2} | ({"cursor": cursor} if cursor else {})
            page = admin.get(path, params=query).json()
            found += page["items"]
            cursor = page["next_cursor"]
        assert [item[name] for item in found] == [item[name] for item in whole]
    for cursor in ("x", "-1", "9" * 40, "１"):
        members = check(admin.get("/v1/audit", params={"cursor": cursor}), 422, "invalid-request")
        assert members["errors"][0]["field"] == "cursor"


def test_a_tap_that_is_not_there(gates: httpx2.Client) -> None:
    check(gates.get("/v1/taps/none.20211124.1"), 404, "not-found")
    report = {"gate_action_taken": "open", "fare_taken": 0}
    check(gates.post("/v1/taps/none.20211124.1/report", json=report), 404, "not-found")


@pytest.mark.parametrize("tap_id", ["a%20b", "%E5%AD%B5", "x" * 65, "a%00", "%FF"])
def test_an_invalid_tap_id_is_refused(gates: httpx2.Client, tap_id: str) -> None:
    members = check(gates.get(f"/v1/taps/{tap_id}"), 422, "invalid-request")
    assert members["errors"][0]["field"] == "tap_id"


def test_an_explanation_outlives_a_restart(server: ServerProcess) -> None:
    card = new_card()
    entry = make_tap("FHY-A-01", "entry", card, ENTERED)
    exit_ = make_tap("FHY-C-02", "exit", card, LEFT)
    with server.client() as client:
        send(client, entry)
        send(client, exit_)
        before = [read(client, entry), read(client, exit_)]
    server.kill()
    server.restart()
    with server.client() as client:
        assert [read(client, entry), read(client, exit_)] == before
