"""Keys: a call without one is refused, and a gate key speaks for its stations alone."""

from collections.abc import Iterator

import httpx2
import pytest

from tests.api.contract.test_problems import check
from tests.api.http.routes.test_health import measure
from tests.server_process import ServerProcess, make_tap, new_card, new_number

TIME = "2021-11-24T08:15:30.120+08:00"


@pytest.fixture(scope="module")
def strict_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server that soon limits the failures of a peer, behind a proxy on this machine."""
    process = ServerProcess(
        tmp_path_factory.mktemp("strict") / "data",
        FARE_AUTH_FAILURES_PER_MINUTE="3",
        FARE_TRUSTED_PROXIES="127.0.0.1",
    )
    yield process
    process.stop()


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "Bearer",
        "Bearer nonsense",
        "Basic Zm9vOmJhcg==",
        "Bearer " + "x" * 5_000,
    ],
)
@pytest.mark.parametrize("path", ["/v1/taps", "/v1/taps/batch", "/v1/stations", "/v1/nothing"])
def test_a_call_without_a_valid_key_is_refused(
    server: ServerProcess, path: str, authorization: str | None
) -> None:
    headers = {} if authorization is None else {"Authorization": authorization}
    with server.client("") as client:
        response = client.post(path, content=b"{", headers=headers)
    check(response, 401, "unauthorized")
    assert response.headers["www-authenticate"].startswith("Bearer")


def test_the_scheme_may_be_written_in_any_case(server: ServerProcess) -> None:
    with server.client("") as client:
        headers = {"Authorization": f"bearer {server.gate_key}"}
        assert client.get("/v1/stations/FHY", headers=headers).status_code == 200


@pytest.mark.parametrize("path", ["/", "/livez", "/readyz", "/metrics", "/docs", "/openapi.json"])
def test_health_and_documentation_need_no_key(server: ServerProcess, path: str) -> None:
    with server.client("") as client:
        assert client.get(path).status_code == 200


def test_a_gate_key_may_not_do_what_an_admin_does(gates: httpx2.Client) -> None:
    for path in ("/v1/keys", "/v1/audit", "/v1/quarantine"):
        check(gates.get(path), 403, "forbidden")
    check(gates.post("/v1/keys", json={"kind": "admin", "name": "me"}), 403, "forbidden")
    suspend = gates.post("/v1/stations/FHY/policies/suspend", json={"reason": "why not"})
    check(suspend, 403, "forbidden")


def test_a_gate_key_speaks_for_its_stations_alone(
    server: ServerProcess, admin: httpx2.Client
) -> None:
    request = {"kind": "gate", "name": "controller of 天府广场", "stations": ["TFGC"]}
    made = admin.post("/v1/keys", json=request)
    assert made.status_code == 201
    tap = make_tap("FHY-A-01", "entry", new_card(), TIME)
    own = make_tap("TFGC-A-01", "entry", new_card(), TIME)
    with server.client(made.json()["key"]) as client:
        check(client.post("/v1/taps", json=tap), 403, "gate-not-yours")
        results = client.post("/v1/taps/batch", json={"taps": [tap, own]}).json()["results"]
        assert results[0]["problem"]["type"] == "/problems/gate-not-yours"
        assert results[1]["outcome"] == "entered"
        assert client.get(f"/v1/taps/{own['tap_id']}").status_code == 200

    assert admin.post("/v1/taps", json=tap).status_code == 200
    report = {"gate_action_taken": "open", "fare_taken": 0}
    with server.client(made.json()["key"]) as client:
        check(client.get(f"/v1/taps/{tap['tap_id']}"), 404, "not-found")
        response = client.post(f"/v1/taps/{tap['tap_id']}/report", json=report)
        check(response, 404, "not-found")


def test_a_key_is_shown_once_and_useless_once_revoked(
    server: ServerProcess, admin: httpx2.Client
) -> None:
    made = admin.post("/v1/keys", json={"kind": "admin", "name": "for an hour"}).json()
    listed = {key["key_id"]: key for key in admin.get("/v1/keys").json()["items"]}
    assert "key" not in listed[made["key_id"]]
    with server.client(made["key"]) as client:
        assert client.get("/v1/keys").status_code == 200
        revoked = admin.delete(f"/v1/keys/{made['key_id']}")
        assert revoked.status_code == 200
        check(client.get("/v1/keys"), 401, "unauthorized")
    # Again is no error, and changes nothing.
    assert admin.delete(f"/v1/keys/{made['key_id']}").json() == revoked.json()
    actions = [entry["action"] for entry in admin.get("/v1/audit").json()["items"]]
    assert {"key.created", "key.revoked"} <= set(actions)


@pytest.mark.parametrize(
    ("request_body", "field"),
    [
        ({"kind": "gate", "name": "x"}, "stations"),
        ({"kind": "gate", "name": "x", "stations": []}, "stations"),
        ({"kind": "gate", "name": "x", "stations": ["NOPE"]}, "stations"),
        ({"kind": "admin", "name": "x", "stations": ["FHY"]}, "stations"),
        ({"kind": "king", "name": "x"}, "kind"),
        ({"kind": "admin", "name": ""}, "name"),
        ({"kind": "admin", "name": "x" * 101}, "name"),
    ],
)
def test_an_invalid_key_is_refused(
    admin: httpx2.Client, request_body: dict[str, object], field: str
) -> None:
    response = admin.post("/v1/keys", json=request_body)
    members = check(response, 422, response.json()["type"].removeprefix("/problems/"))
    assert {fault["field"] for fault in members["errors"]} == {field}


def test_a_key_that_does_not_exist_cannot_be_revoked(admin: httpx2.Client) -> None:
    check(admin.delete("/v1/keys/000000000000"), 404, "not-found")


@pytest.mark.parametrize("path", ["/v1/taps", "/v1/taps/batch", "/v1/keys", "/v1/nothing"])
def test_failures_of_a_peer_are_limited_on_every_route(
    strict_server: ServerProcess, path: str
) -> None:
    peer = {"X-Forwarded-For": f"203.0.113.9, 2001:db8:{new_number() % 10_000}::1"}
    with strict_server.client("fe_gate_wrong") as nobody:
        before = measure(nobody)
        for _ in range(3):
            check(nobody.post(path, json={}, headers=peer), 401, "unauthorized")
        refused = nobody.post(path, json={}, headers=peer)
        check(refused, 429, "too-many-failures")
        assert refused.headers.get_list("connection") == ["close"]
        assert 0 < int(refused.headers["retry-after"]) <= 60
        after = measure(nobody)
    failed, limited = [f"fare_authentications_{name}_total" for name in ("failed", "limited")]
    assert (after[failed] - before[failed], after[limited] - before[limited]) == (4, 1)


def test_failures_of_all_routes_are_counted_together(strict_server: ServerProcess) -> None:
    peer = {"X-Forwarded-For": "198.51.100.1"}
    with strict_server.client("") as nobody:
        paths = ("/v1/taps", "/v1/keys", "/v1/taps/batch", "/v1/taps", "/v1/stations")
        statuses = [nobody.post(path, json={}, headers=peer).status_code for path in paths]
    assert statuses == [401, 401, 401, 429, 429]


def test_a_valid_key_is_never_refused_for_the_failures_of_others(
    strict_server: ServerProcess,
) -> None:
    peer = {"X-Forwarded-For": "198.51.100.2"}
    tap = make_tap("FHY-A-01", "entry", new_card(), TIME)
    with strict_server.client("") as nobody, strict_server.client() as gate:
        for _ in range(5):
            status = nobody.post("/v1/taps", json={}, headers=peer).status_code
        assert status == 429
        assert gate.post("/v1/taps", json=tap, headers=peer).json()["outcome"] == "entered"
        assert gate.get("/v1/stations", headers=peer).status_code == 200
        assert nobody.get("/readyz", headers=peer).status_code == 200
        assert nobody.post("/v1/taps", json={}, headers=peer).status_code == 429


def test_who_is_limited_is_logged_by_address_and_never_by_key(
    strict_server: ServerProcess,
) -> None:
    peer = {"X-Forwarded-For": "198.51.100.3"}
    with strict_server.client("fe_gate_of-somebody") as nobody:
        for _ in range(5):
            nobody.post("/v1/taps", json={}, headers=peer)
    log = strict_server.log_path.read_text("utf-8")
    lines = [line for line in log.splitlines() if "198.51.100.3" in line]
    assert [line.count("authentication_failed") for line in lines] == [1, 1, 1, 0]
    assert "authentications_limited" in lines[3]
    assert "failures=4" in lines[3]
    assert "fe_gate_of-somebody" not in log
