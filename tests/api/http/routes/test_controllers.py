"""Controllers over a real server: their parameters, their heartbeats, and clocks that are wrong."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import httpx2
import msgspec
import pytest

from tests.api.contract.test_problems import check
from tests.server_process import ServerProcess, make_tap, new_card

PARAMETERS = "/v1/controllers/FHY-1/parameters"
HEARTBEAT = "/v1/controllers/FHY-1/heartbeat"
TOLERANCE_MS = 30_000


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server of their own: what others publish would change the parameters."""
    process = ServerProcess(tmp_path_factory.mktemp("controllers") / "data")
    yield process
    process.stop()


@pytest.fixture
def admin(own: ServerProcess) -> Iterator[httpx2.Client]:
    with own.client(own.admin_key) as client:
        yield client


@pytest.fixture
def controller(own: ServerProcess) -> Iterator[httpx2.Client]:
    with own.client() as client:
        yield client


def get_parameters(client: httpx2.Client) -> dict[str, Any]:
    response = client.get(PARAMETERS)
    assert response.status_code == 200, response.text
    parameters: dict[str, Any] = response.json()
    hashed = {name: value for name, value in parameters.items() if name != "version"}
    canonical = msgspec.json.encode(hashed, order="sorted")
    assert parameters["version"] == sha256(canonical).hexdigest()
    assert response.headers["ETag"] == f'"{parameters["version"]}"'
    return parameters


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def beat(client: httpx2.Client, skews_ms: dict[str, int], **more: Any) -> dict[str, Any]:
    heartbeat = {
        "sent_at": now(),
        "parameters_version": None,
        "outbox_taps": 12,
        "gates": [{"gate_id": gate, "clock_skew_ms": skew} for gate, skew in skews_ms.items()],
    }
    response = client.post(HEARTBEAT, json=heartbeat | more)
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


def test_parameters_have_all_that_decides_taps_at_the_gates(controller: httpx2.Client) -> None:
    parameters = get_parameters(controller)
    assert parameters["controller_id"] == "FHY-1"
    assert parameters["network"] == {
        "network_id": "chengdu",
        "time_zone": "Asia/Shanghai",
        "currency": "CNY",
    }
    assert {medium["type"] for medium in parameters["media"]} == {"qr", "tianfutong"}
    (station,) = parameters["stations"]
    assert station["station_id"] == "FHY"
    assert station["name"] == {"zh": "孵化园", "en": "Fuhuayuan"}
    gates = {gate["gate_id"]: gate for gate in station["gates"]}
    assert gates["FHY-A-03"] == {
        "gate_id": "FHY-A-03",
        "exit_id": "A",
        "directions": ["entry", "exit"],
    }
    assert station["policies"] == controller.get("/v1/stations/FHY/policies").json()["items"]
    assert (station["suspensions"], station["degraded_modes"]) == ([], [])
    (tariff,) = parameters["tariffs"]
    whole = controller.get("/v1/tariffs/1").json()
    for name in ("bands", "further", "explicit_fares"):
        del whole["rules"][name]
    assert tariff == whole
    assert station["highest_fares"]["1"] > station["lowest_fares"]["1"] == 200
    assert parameters["ride_code_issuers"] == []
    assert parameters["ride_code_validity_seconds"] == 30
    assert parameters["blocked"] == []


def test_a_client_that_has_the_version_gets_no_body(controller: httpx2.Client) -> None:
    version = get_parameters(controller)["version"]
    for tag in (f'"{version}"', f'W/"{version}"', f'"old", "{version}"', "*"):
        response = controller.get(PARAMETERS, headers={"If-None-Match": tag})
        assert (response.status_code, response.content) == (304, b"")
        assert response.headers["ETag"] == f'"{version}"'
    assert controller.get(PARAMETERS, headers={"If-None-Match": '"old"'}).status_code == 200


def test_every_change_makes_a_version_and_is_in_it(
    admin: httpx2.Client, controller: httpx2.Client
) -> None:
    seen = [get_parameters(controller)]

    def look() -> dict[str, Any]:
        seen.append(get_parameters(controller))
        assert seen[-1]["version"] not in [before["version"] for before in seen[:-1]]
        assert beat(controller, {})["parameters_version"] == seen[-1]["version"]
        return seen[-1]

    mode = {"mode": "time_free", "reason": "train stuck"}
    assert admin.post("/v1/stations/FHY/modes", json=mode).status_code == 201
    (started,) = look()["stations"][0]["degraded_modes"]
    assert (started["mode"], started["effective_to"]) == ("time_free", None)
    admin.post("/v1/stations/FHY/modes/end", json=mode)
    assert look()["stations"][0]["degraded_modes"][0]["effective_to"]

    admin.post("/v1/stations/FHY/policies/suspend", json={"reason": "x"})
    assert look()["stations"][0]["suspensions"][0]["resumed_at"] is None
    admin.post("/v1/stations/FHY/policies/resume", json={"reason": "x"})
    assert look()["stations"][0]["suspensions"][0]["resumed_at"]

    for _ in range(3):
        medium = {"type": "tianfutong", "id": new_card()}
        admin.post("/v1/media/block", json={"medium": medium, "reason": "lost"})
    blocked = look()["blocked"]
    assert len(blocked) == 3
    assert blocked == sorted(blocked)
    admin.post("/v1/media/unblock", json={"medium": medium, "reason": "found"})
    assert len(look()["blocked"]) == 2


def test_a_mode_that_ended_more_than_a_day_ago_is_left_out(
    admin: httpx2.Client, controller: httpx2.Client
) -> None:
    before = get_parameters(controller)["stations"][0]["degraded_modes"]
    old = {
        "mode": "fare_free",
        "effective_from": "2022-03-01T08:30:00+08:00",
        "effective_to": "2022-03-01T09:00:00+08:00",
        "reason": "train failed",
    }
    assert admin.post("/v1/stations/FHY/modes", json=old).status_code == 201
    assert get_parameters(controller)["stations"][0]["degraded_modes"] == before


def test_a_controller_speaks_for_its_gates_alone(
    own: ServerProcess, admin: httpx2.Client, controller: httpx2.Client
) -> None:
    check(controller.get("/v1/controllers/TFGC-1/parameters"), 403, "gate-not-yours")
    check(controller.get("/v1/controllers/NONE/parameters"), 404, "not-found")
    assert admin.get("/v1/controllers/TFGC-1/parameters").status_code == 200
    heartbeat = {"sent_at": now(), "outbox_taps": 0, "gates": []}
    check(
        controller.post("/v1/controllers/TFGC-1/heartbeat", json=heartbeat), 403, "gate-not-yours"
    )
    check(controller.post("/v1/controllers/NONE/heartbeat", json=heartbeat), 404, "not-found")
    gates = [{"gate_id": "FHY-A-01", "clock_skew_ms": 0}, {"gate_id": "X", "clock_skew_ms": 0}]
    response = controller.post(HEARTBEAT, json=heartbeat | {"gates": gates})
    assert check(response, 422, "invalid-request")["errors"][0]["field"] == "gates.1.gate_id"
    gates[1] = {"gate_id": "FHY-A-02", "clock_skew_ms": 1.5}
    response = controller.post(HEARTBEAT, json=heartbeat | {"gates": gates})
    assert check(response, 422, "invalid-request")["errors"][0]["field"].startswith("gates.1")


@pytest.mark.parametrize("sign", [1, -1])
def test_a_clock_is_suspect_beyond_the_tolerance_and_not_at_it(
    admin: httpx2.Client, controller: httpx2.Client, sign: int
) -> None:
    def is_suspect() -> bool:
        tap = make_tap("FHY-A-01", "entry", new_card(), now())
        answer = controller.post("/v1/taps", json=tap).json()
        assert answer.get("clock_suspect", True) is True, "there only when true"
        explained = controller.get(f"/v1/taps/{tap['tap_id']}").json()
        assert explained["clock_suspect"] == ("clock_suspect" in answer)
        return "clock_suspect" in answer

    def alarms() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = admin.get("/v1/alarms").json()["items"]
        return found

    beat(controller, {"FHY-A-01": sign * TOLERANCE_MS})
    assert not is_suspect()
    assert alarms() == []
    beat(controller, {"FHY-A-01": sign * (TOLERANCE_MS + 1)})
    assert is_suspect()
    (alarm,) = alarms()
    assert alarm["kind"] == "gate_clock"
    assert (alarm["gate_id"], alarm["station_id"]) == ("FHY-A-01", "FHY")
    assert alarm["controller_id"] == "FHY-1"
    assert (alarm["clock_skew_ms"], alarm["tolerance_ms"]) == (sign * 30_001, TOLERANCE_MS)
    assert admin.get("/v1/gates/FHY-A-01").json()["clock_skew_ms"] == sign * 30_001
    metrics = admin.get("/metrics").text
    assert f'fare_gate_clock_skew_ms{{gate="FHY-A-01"}} {sign * 30_001.0}' in metrics
    assert "fare_gates_clock_suspect 1.0" in metrics
    assert 'fare_controller_outbox_taps{controller="FHY-1"} 12.0' in metrics
    beat(controller, {"FHY-A-01": 0})
    assert not is_suspect()
    assert alarms() == []


def test_a_decision_stays_suspect_and_so_does_the_gate_over_a_restart(
    make_server: Callable[..., ServerProcess],
) -> None:
    server = make_server()
    with server.client() as client:
        beat(client, {"FHY-A-01": -90_000, "FHY-A-02": 5})
        tap = make_tap("FHY-A-01", "entry", new_card(), now())
        first = client.post("/v1/taps", json=tap).json()
        assert first["clock_suspect"] is True
    server.kill()
    server.restart()
    with server.client() as client:
        assert client.post("/v1/taps", json=tap).json() == first
        another = make_tap("FHY-A-01", "entry", new_card(), now())
        assert client.post("/v1/taps", json=another).json()["clock_suspect"] is True
        beat(client, {"FHY-A-01": 0})
        assert client.post("/v1/taps", json=tap).json() == first
        another = make_tap("FHY-A-01", "entry", new_card(), now())
        assert "clock_suspect" not in client.post("/v1/taps", json=another).json()
    assert server.log_path.read_text("utf-8").count("gate_clock_wrong") == 2, "once a start"


def test_a_quarantined_tap_shows_that_its_clock_was_known_to_be_wrong(
    controller: httpx2.Client,
) -> None:
    beat(controller, {"FHY-A-01": 600_000})
    offline = {"gate_action_taken": "open", "fare_taken": 0}
    ahead = make_tap("FHY-A-01", "entry", new_card(), "2999-01-01T00:00:00Z", offline=offline)
    answer = controller.post("/v1/taps", json=ahead).json()
    assert (answer["reason"], answer["clock_suspect"]) == ("clock-ahead", True)
    beat(controller, {"FHY-A-01": 0})
    assert controller.post("/v1/taps", json=ahead).json() == answer
