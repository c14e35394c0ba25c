"""Controllers over a real server: their parameters, their heartbeats, and clocks that are wrong."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
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


YEAR_MS = 365 * 86_400_000
FAULTY = {
    "unknown": {"gate_id": "X", "clock_skew_ms": 0},
    "of another controller": {"gate_id": "TFGC-A-01", "clock_skew_ms": 0},
    "no whole number": {"gate_id": "FHY-A-02", "clock_skew_ms": 1.5},
    "a text": {"gate_id": "FHY-A-02", "clock_skew_ms": "45000"},
    "null": {"gate_id": "FHY-A-02", "clock_skew_ms": None},
    "without a skew": {"gate_id": "FHY-A-02"},
    "with more than it may have": {"gate_id": "FHY-A-02", "clock_skew_ms": 1, "more": 1},
    "no gate_id": {"gate_id": 7, "clock_skew_ms": 1},
    "no object": "FHY-A-02",
    "a list": [],
    "nothing": None,
}


@pytest.mark.parametrize("faulty", FAULTY.values(), ids=FAULTY)
def test_one_entry_that_cannot_be_taken_loses_no_other(
    admin: httpx2.Client, controller: httpx2.Client, faulty: Any
) -> None:
    try:
        wrong = {"gate_id": "FHY-C-02", "clock_skew_ms": 45_000}
        answer = beat(controller, {}, gates=[faulty, wrong])
        (not_taken,) = answer["not_taken"]
        named = faulty.get("gate_id") if isinstance(faulty, dict) else None
        assert not_taken["gate_id"] == (named if isinstance(named, str) else "")
        assert not_taken["detail"]
        assert list_wrong(admin) == {"FHY-C-02": 45_000}
    finally:
        beat(controller, {"FHY-C-02": 0})


@pytest.mark.parametrize(
    ("skew_ms", "kept_ms"),
    [
        (-1_795_000_000_000, -1_795_000_000_000),
        (73 * YEAR_MS, 73 * YEAR_MS),
        (10**30, 400_000_000_000_000),
        (-(10**30), -400_000_000_000_000),
    ],
)
def test_a_clock_that_is_years_off_raises_its_alarm_and_so_do_the_others(
    admin: httpx2.Client, controller: httpx2.Client, skew_ms: int, kept_ms: int
) -> None:
    try:
        answer = beat(controller, {"FHY-A-01": skew_ms, "FHY-C-02": 45_000})
        assert answer["not_taken"] == []
        assert list_wrong(admin) == {"FHY-A-01": kept_ms, "FHY-C-02": 45_000}
    finally:
        beat(controller, {"FHY-A-01": 0, "FHY-C-02": 0})


@pytest.mark.parametrize("skews_ms", [(45_000, 0), (0, 45_000), (45_000, 45_000)])
def test_of_a_gate_that_stands_there_twice_the_greater_skew_counts(
    admin: httpx2.Client, controller: httpx2.Client, skews_ms: tuple[int, int]
) -> None:
    gates = [{"gate_id": "FHY-A-01", "clock_skew_ms": skew_ms} for skew_ms in skews_ms]
    try:
        answer = beat(controller, {}, gates=gates)
        assert [one["gate_id"] for one in answer["not_taken"]] == ["FHY-A-01"]
        assert list_wrong(admin) == {"FHY-A-01": 45_000}
    finally:
        beat(controller, {"FHY-A-01": 0})


def test_a_gate_that_was_moved_to_a_station_of_another_key_silences_no_other(
    own: ServerProcess, admin: httpx2.Client, controller: httpx2.Client
) -> None:
    gate = {"station_id": "TFGC", "directions": ["entry"], "controller": "FHY-1"}
    response = admin.put("/v1/gates/MOVED-01", json=gate)
    assert response.status_code in (200, 201), response.text
    try:
        answer = beat(controller, {"MOVED-01": 90_000, "FHY-C-02": 45_000})
        assert [one["gate_id"] for one in answer["not_taken"]] == ["MOVED-01"]
        assert list_wrong(admin) == {"FHY-C-02": 45_000}
    finally:
        beat(controller, {"FHY-C-02": 0})
        admin.put("/v1/gates/MOVED-01", json=gate | {"controller": None})


def list_wrong(admin: httpx2.Client) -> dict[str, int]:
    """The skews of gates that raise an alarm."""
    items = admin.get("/v1/alarms").json()["items"]
    return {item["gate_id"]: item["clock_skew_ms"] for item in items}


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


def test_a_controller_whose_calendar_has_just_begun_is_taken(
    admin: httpx2.Client, controller: httpx2.Client
) -> None:
    try:
        beat(controller, {"FHY-C-02": 45_000}, sent_at="1970-01-01T00:00:05+08:00")
        assert list_wrong(admin) == {"FHY-C-02": 45_000}
    finally:
        beat(controller, {"FHY-C-02": 0})


@pytest.mark.parametrize("days", [-20_780, -400, 400, 20_000])
def test_a_crossing_by_a_clock_that_is_years_off_leaves_the_quarantine_and_is_free(
    admin: httpx2.Client, controller: httpx2.Client, days: int
) -> None:
    card, skew = new_card(), timedelta(days=days)
    begun = datetime.now(UTC) - timedelta(minutes=9)
    offline = {"gate_action_taken": "open", "fare_taken": 0}
    try:
        beat(controller, {"FHY-C-02": round(skew.total_seconds() * 1_000)})
        taps = [
            make_tap("FHY-A-01", "entry", card, spell(begun), offline=offline),
            make_tap(
                "FHY-C-02",
                "exit",
                card,
                spell(begun + timedelta(minutes=8) + skew),
                offline=offline,
            ),
        ]
        for tap in taps:
            assert controller.post("/v1/taps", json=tap).status_code == 200
        quarantined = {
            item["tap_id"]: item for item in admin.get("/v1/quarantine?limit=1000").json()["items"]
        }
        waits = quarantined.get(taps[1]["tap_id"], {"problem_now": None})
        assert waits["problem_now"] is None
        for at in (begun, begun + skew, begun):
            day = (at + timedelta(hours=4)).date()  # the service date in Chengdu
            if day.year >= 2010:
                answer = admin.post("/v1/settlements", json={"service_date": day.isoformat()})
                assert answer.status_code == 200, answer.text
                found = {item["tap_id"] for item in answer.json()["items"]}
                assert not found & {tap["tap_id"] for tap in taps}
        explained = admin.get(f"/v1/taps/{taps[1]['tap_id']}").json()
        assert explained["offline"] is True
        corrected = datetime.fromisoformat(explained["corrected_at"])
        assert abs(corrected - begun - timedelta(minutes=8)) < timedelta(seconds=1)
    finally:
        beat(controller, {"FHY-C-02": 0})


def spell(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds")


def test_controllers_are_listed_with_their_last_heartbeats(
    admin: httpx2.Client, controller: httpx2.Client
) -> None:
    beat(controller, {}, parameters_version="v1", outbox_taps=3)
    items = {
        item["controller_id"]: item
        for item in admin.get("/v1/controllers", params={"limit": 1_000}).json()["items"]
    }
    known = items["FHY-1"]
    assert (known["parameters_version"], known["outbox_taps"]) == ("v1", 3)
    assert known["heartbeat_at"].endswith("+08:00")
    assert "FHY-A-01" in known["gates"]
    silent = [item for item in items.values() if item["heartbeat_at"] is None]
    assert silent
    assert all(item["outbox_taps"] is None and item["gates"] for item in silent)
    assert controller.get("/v1/controllers").status_code == 403
