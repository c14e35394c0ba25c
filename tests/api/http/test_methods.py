"""HEAD, OPTIONS and methods that an address does not take, on every route that there is."""

import httpx2
import pytest

from api.http.rights import ROUTE_RIGHTS
from tests.api.contract.test_problems import check
from tests.server_process import ServerProcess, make_tap, new_card

AT = "2025-03-03T08:10:00.000+08:00"
READ = sorted(path for method, path in ROUTE_RIGHTS if method == "GET")
CHANGING = {"date", "content-length"}
"""Of these the value may differ between two calls: `/metrics` counts the calls themselves."""


def fill(path: str) -> str:
    """An address of a route: each of its ids is one that there may be."""
    values = {"station_id": "FHY", "gate_id": "FHY-A-01", "version": "1", "controller_id": "FHY-1"}
    for name in ("tap_id", "settlement_id", "key_id", "issuer_id"):
        values[name] = "1"
    return path.format(**values)


@pytest.mark.parametrize("path", READ)
def test_head_is_answered_as_get_without_the_body(admin: httpx2.Client, path: str) -> None:
    got, head = admin.get(fill(path)), admin.head(fill(path))
    assert head.status_code == got.status_code
    assert head.content == b""
    assert head.headers.keys() == got.headers.keys()
    for name in got.headers.keys() - CHANGING:
        assert head.headers[name] == got.headers[name], name
    assert int(head.headers["content-length"]) > 0


@pytest.mark.parametrize("key", ["", "wrong"])
def test_head_needs_the_key_that_get_needs(server: ServerProcess, key: str) -> None:
    with server.client(key) as client:
        assert client.head("/v1/stations").status_code == 401
        assert client.head("/v1/nothing").status_code == 401
        assert client.head("/livez").status_code == 200
    with server.client() as gates:
        assert gates.head("/v1/keys").status_code == 403
        assert gates.head("/v1/nothing").status_code == 404


def test_head_knows_what_a_client_has(gates: httpx2.Client) -> None:
    path = "/v1/controllers/FHY-1/parameters"
    etag = gates.head(path).headers["etag"]
    assert gates.head(path, headers={"If-None-Match": etag}).status_code == 304


def test_after_head_the_connection_takes_the_next_request(gates: httpx2.Client) -> None:
    for _ in range(3):
        assert gates.head("/v1/stations/FHY").status_code == 200
        assert gates.get("/v1/stations/FHY").json()["station_id"] == "FHY"


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/v1/taps", "OPTIONS, POST"),
        ("/v1/taps/x/report", "OPTIONS, POST"),
        ("/v1/stations/FHY", "GET, HEAD, OPTIONS"),
        ("/v1/gates/FHY-A-01", "DELETE, GET, HEAD, OPTIONS, PUT"),
        ("/v1/keys/x", "DELETE, OPTIONS"),
        ("/livez", "GET, HEAD, OPTIONS"),
    ],
)
def test_options_lists_what_an_address_takes(
    server: ServerProcess, path: str, allowed: str
) -> None:
    with server.client("") as nobody:
        answer = nobody.options(path)
    assert (answer.status_code, answer.headers["allow"], answer.content) == (200, allowed, b"")


def test_options_of_no_address(gates: httpx2.Client) -> None:
    check(gates.options("/v1/nothing"), 404, "not-found")


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE", "PROPFIND"])
def test_a_method_is_refused_before_its_body_is_looked_at(
    gates: httpx2.Client, method: str
) -> None:
    headers = {"Content-Type": "application/json"}
    answer = gates.request(method, "/v1/taps", content=b"{", headers=headers)
    assert (answer.status_code, answer.headers["allow"]) == (405, "OPTIONS, POST")
    tap = make_tap("FHY-A-01", "entry", new_card(), AT)
    assert gates.post("/v1/taps", json=tap).status_code == 200, "on the same connection"
