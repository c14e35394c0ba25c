"""Errors blame the field that is wrong, say why, and repeat nothing that may be a card."""

from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from tests.api.contract.test_problems import check
from tests.server_process import ServerProcess, make_tap, new_card, new_number

AT = "2021-11-26T08:00:00.000+08:00"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """One of its own: policies are published here that others would see."""
    process = ServerProcess(tmp_path_factory.mktemp("messages") / "data")
    yield process
    process.stop()


def field_of(response: httpx2.Response) -> tuple[str, str]:
    (error, *_) = check(response, 422, "invalid-request")["errors"]
    return error["field"], error["message"]


def policy(**changes: Any) -> dict[str, Any]:
    dates = {"effective_from": "2096-01-01T00:00:00+08:00", "effective_to": None}
    gates = {"designated_gates": ["FHY-A-01", "FHY-C-02"]}
    return {"window_seconds": 600, "media": ["qr"], "note": "", **gates, **dates, **changes}


@pytest.mark.parametrize("null", [("token", "code", "code_id"), ("code_id",), ("token",)])
def test_null_in_a_medium_is_as_left_out(gates: httpx2.Client, null: tuple[str, ...]) -> None:
    tap = make_tap("FHY-A-01", "entry", new_card(), AT, offline=None)
    tap["medium"] |= dict.fromkeys(null)
    assert gates.post("/v1/taps", json=tap).json()["reason"] == "entry_opened"
    token = {"type": "qr", "token": f"{new_number():032x}", "id": None, "code": None}
    other = make_tap("FHY-A-01", "entry", "", AT) | {"medium": token}
    answer = gates.post("/v1/taps/batch", json={"taps": [other]}).json()["results"][0]
    assert answer["reason"] == "entry_opened"


@pytest.mark.parametrize(
    ("medium", "field"),
    [
        ({"type": "qr", "id": None}, "medium.id"),
        ({"type": "qr", "token": None}, "medium.token"),
        ({"type": "qr", "code": None}, "medium.code"),
        ({"type": "qr", "id": None, "token": None, "code": None}, "medium.id"),
        ({"type": None, "id": "1"}, "medium.type"),
        ({"type": "qr"}, "medium.id"),
        (None, "medium"),
    ],
)
def test_null_where_something_is_needed_is_that_fields_fault(
    gates: httpx2.Client, medium: Any, field: str
) -> None:
    tap = make_tap("FHY-A-01", "entry", "", AT) | {"medium": medium}
    assert field_of(gates.post("/v1/taps", json=tap))[0] == field


def test_null_is_as_left_out_wherever_a_field_may_be_left_out(admin: httpx2.Client) -> None:
    published = admin.post("/v1/stations/FHY/policies", json=policy(note=None, daily_limit=None))
    assert published.status_code == 201, published.text
    assert published.json()["note"] == ""
    run = admin.post("/v1/settlements", json={"service_date": "2021-11-20", "dry_run": None})
    assert run.status_code == 200, run.text
    gate = {"station_id": "CXL", "directions": ["entry"], "exit_id": None, "effective_from": None}
    assert admin.put(f"/v1/gates/N-{new_number()}", json=gate).status_code == 200
    tariff = admin.get("/v1/tariffs/1").json()["rules"]
    draft = tariff | {"effective_from": "2095-01-01T00:00:00+08:00", "effective_to": None}
    left_out = {"explicit_fares": None, "ride_code_validity_seconds": None, "note": None}
    refused = admin.post("/v1/tariffs", json=draft | left_out)
    assert field_of(refused)[0] == "explicit_fares", (
        "a list shows null for a table that it leaves out"
    )
    del left_out["explicit_fares"]
    assert admin.post("/v1/tariffs", json=draft | left_out).status_code == 201
    for name in ("window_seconds", "media", "designated_gates", "effective_from"):
        refused = admin.post("/v1/stations/FHY/policies", json=policy(**{name: None}))
        assert field_of(refused)[0] == name


@pytest.mark.parametrize(
    "end",
    [
        "9999-12-31T23:59:59+08:00",
        "9999-12-31T00:00:00Z",
        "9999-12-31T23:59:59.999Z",
        "9999-12-31T23:59:59+23:59",
    ],
)
def test_the_end_of_the_calendar_is_taken_and_shown(admin: httpx2.Client, end: str) -> None:
    """The usual `for ever` of operators' tables."""
    begins = f"20{new_number() % 90 + 10}-01-01T00:00:00+08:00"
    published = admin.post(
        "/v1/stations/CXL/policies", json=policy(designated_gates=own_gates(admin), note=begins)
    )
    assert published.status_code == 201, published.text
    mode = {"mode": "time_free", "reason": "for ever", "effective_from": end}
    started = admin.post("/v1/stations/CXL/modes", json=mode)
    assert started.status_code in (200, 201), started.text
    shown = admin.get("/v1/stations/CXL/modes").json()["items"][-1]["effective_from"]
    assert shown.startswith("9999-12-3")
    assert admin.get("/readyz").status_code == 200


def own_gates(admin: httpx2.Client) -> list[str]:
    gates = admin.get("/v1/stations/CXL").json()["gates"]
    return [gate["gate_id"] for gate in gates]


def test_a_policy_until_the_end_of_the_calendar(make_server: Any) -> None:
    server: ServerProcess = make_server()
    end = "9999-12-31T23:59:59+08:00"
    with server.client(server.admin_key) as admin:
        published = admin.post("/v1/stations/FHY/policies", json=policy(effective_to=end))
        assert published.status_code == 201, published.text
        assert published.json()["effective_to"] == "9999-12-31T23:59:59.000+08:00"
        tariff = admin.get("/v1/tariffs/1").json()["rules"]
        dates = {"effective_from": "2096-01-01T00:00:00+08:00", "effective_to": end}
        assert admin.post("/v1/tariffs", json=tariff | dates).status_code == 201
        controller = admin.get("/v1/gates/FHY-A-01").json()["controller"]
        assert admin.get(f"/v1/controllers/{controller}/parameters").status_code == 200
        late = make_tap("FHY-A-01", "entry", new_card(), end)
        check(admin.post("/v1/taps", json=late), 422, "clock-ahead")
        offline = {"gate_action_taken": "open", "fare_taken": 0}
        alone = admin.post("/v1/taps", json=late | {"offline": offline})
        assert alone.json()["reason"] == "clock-ahead"
        assert admin.get("/v1/quarantine").json()["items"][0]["occurred_at"].startswith("9999")
        assert admin.get(f"/v1/taps/{late['tap_id']}").json()["occurred_at"].startswith("9999")
        server.kill()
        server.restart()
        assert admin.get("/v1/tariffs/2").json()["effective_to"].startswith("9999-12-31T23:59:59")


@pytest.mark.parametrize(
    ("at", "why"),
    [
        ("9999-12-31T23:59:59-00:01", "between the years 1900 and 9999 (in UTC)"),
        ("0001-01-01T00:00:00+08:00", "between the years 1900 and 9999 (in UTC)"),
        ("1899-12-31T23:59:59.999Z", "between the years 1900 and 9999 (in UTC)"),
        ("1900-01-01T00:00:00+23:59", "between the years 1900 and 9999 (in UTC)"),
        ("0000-01-01T00:00:00Z", "is no time of the calendar"),
        ("2021-11-26T23:59:60+08:00", "is no time of the calendar"),
        ("2021-11-26T24:00:00+08:00", "hour must be in 0..23"),
        ("2021-02-29T08:00:00+08:00", "is no time of the calendar"),
        ("2021-11-26T08:00:00+24:00", "is no time of the calendar"),
        ("2026-W48-5T08:00:00+08:00", "with seconds and an offset"),
        ("2026-331T08:00:00+08:00", "with seconds and an offset"),
        ("20261127T080000+0800", "with seconds and an offset"),
        ("2021-11-26T08:00:00", "with seconds and an offset"),
    ],
)
def test_a_time_is_refused_for_the_true_reason(gates: httpx2.Client, at: str, why: str) -> None:
    field, message = field_of(
        gates.post("/v1/taps", json=make_tap("FHY-A-01", "entry", new_card(), at))
    )
    assert field == "occurred_at"
    assert why in message


@pytest.mark.parametrize(
    ("date", "code"),
    [
        ("2026-W48-5", "invalid-request"),
        ("2026W485", "invalid-request"),
        ("2026-331", "invalid-request"),
        ("20261127", "invalid-request"),
        ("2026-11-31", "invalid-request"),
        ("２０２６-11-27", "invalid-request"),
        ("0001-01-01", "invalid-request"),
        ("9999-12-31", "invalid-request"),
        ("1999-12-31", "no-tariff-in-force"),
        (None, "invalid-request"),
    ],
)
def test_a_service_date_that_is_none_is_its_own_fault(
    admin: httpx2.Client, date: Any, code: str
) -> None:
    refused = admin.post("/v1/settlements", json={"service_date": date})
    assert check(refused, 422, code)["errors"][0]["field"] == "service_date"


def test_the_name_of_a_field_is_no_way_to_see_a_card_again(
    gates: httpx2.Client, admin: httpx2.Client
) -> None:
    card = "3104870512345678"
    spelled = "3104 8705-1234 5678"
    tap = make_tap("FHY-A-01", "entry", new_card(), AT)
    requests = [
        gates.post("/v1/taps", json=tap | {card: 1}),
        gates.post("/v1/taps", json=tap | {"medium": {"type": "qr", "id": "a", spelled: "x"}}),
        gates.post("/v1/taps/batch", json={"taps": [tap | {card: 1}]}),
        admin.put("/v1/gates/N-1", json={card: "CXL"}),
        admin.post("/v1/settlements", json={spelled: 1, "x" * 500: 2}),
    ]
    for response in requests:
        assert card not in response.text
        assert spelled not in response.text
        assert len(response.content) < 2_000
