"""Gates and media types registered over a real server, and taps that name them at once."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from typing import Any

import httpx2
import pytest

from tests.api.contract.test_problems import check
from tests.server_process import ServerProcess, make_tap, new_card, run_command

AT = "2021-11-26T08:00:00.000+08:00"
NEW_GATE: dict[str, Any] = {"station_id": "CXL", "directions": ["entry", "exit"]}


def test_a_gate_that_was_missing_takes_taps_at_once(
    gates: httpx2.Client, admin: httpx2.Client
) -> None:
    tap = make_tap("CXL-Z-01", "entry", new_card(), AT)
    check(admin.post("/v1/taps", json=tap), 404, "unknown-gate")
    check(gates.get("/v1/gates/CXL-Z-01"), 404, "not-found")
    registered = admin.put("/v1/gates/CXL-Z-01", json=NEW_GATE | {"controller": "c 9"})
    assert registered.status_code == 200, registered.text
    assert registered.json() == {
        "gate_id": "CXL-Z-01",
        "station_id": "CXL",
        "exit_id": None,
        "directions": ["entry", "exit"],
        "controller": "c 9",
        "designated": False,
        "clock_skew_ms": None,
        "effective_from": None,
        "placements": [
            {
                "station_id": "CXL",
                "exit_id": None,
                "directions": ["entry", "exit"],
                "controller": "c 9",
                "effective_from": None,
            }
        ],
    }
    assert gates.get("/v1/gates/CXL-Z-01").json() == registered.json()
    assert admin.post("/v1/taps", json=tap).json()["journey"]["entry_station"] == "CXL"


def test_a_gate_is_corrected_and_outlives_a_restart(server: ServerProcess) -> None:
    with server.client(server.admin_key) as admin:
        admin.put("/v1/gates/CXL-Z-02", json=NEW_GATE)
        corrected = admin.put("/v1/gates/CXL-Z-02", json=NEW_GATE | {"directions": ["exit"]})
        assert corrected.json()["directions"] == ["exit"]
        actions = [
            entry["action"]
            for entry in admin.get("/v1/audit").json()["items"]
            if entry["subject"] == "CXL-Z-02"
        ]
        assert actions == ["gate.corrected", "gate.registered"]
    server.kill()
    server.restart()
    with server.client(server.admin_key) as admin:
        assert admin.get("/v1/gates/CXL-Z-02").json() == corrected.json()
        tap = make_tap("CXL-Z-02", "entry", new_card(), corrected.json()["effective_from"])
        check(admin.post("/v1/taps", json=tap), 422, "direction-not-allowed")


@pytest.mark.parametrize(
    ("gate_id", "change", "field"),
    [
        ("CXL-Z-03", {"station_id": "NOPE"}, "station_id"),
        ("CXL-Z-03", {"directions": []}, "directions"),
        ("CXL-Z-03", {"directions": ["up"]}, "directions"),
        ("CXL-Z-03", {"exit_id": "NOPE"}, "exit_id"),
        ("CXL-Z-03", {"controller": ""}, "controller"),
        ("CXL-Z-03", {"number": 7}, "number"),
        ("-", {}, "gate_id"),
        ("FHY-A-01", {"station_id": "CXL"}, "station_id"),
    ],
)
def test_an_invalid_gate_is_refused(
    admin: httpx2.Client, gate_id: str, change: dict[str, Any], field: str
) -> None:
    response = admin.put(f"/v1/gates/{gate_id}", json=NEW_GATE | change)
    assert response.status_code == 422, response.text
    assert response.json()["errors"][0]["field"].startswith(field)


def test_only_an_admin_key_registers(gates: httpx2.Client) -> None:
    check(gates.put("/v1/gates/CXL-Z-04", json=NEW_GATE), 403, "forbidden")
    medium = {"code": "coin", "name": {"zh": "币", "en": "Coin"}, "id_pattern": "[0-9]+"}
    check(gates.post("/v1/media-types", json=medium), 403, "forbidden")
    del medium["code"]
    check(gates.put("/v1/media-types/qr", json=medium), 403, "forbidden")


def test_the_list_of_gates_comes_in_pages(gates: httpx2.Client) -> None:
    whole = gates.get("/v1/gates", params={"limit": 1_000}).json()
    first = gates.get("/v1/gates", params={"limit": 3}).json()
    assert first["items"] == whole["items"][:3]
    rest = gates.get("/v1/gates", params={"limit": 3, "cursor": first["next_cursor"]}).json()
    assert rest["items"] == whole["items"][3:6]


def test_a_medium_type_is_registered_and_tapped_with(admin: httpx2.Client) -> None:
    tap = make_tap("FHY-A-01", "entry", "123456", AT)
    tap["medium"]["type"] = "staff_card"
    check(admin.post("/v1/taps", json=tap), 422, "unknown-medium")
    medium = {
        "code": "staff_card",
        "name": {"zh": "员工卡", "en": "Staff card"},
        "id_pattern": "[0-9]{6}",
    }
    registered = admin.post("/v1/media-types", json=medium)
    assert (registered.status_code, registered.json()) == (201, medium)
    assert medium in admin.get("/v1/media-types").json()["items"]
    assert admin.post("/v1/taps", json=tap).json()["outcome"] == "entered"
    members = check(admin.post("/v1/media-types", json=medium), 422, "catalogue-invalid")
    assert members["errors"][0]["field"] == "code"
    bad = tap | {"tap_id": tap["tap_id"] + "b", "medium": {"type": "staff_card", "id": "12"}}
    check(admin.post("/v1/taps", json=bad), 422, "medium-id-invalid")


def test_a_pattern_with_more_ways_than_anybody_can_wait_for_answers_at_once(
    admin: httpx2.Client,
) -> None:
    medium = {"code": "slow", "name": {"zh": "慢", "en": "Slow"}, "id_pattern": "(a+)+b"}
    assert admin.post("/v1/media-types", json=medium).status_code == 201
    tap = make_tap("FHY-A-01", "entry", "a" * 64, AT)
    tap["medium"]["type"] = "slow"
    check(admin.post("/v1/taps", json=tap), 422, "medium-id-invalid")


@pytest.mark.parametrize("pattern", [r"(a)\1", "(?=a)a", r"\w{1,64}", "(.?){4000}", "(", "a)|(b"])
def test_a_pattern_that_cannot_be_evaluated_in_bounded_time_is_refused(
    admin: httpx2.Client, pattern: str
) -> None:
    medium = {"code": "never", "name": {"zh": "无", "en": "Never"}, "id_pattern": pattern}
    members = check(admin.post("/v1/media-types", json=medium), 422, "catalogue-invalid")
    assert [fault["field"] for fault in members["errors"]] == ["id_pattern"]
    del medium["code"]
    members = check(admin.put("/v1/media-types/qr", json=medium), 422, "catalogue-invalid")
    assert [fault["field"] for fault in members["errors"]] == ["id_pattern"]


def test_a_medium_type_is_corrected_and_outlives_a_restart(server: ServerProcess) -> None:
    medium = {"name": {"zh": "学生卡", "en": "Student"}, "id_pattern": "[0-9]{6}"}
    tap = make_tap("FHY-A-01", "entry", "1234567", AT)
    tap["medium"]["type"] = "student"
    with server.client(server.admin_key) as admin:
        check(admin.put("/v1/media-types/student", json=medium), 404, "not-found")
        admin.post("/v1/media-types", json=medium | {"code": "student"})
        check(admin.post("/v1/taps", json=tap), 422, "medium-id-invalid")
        corrected = admin.put("/v1/media-types/student", json=medium | {"id_pattern": "[0-9]{7}"})
        assert corrected.json() == medium | {"code": "student", "id_pattern": "[0-9]{7}"}
        assert admin.post("/v1/taps", json=tap).json()["outcome"] == "entered"
        (correction, _) = [
            entry
            for entry in admin.get("/v1/audit").json()["items"]
            if entry["subject"] == "student"
        ]
        assert correction["action"] == "medium.corrected"
        assert correction["before"]["id_pattern"] == "[0-9]{6}"
        nothing = medium | {"id_pattern": r"[^\s\S]"}
        assert admin.put("/v1/media-types/student", json=nothing).status_code == 200
    server.kill()
    server.restart()
    with server.client(server.admin_key) as admin:
        assert admin.post("/v1/taps", json=tap).headers["Idempotent-Replayed"] == "true"
        again = tap | {"tap_id": tap["tap_id"] + "b"}
        check(admin.post("/v1/taps", json=again), 422, "medium-id-invalid")


def test_a_stored_pattern_that_cannot_be_evaluated_refuses_its_own_type_alone(
    make_server: Callable[..., ServerProcess],
) -> None:
    server = make_server()
    server.stop()
    with closing(sqlite3.connect(server.data_dir / "ledger.sqlite3")) as ledger, ledger:
        ledger.execute("UPDATE media_types SET id_pattern = '(.)\\1+' WHERE code = 'qr'")
    server.restart()
    assert "id_pattern_unusable" in server.log_path.read_text("utf-8")
    checked = run_command("config", "check", "--data-dir", server.data_dir)
    assert checked.returncode == 0
    assert "warning: media.qr.id_pattern" in checked.stdout
    with server.client() as client:
        tap = make_tap("FHY-A-01", "entry", new_card(), AT)
        assert client.post("/v1/taps", json=tap).status_code == 200
        tap = make_tap("FHY-A-01", "entry", "1111", AT)
        tap["medium"]["type"] = "qr"
        check(client.post("/v1/taps", json=tap), 422, "medium-id-invalid")
