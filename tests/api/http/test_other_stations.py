"""What a key of one station can do with taps of another: nothing, and it learns of none of them."""

from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from api.http.rights import RIGHTS_OF_KIND, ROUTE_RIGHTS, Right
from fare_engine.access_key import GATE
from tests.api.contract.test_problems import check
from tests.server_process import ServerProcess, make_tap, new_card

ENTERED = "2021-11-25T08:00:00.000+08:00"
LEFT = "2021-11-25T08:20:00.000+08:00"
OFFLINE = {"gate_action_taken": "open", "fare_taken": 0}
REPORT = {"gate_action_taken": "open", "fare_taken": 0, "passed": False, "cause": "another station"}

OF_TAPS = {
    ("POST", "/v1/taps"),
    ("POST", "/v1/taps/batch"),
    ("GET", "/v1/taps/{tap_id}"),
    ("POST", "/v1/taps/{tap_id}/report"),
}
OF_CONTROLLERS = {
    ("GET", "/v1/controllers/{controller_id}/parameters"),
    ("POST", "/v1/controllers/{controller_id}/heartbeat"),
}

Answer = dict[str, Any]


def make_client(
    server: ServerProcess, admin: httpx2.Client, station_id: str
) -> Iterator[httpx2.Client]:
    request = {"kind": "gate", "name": station_id, "stations": [station_id]}
    with server.client(admin.post("/v1/keys", json=request).json()["key"]) as client:
        yield client


@pytest.fixture
def fhy(server: ServerProcess, admin: httpx2.Client) -> Iterator[httpx2.Client]:
    """A client with a key of FHY alone."""
    yield from make_client(server, admin, "FHY")


@pytest.fixture
def cxl(server: ServerProcess, admin: httpx2.Client) -> Iterator[httpx2.Client]:
    """A client with a key of CXL alone."""
    yield from make_client(server, admin, "CXL")


def ask_about(client: httpx2.Client, tap_id: str) -> list[tuple[int, bytes]]:
    """All that can be asked about one tap_id, with the id itself left out of the answers."""
    path = f"/v1/taps/{tap_id}"
    answers = [client.get(path), client.post(f"{path}/report", json=REPORT)]
    return [(one.status_code, one.content.replace(tap_id.encode(), b"...")) for one in answers]


def take(client: httpx2.Client, tap: Answer) -> Answer:
    response = client.post("/v1/taps", json=tap)
    assert response.status_code == 200, response.text
    return tap


def test_anothers_tap_reads_as_one_that_is_not_there(
    fhy: httpx2.Client, cxl: httpx2.Client
) -> None:
    tap = take(fhy, make_tap("FHY-A-01", "entry", new_card(), ENTERED))
    nothing = ask_about(cxl, "FHY-A-01.20211124.none")
    assert [status for status, _ in nothing] == [404, 404]
    assert ask_about(cxl, tap["tap_id"]) == nothing
    explained = fhy.get(f"/v1/taps/{tap['tap_id']}").json()
    assert (explained["report"], explained["conflicts"]) == (None, 0)


def test_a_tap_of_an_unknown_gate_belongs_to_the_key_that_sent_it(
    fhy: httpx2.Client, cxl: httpx2.Client, admin: httpx2.Client, gates: httpx2.Client
) -> None:
    tap = take(fhy, make_tap("FHY-S-01", "entry", new_card(), ENTERED, offline=OFFLINE))
    nothing = ask_about(cxl, "FHY-S-01.20211124.none")
    for other in (cxl, gates):  # the second speaks for FHY too, and did not send it
        assert ask_about(other, tap["tap_id"]) == nothing
    for own in (fhy, admin):
        assert own.get(f"/v1/taps/{tap['tap_id']}").json()["report"]["cause"] is None
    report = OFFLINE | {"passed": True}
    assert fhy.post(f"/v1/taps/{tap['tap_id']}/report", json=report).status_code == 200


def test_once_the_gate_is_known_its_station_counts_and_not_the_sender(
    fhy: httpx2.Client, cxl: httpx2.Client, admin: httpx2.Client, gates: httpx2.Client
) -> None:
    tap = take(cxl, make_tap("FHY-S-02", "entry", new_card(), ENTERED, offline=OFFLINE))
    assert cxl.get(f"/v1/taps/{tap['tap_id']}").status_code == 200
    gate = {"station_id": "FHY", "directions": ["entry"]}
    assert admin.put("/v1/gates/FHY-S-02", json=gate).is_success
    assert ask_about(cxl, tap["tap_id"]) == ask_about(cxl, "FHY-S-02.20211124.none")
    for own in (fhy, gates):
        assert own.get(f"/v1/taps/{tap['tap_id']}").status_code == 200


def test_a_known_gate_with_another_problem_is_its_stations(
    fhy: httpx2.Client, cxl: httpx2.Client, gates: httpx2.Client
) -> None:
    medium = {"type": "student", "id": "1"}
    tap = make_tap("FHY-A-01", "entry", "", ENTERED, offline=OFFLINE) | {"medium": medium}
    take(fhy, tap)
    assert ask_about(cxl, tap["tap_id"]) == ask_about(cxl, "FHY-A-01.20211124.none")
    assert gates.get(f"/v1/taps/{tap['tap_id']}").status_code == 200


def test_settlement_decides_no_tap_that_its_sender_had_no_right_to_send(
    fhy: httpx2.Client, cxl: httpx2.Client, admin: httpx2.Client
) -> None:
    day = "2024-08-02"
    at = f"{day}T08:00:00.000+08:00"
    forged = take(cxl, make_tap("FHY-S-03", "entry", new_card(), at, offline=OFFLINE))
    real = take(fhy, make_tap("FHY-S-03", "entry", new_card(), at, offline=OFFLINE))
    gate = {"station_id": "FHY", "directions": ["entry"]}
    assert admin.put("/v1/gates/FHY-S-03", json=gate).is_success

    def waiting() -> dict[str, tuple[bool, str | None]]:
        items = admin.get("/v1/quarantine", params={"limit": 1_000}).json()["items"]
        return {item["tap_id"]: (item["repairable"], item["problem_now"]) for item in items}

    assert waiting()[forged["tap_id"]] == (False, "gate-not-yours")
    assert waiting()[real["tap_id"]] == (True, None)
    settled = admin.post("/v1/settlements", json={"service_date": day}).json()
    assert (settled["repaired"], settled["missing_exits"]) == (1, 1)
    assert settled["items"][0]["tap_id"] == real["tap_id"]


def test_an_entry_does_not_say_to_its_station_where_the_passenger_left(
    fhy: httpx2.Client, cxl: httpx2.Client, gates: httpx2.Client
) -> None:
    card = new_card()
    entry = take(fhy, make_tap("FHY-A-01", "entry", card, ENTERED))
    exit_ = take(cxl, make_tap("CXL-A-02", "exit", card, LEFT))
    assert fhy.get(f"/v1/taps/{entry['tap_id']}").json()["closed_by"] is None
    both = gates.get(f"/v1/taps/{entry['tap_id']}").json()
    assert both["closed_by"]["tap_id"] == exit_["tap_id"]


def test_a_gate_key_asks_no_route_that_shows_other_stations(
    fhy: httpx2.Client, cxl: httpx2.Client
) -> None:
    tap = take(fhy, make_tap("FHY-A-01", "entry", new_card(), ENTERED))
    open_to_all = {Right.PUBLIC, Right.READ_NETWORK}
    own = {
        route
        for route, right in ROUTE_RIGHTS.items()
        if right in RIGHTS_OF_KIND[GATE] and right not in open_to_all
    }
    assert own == OF_TAPS | OF_CONTROLLERS, "a new route for gate keys: hold it to this page"
    check(cxl.post("/v1/taps", json=tap), 403, "gate-not-yours")
    (result,) = cxl.post("/v1/taps/batch", json={"taps": [tap]}).json()["results"]
    assert result["problem"]["type"] == "/problems/gate-not-yours"
    controller = fhy.get("/v1/gates/FHY-A-01").json()["controller"]
    path = f"/v1/controllers/{controller}"
    check(cxl.get(f"{path}/parameters"), 403, "gate-not-yours")
    heartbeat = {"sent_at": ENTERED, "outbox_taps": 0, "gates": []}
    check(cxl.post(f"{path}/heartbeat", json=heartbeat), 403, "gate-not-yours")
    for method, route in ROUTE_RIGHTS:
        if ROUTE_RIGHTS[method, route] in open_to_all and "{" not in route and method == "GET":
            assert tap["tap_id"] not in cxl.get(route).text, route
