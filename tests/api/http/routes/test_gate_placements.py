"""Gates that move: a tap belongs to the station its gate stood in when it was tapped."""

from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from tests.api.contract.test_problems import check
from tests.server_process import ServerProcess, make_tap, new_card, new_number

BOTH = ["entry", "exit"]
AT_FHY: dict[str, Any] = {"station_id": "FHY", "directions": BOTH}
AT_CXL: dict[str, Any] = {"station_id": "CXL", "directions": BOTH}
MOVED_AT = "2021-11-26T12:00:00.000+08:00"
BEFORE = "2021-11-26T11:59:59.999+08:00"


class Keys:
    """Clients with a key of each station, and with the admin key."""

    def __init__(self, server: ServerProcess, admin: httpx2.Client) -> None:
        self.admin = admin
        self.fhy, self.cxl = (server.client(self._make_key(name)) for name in ("FHY", "CXL"))

    def _make_key(self, station_id: str) -> str:
        body = {"kind": "gate", "name": f"only {station_id}", "stations": [station_id]}
        key: str = self.admin.post("/v1/keys", json=body).json()["key"]
        return key

    def put(self, gate_id: str, **gate: Any) -> dict[str, Any]:
        """A gate, put by the admin."""
        answer = self.admin.put(f"/v1/gates/{gate_id}", json=gate)
        assert answer.status_code == 200, answer.text
        put: dict[str, Any] = answer.json()
        return put

    def moved_gate(self) -> str:
        """A gate that stood at 孵化园 until it was moved."""
        gate_id = f"M-{new_number()}"
        self.put(gate_id, **AT_FHY)
        self.put(gate_id, **AT_CXL, effective_from=MOVED_AT)
        return gate_id


@pytest.fixture
def keys(server: ServerProcess, admin: httpx2.Client) -> Iterator[Keys]:
    made = Keys(server, admin)
    with made.fhy, made.cxl:
        yield made


def test_the_backlog_of_a_moved_gate_is_taken_from_the_key_of_its_old_station(keys: Keys) -> None:
    gate_id = keys.moved_gate()
    card = new_card()
    entry = make_tap(gate_id, "entry", card, "2021-11-26T11:30:00.000+08:00")
    answer = keys.fhy.post("/v1/taps", json=entry)
    assert answer.status_code == 200, answer.text
    assert answer.json()["journey"]["entry_station"] == "FHY"
    exit_ = make_tap(gate_id, "exit", card, "2021-11-26T12:30:00.000+08:00")
    check(keys.fhy.post("/v1/taps", json=exit_), 403, "gate-not-yours")
    assert keys.cxl.post("/v1/taps", json=exit_).json()["reason"] == "different_station"
    explained = keys.admin.get(f"/v1/taps/{exit_['tap_id']}").json()
    assert (explained["station_id"], explained["entry"]["station_id"]) == ("CXL", "FHY")
    assert keys.fhy.get(f"/v1/taps/{entry['tap_id']}").status_code == 200
    check(keys.cxl.get(f"/v1/taps/{entry['tap_id']}"), 404, "not-found")


def test_the_new_station_speaks_for_what_happened_after_the_move_alone(keys: Keys) -> None:
    gate_id = keys.moved_gate()
    before = make_tap(gate_id, "entry", new_card(), BEFORE)
    at_once = make_tap(gate_id, "entry", new_card(), MOVED_AT)
    check(keys.cxl.post("/v1/taps", json=before), 403, "gate-not-yours")
    check(keys.fhy.post("/v1/taps", json=at_once), 403, "gate-not-yours")
    assert keys.fhy.post("/v1/taps", json=before).json()["journey"]["entry_station"] == "FHY"
    assert keys.cxl.post("/v1/taps", json=at_once).json()["journey"]["entry_station"] == "CXL"


def test_a_batch_may_hold_taps_of_both_sides_of_a_move(keys: Keys) -> None:
    gate_id = keys.moved_gate()
    times = ("2021-11-26T11:00:00+08:00", BEFORE, MOVED_AT, "2021-11-26T13:00:00+08:00")
    taps = [make_tap(gate_id, "entry", new_card(), at) for at in times]

    def send(client: httpx2.Client) -> list[str]:
        results = client.post("/v1/taps/batch", json={"taps": taps}).json()["results"]
        return [
            result["problem"]["type"] if "problem" in result else result["journey"]["entry_station"]
            for result in results
        ]

    foreign = "/problems/gate-not-yours"
    assert send(keys.fhy) == ["FHY", "FHY", foreign, foreign]
    assert send(keys.cxl) == [foreign, foreign, "CXL", "CXL"]
    assert send(keys.admin) == ["FHY", "FHY", "CXL", "CXL"]


def test_a_move_now_leaves_what_was_tapped_before_where_it_was(keys: Keys) -> None:
    gate_id = f"M-{new_number()}"
    keys.put(gate_id, **AT_FHY)
    moved = keys.put(gate_id, **AT_CXL)
    assert (moved["station_id"], moved["effective_from"]) == (
        "CXL",
        moved["placements"][1]["effective_from"],
    )
    old = make_tap(gate_id, "entry", new_card(), "2021-11-26T08:00:00+08:00")
    assert keys.fhy.post("/v1/taps", json=old).json()["journey"]["entry_station"] == "FHY"
    now = make_tap(gate_id, "entry", new_card(), moved["effective_from"])
    assert keys.cxl.post("/v1/taps", json=now).json()["journey"]["entry_station"] == "CXL"
    stations = {
        station_id: {
            gate["gate_id"] for gate in keys.admin.get(f"/v1/stations/{station_id}").json()["gates"]
        }
        for station_id in ("FHY", "CXL")
    }
    assert gate_id in stations["CXL"] - stations["FHY"]


def test_a_move_to_come_changes_nothing_until_then(keys: Keys) -> None:
    gate_id = f"M-{new_number()}"
    keys.put(gate_id, **AT_FHY, controller="c-move")
    planned = keys.put(gate_id, **AT_CXL, effective_from="2099-01-01T00:00:00+08:00")
    assert planned["station_id"] == "FHY"
    assert [place["station_id"] for place in planned["placements"]] == ["FHY", "CXL"]
    tap = make_tap(gate_id, "entry", new_card(), "2021-11-26T08:00:00+08:00")
    check(keys.cxl.post("/v1/taps", json=tap), 403, "gate-not-yours")
    assert keys.fhy.post("/v1/taps", json=tap).json()["journey"]["entry_station"] == "FHY"
    document = keys.fhy.get("/v1/controllers/c-move/parameters").json()
    assert [station["station_id"] for station in document["stations"]] == ["FHY"]
    withdrawn = keys.put(
        gate_id, **AT_FHY, controller="c-move", effective_from="2099-01-01T00:00:00+08:00"
    )
    assert len(withdrawn["placements"]) == 1, "put back as it was, it is no move"


def test_a_gate_that_moves_twice_is_where_it_was_each_time(keys: Keys) -> None:
    gate_id = keys.moved_gate()
    keys.put(gate_id, **AT_FHY, effective_from="2021-11-27T12:00:00+08:00")
    days = {"2021-11-26T10:00:00+08:00": "FHY", "2021-11-27T10:00:00+08:00": "CXL"}
    days["2021-11-27T12:00:00+08:00"] = "FHY"
    for at, station_id in days.items():
        answer = keys.admin.post("/v1/taps", json=make_tap(gate_id, "entry", new_card(), at))
        assert answer.json()["journey"]["entry_station"] == station_id, at


def test_a_gate_that_is_taken_down_and_put_up_again(keys: Keys) -> None:
    gate_id = f"M-{new_number()}"
    keys.put(gate_id, **AT_FHY)
    down = keys.admin.delete(f"/v1/gates/{gate_id}", params={"effective_from": MOVED_AT})
    assert (down.status_code, down.json()["directions"]) == (200, [])
    assert (
        keys.admin.delete(f"/v1/gates/{gate_id}").json()["placements"] == down.json()["placements"]
    )
    keys.put(gate_id, **AT_FHY, effective_from="2021-11-27T12:00:00+08:00")
    old = make_tap(gate_id, "exit", new_card(), BEFORE)
    assert keys.fhy.post("/v1/taps", json=old).json()["reason"] == "no_open_entry"
    gone = make_tap(gate_id, "exit", new_card(), MOVED_AT)
    check(keys.fhy.post("/v1/taps", json=gone), 422, "direction-not-allowed")
    back = make_tap(gate_id, "exit", new_card(), "2021-11-27T12:00:00+08:00")
    assert keys.fhy.post("/v1/taps", json=back).json()["reason"] == "no_open_entry"
    check(keys.admin.delete("/v1/gates/NOPE"), 404, "not-found")
    check(keys.fhy.delete(f"/v1/gates/{gate_id}"), 403, "forbidden")


def test_an_exit_tap_of_when_its_gate_had_exits_is_taken(keys: Keys) -> None:
    gate_id = f"M-{new_number()}"
    keys.put(gate_id, **AT_FHY)
    changed = keys.put(gate_id, station_id="FHY", directions=["entry"])
    old = make_tap(gate_id, "exit", new_card(), "2021-11-26T08:00:00+08:00")
    assert keys.fhy.post("/v1/taps", json=old).json()["reason"] == "no_open_entry"
    new = make_tap(gate_id, "exit", new_card(), changed["effective_from"])
    check(keys.fhy.post("/v1/taps", json=new), 422, "direction-not-allowed")


def test_a_gate_that_was_put_up_on_a_day_is_unknown_before(keys: Keys) -> None:
    gate_id = f"M-{new_number()}"
    keys.put(gate_id, **AT_FHY, effective_from=MOVED_AT)
    early = make_tap(gate_id, "entry", new_card(), BEFORE)
    check(keys.fhy.post("/v1/taps", json=early), 404, "unknown-gate")
    check(keys.cxl.post("/v1/taps", json=early), 403, "gate-not-yours")
    alone = early | {"offline": {"gate_action_taken": "open", "fare_taken": 0}}
    assert keys.fhy.post("/v1/taps", json=alone).json()["reason"] == "unknown-gate"


def test_a_designated_gate_leaves_when_its_policy_ends(keys: Keys, server: ServerProcess) -> None:
    """The crossing of before is free by the policy of then, though the gate stands elsewhere."""
    entry_gate, exit_gate = (f"M-{new_number()}" for _ in range(2))
    for gate_id in (entry_gate, exit_gate):
        keys.put(gate_id, **AT_CXL)
    policy = {
        "window_seconds": 900,
        "media": ["tianfutong"],
        "designated_gates": [entry_gate, exit_gate],
        "effective_from": "2022-01-01T00:00:00+08:00",
        "effective_to": "2022-02-01T00:00:00+08:00",
        "note": "one month",
    }
    published = keys.admin.post("/v1/stations/CXL/policies", json=policy)
    assert published.status_code == 201, published.text
    for gate_id in (entry_gate, exit_gate):
        keys.put(gate_id, **AT_FHY, effective_from="2022-02-01T00:00:00+08:00")
    card = new_card()
    taps = [
        make_tap(entry_gate, "entry", card, "2022-01-31T23:50:00+08:00"),
        make_tap(exit_gate, "exit", card, "2022-01-31T23:59:59.999+08:00"),
    ]
    results = keys.cxl.post("/v1/taps/batch", json={"taps": taps}).json()["results"]
    assert [result["reason"] for result in results][1] == "same_station_within_window"
    later = policy | {"effective_from": "2098-01-01T00:00:00+08:00"}
    later["effective_to"] = "2098-02-01T00:00:00+08:00"
    members = check(
        keys.admin.post("/v1/stations/CXL/policies", json=later), 422, "catalogue-invalid"
    )
    assert {error["field"] for error in members["errors"]} == {"designated_gates"}


def test_a_policy_to_come_may_name_a_gate_that_comes_by_then(keys: Keys) -> None:
    gate_id = f"M-{new_number()}"
    keys.put(gate_id, **AT_FHY)
    keys.put(gate_id, **AT_CXL, effective_from="2097-01-01T00:00:00+08:00")
    policy = {
        "window_seconds": 900,
        "media": ["qr"],
        "designated_gates": [gate_id],
        "effective_to": "2097-02-01T00:00:00+08:00",
        "note": "by then",
    }
    path = "/v1/stations/CXL/policies"
    early = policy | {"effective_from": "2096-12-31T23:59:59+08:00"}
    assert "belongs to station 'FHY'" in keys.admin.post(path, json=early).text
    in_time = policy | {"effective_from": "2097-01-01T00:00:00+08:00"}
    assert keys.admin.post(path, json=in_time).status_code == 201
    away = AT_FHY | {"effective_from": "2097-01-15T00:00:00+08:00"}
    refused = keys.admin.put(f"/v1/gates/{gate_id}", json=away)
    (fault, *_) = check(refused, 422, "catalogue-invalid")["errors"]
    assert "from 2097-01-15T00:00:00+08:00 on" in fault["message"]


def test_placements_outlive_a_restart(make_server: Any) -> None:
    server: ServerProcess = make_server()
    with server.client(server.admin_key) as admin:
        keys = Keys(server, admin)
        gate_id = keys.moved_gate()
        shown = admin.get(f"/v1/gates/{gate_id}").json()
        tap = make_tap(gate_id, "entry", new_card(), BEFORE)
        answer = keys.fhy.post("/v1/taps", json=tap).json()
        server.kill()
        server.restart()
        assert admin.get(f"/v1/gates/{gate_id}").json() == shown
        assert keys.fhy.post("/v1/taps", json=tap).json() == answer
        card = tap["medium"]["id"]
        late = make_tap(gate_id, "exit", card, BEFORE)
        assert keys.fhy.post("/v1/taps", json=late).json()["journey"]["exit_station"] == "FHY"
        keys.fhy.close()
        keys.cxl.close()


def test_a_wrong_clock_does_not_lose_the_backlog_of_a_moved_gate(keys: Keys) -> None:
    """Ten minutes ahead: by its clock the gate had moved when it was tapped, truly it had not."""
    gate_id = f"M-{new_number()}"
    controller = {"controller": "c-moved"}
    keys.put(gate_id, **AT_FHY, **controller)

    def measure(client: httpx2.Client, skew_ms: int) -> None:
        skews = [{"gate_id": gate_id, "clock_skew_ms": skew_ms}]
        beat = {"sent_at": MOVED_AT, "outbox_taps": 1, "gates": skews}
        answer = client.post("/v1/controllers/c-moved/heartbeat", json=beat)
        assert answer.status_code == 200, answer.text

    measure(keys.fhy, 600_000)
    keys.put(gate_id, **AT_CXL, **controller, effective_from=MOVED_AT)
    at = "2021-11-26T12:05:00.000+08:00"
    assert keys.fhy.post("/v1/taps", json=make_tap(gate_id, "entry", new_card(), at)).is_success
    too_late = "2021-11-26T12:10:00.000+08:00"
    refused = keys.fhy.post("/v1/taps", json=make_tap(gate_id, "entry", new_card(), too_late))
    check(refused, 403, "gate-not-yours")
    measure(keys.cxl, 0)


@pytest.mark.parametrize("at", ["2021-11-26", "yesterday", "1899-12-31T00:00:00+08:00", 5])
def test_an_instant_that_is_none_is_refused(keys: Keys, at: Any) -> None:
    refused = keys.admin.put("/v1/gates/M-1", json=AT_FHY | {"effective_from": at})
    assert check(refused, 422, "invalid-request")["errors"][0]["field"] == "effective_from"
