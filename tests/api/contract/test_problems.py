"""Every error is a problem: a type that stays, a status, and no trace of the inside."""

import json
import socket
from typing import Any

import httpx2
import pytest

from api.contract.problems import KINDS, problem, problem_bytes
from fare_engine import errors
from tests.server_process import ServerProcess, make_tap, new_card

TIME = "2021-11-24T08:15:30.120+08:00"


def check(response: httpx2.Response, status: int, code: str) -> dict[str, Any]:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    members: dict[str, Any] = response.json()
    assert members["type"] == f"/problems/{code}"
    assert members["status"] == status
    assert members["title"]
    assert members["detail"]
    assert ("errors" in members) == (status == 422)
    return members


def test_every_error_of_the_engine_has_its_kind() -> None:
    classes = [value for value in vars(errors).values() if isinstance(value, type)]
    codes = {cls.code for cls in classes if issubclass(cls, errors.FareEngineError)}
    codes -= {errors.Overtaken.code, errors.Outdated.code}  # the engine decides again: no answer
    codes -= {errors.LedgerBusy.code, errors.LedgerLost.code}  # tried again; the process ends
    codes -= {errors.EpochEnded.code}  # nobody follows the ledger over the API
    assert codes <= KINDS.keys()


def test_a_422_always_names_a_field() -> None:
    for code, kind in KINDS.items():
        members = problem(code, "why")
        assert ("errors" in members) == (kind.status == 422), code


def test_a_503_says_when_to_come_back_and_a_401_how_to_come_in() -> None:
    _, headers, _ = problem_bytes("ledger-unavailable", "why")
    assert (b"retry-after", b"1") in headers
    _, headers, _ = problem_bytes("unauthorized", "why")
    assert any(name == b"www-authenticate" for name, _ in headers)


def test_text_that_utf_8_cannot_carry_is_still_answered() -> None:
    _, _, body = problem_bytes("invalid-request", "\ud800", [("f\udfff", "\ud800")])
    assert json.loads(body)["errors"] == [{"field": "f?", "message": "?"}]


def test_an_address_that_is_not_there(gates: httpx2.Client) -> None:
    check(gates.get("/nothing"), 404, "not-found")
    check(gates.get("/v1/nothing"), 404, "not-found")
    check(gates.get("/v1/stations/"), 404, "not-found")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/v1/taps", "OPTIONS, POST"),
        ("HEAD", "/v1/taps", "OPTIONS, POST"),
        ("PUT", "/v1/taps", "OPTIONS, POST"),
        ("PUT", "/v1/taps/batch", "GET, HEAD, OPTIONS, POST"),
        ("GET", "/v1/taps/x/report", "OPTIONS, POST"),
        ("DELETE", "/v1/stations", "GET, HEAD, OPTIONS"),
        ("PATCH", "/v1/tariffs", "GET, HEAD, OPTIONS, POST"),
        ("POST", "/v1/stations/FHY", "GET, HEAD, OPTIONS"),
        ("DELETE", "/livez", "GET, HEAD, OPTIONS"),
        ("POST", "/static-offline-docs/swagger-ui.css", "GET, HEAD, OPTIONS"),
    ],
)
def test_a_method_that_an_address_does_not_take(
    gates: httpx2.Client, method: str, path: str, allowed: str
) -> None:
    response = gates.request(method, path)
    assert response.status_code == 405
    assert response.headers["allow"] == allowed
    assert response.headers["content-type"] == "application/problem+json"


NO_JSON = [
    b"{",
    b"nothing",
    b'{"a": NaN}',
    b'{"a": "\xff"}',
    b'{"a": "\\ud800"}',
    '{"a": 1}'.encode("utf-16"),
    b"[" * 100_000,
    b'{"a": 1} more',
]


@pytest.mark.parametrize("path", ["/v1/taps", "/v1/taps/batch", "/v1/taps/x/report", "/v1/keys"])
@pytest.mark.parametrize("body", NO_JSON)
def test_a_body_that_is_no_json(server: ServerProcess, path: str, body: bytes) -> None:
    with server.client(server.admin_key) as client:
        response = client.post(path, content=body, headers={"Content-Type": "application/json"})
    check(response, 400, "malformed-json")


@pytest.mark.parametrize("path", ["/v1/taps", "/v1/taps/batch", "/v1/taps/x/report"])
def test_a_body_of_another_type(gates: httpx2.Client, path: str) -> None:
    response = gates.post(path, content=b"{}", headers={"Content-Type": "text/plain"})
    check(response, 415, "unsupported-media-type")


@pytest.mark.parametrize("path", ["/v1/taps", "/v1/taps/batch", "/v1/taps/x/report"])
def test_a_body_that_is_too_large(gates: httpx2.Client, path: str) -> None:
    headers = {"Content-Type": "application/json"}
    response = gates.post(path, content=b" " * 2**20 + b"1", headers=headers)
    check(response, 413, "body-too-large")

    def pieces() -> Any:
        for _ in range(2**20 // 65_536 + 1):
            yield b" " * 65_536

    check(gates.post(path, content=pieces(), headers=headers), 413, "body-too-large")


def test_a_body_that_does_not_fit_names_every_field(gates: httpx2.Client) -> None:
    body = {"gate_action_taken": "ajar", "fare_taken": False, "passed": 1, "more": None}
    members = check(gates.post("/v1/taps/x/report", json=body), 422, "invalid-request")
    fields = {fault["field"] for fault in members["errors"]}
    assert fields == {"gate_action_taken", "fare_taken", "passed", "more"}


def test_a_tap_that_does_not_fit_names_its_field(gates: httpx2.Client) -> None:
    tap = make_tap("FHY-A-01", "entry", new_card(), TIME) | {"medium": {"type": "qr", "code": ""}}
    members = check(gates.post("/v1/taps", json=tap), 422, "invalid-request")
    assert [fault["field"] for fault in members["errors"]] == ["medium.code"]


def test_errors_of_a_tap(gates: httpx2.Client) -> None:
    card = new_card()
    check(gates.post("/v1/taps", json=make_tap("NO", "entry", card, TIME)), 404, "unknown-gate")
    wrong_way = make_tap("FHY-A-01", "exit", card, TIME)
    check(gates.post("/v1/taps", json=wrong_way), 422, "direction-not-allowed")
    ahead = make_tap("FHY-A-01", "entry", card, "2999-01-01T00:00:00+08:00")
    members = check(gates.post("/v1/taps", json=ahead), 422, "clock-ahead")
    assert [fault["field"] for fault in members["errors"]] == ["occurred_at"]
    short = make_tap("FHY-A-01", "entry", "12", TIME)
    members = check(gates.post("/v1/taps", json=short), 422, "medium-id-invalid")
    assert '"12"' not in json.dumps(members)  # an id that was refused may still be a card's
    first = make_tap("FHY-A-01", "entry", card, TIME)
    assert gates.post("/v1/taps", json=first).status_code == 200
    other = first | {"gate_id": "FHY-C-01"}
    check(gates.post("/v1/taps", json=other), 409, "tap-conflict")


def test_what_is_not_http_at_all(server: ServerProcess) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(b"GATE 1 OPEN\r\n\r\n")
        head, _, body = connection.makefile("rb").read().partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    assert b"application/problem+json" in head
    assert json.loads(body)["type"] == "/problems/malformed-request"
