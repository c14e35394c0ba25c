"""Issuers over HTTP, and ride codes against a real server: taken, refused, copied, restarted."""

import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

import httpx2
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from api.contract.times import format_ms
from fare_engine.documents import encode_key
from gates.media.issuing import RideCodeIssuer, generate_private_key, public_bytes
from tests.api.contract.test_problems import check
from tests.server_process import ServerProcess, new_number

ISSUERS = "/v1/ride-code-issuers"
ZONE = "Asia/Shanghai"


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _key(private_key: Ed25519PrivateKey, key_id: str = "1", **more: Any) -> dict[str, Any]:
    return {"key_id": key_id, "public_key": encode_key(public_bytes(private_key)), **more}


@pytest.fixture
def private_key() -> Ed25519PrivateKey:
    return generate_private_key()


@pytest.fixture
def issuer_id() -> str:
    return f"i{new_number() % 10**14}"


@pytest.fixture
def issuer(admin: httpx2.Client, issuer_id: str, private_key: Ed25519PrivateKey) -> RideCodeIssuer:
    """A registered issuer; its key is in force since 2020."""
    body = _key(private_key, issuer_id=issuer_id, valid_from="2020-01-01T00:00:00+08:00")
    assert admin.post(ISSUERS, json=body).status_code == 201
    return RideCodeIssuer(issuer_id, "1", private_key)


@pytest.fixture
def tap(server: ServerProcess, gates: httpx2.Client) -> Callable[..., dict[str, Any]]:
    def send(
        direction: str, medium: dict[str, Any], at_ms: int | None = None, **more: Any
    ) -> dict[str, Any]:
        gate_id = server.gate(direction, **more)
        body = {
            "tap_id": f"{gate_id}.20211124.{new_number():012}",
            "gate_id": gate_id,
            "direction": direction,
            "medium": medium,
            "occurred_at": format_ms(_now_ms() if at_ms is None else at_ms, ZONE),
        }
        answer = gates.post("/v1/taps", json=body)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json() | {"sent": body}
        return found

    return send


def _kind(answer: dict[str, Any]) -> tuple[str, str]:
    return answer["outcome"], answer["reason"]


def test_a_crossing_with_two_codes_of_one_account_is_free(
    issuer: RideCodeIssuer, tap: Callable[..., dict[str, Any]]
) -> None:
    account = f"anna{new_number()}"
    entered = tap("entry", {"type": "qr", "code": issuer.issue(account, _now_ms())})
    assert _kind(entered) == ("entered", "entry_opened")
    left = tap("exit", {"type": "qr", "code": issuer.issue(account, _now_ms() + 5_000)})
    assert _kind(left) == ("waived", "same_station_within_window")
    assert left["journey"]["entry_tap_id"] == entered["tap_id"]


def test_a_code_and_its_account_are_one_medium_and_a_companion_another(
    issuer: RideCodeIssuer, tap: Callable[..., dict[str, Any]]
) -> None:
    account = f"anna{new_number()}"
    tap("entry", {"type": "qr", "code": issuer.issue(account, _now_ms())})
    with_companion = issuer.issue(account, _now_ms(), companion=1)
    assert _kind(tap("entry", {"type": "qr", "code": with_companion})) == (
        "entered",
        "entry_opened",
    )
    for medium_id in (account, f"{account}#1"):
        left = tap("exit", {"type": "qr", "id": medium_id})
        assert _kind(left) == ("waived", "same_station_within_window")


def test_a_copied_code_is_refused_and_the_same_tap_is_not(
    issuer: RideCodeIssuer, tap: Callable[..., dict[str, Any]], gates: httpx2.Client
) -> None:
    account = f"anna{new_number()}"
    code = issuer.issue(account, _now_ms())
    entered = tap("entry", {"type": "qr", "code": code})
    copied = tap("exit", {"type": "qr", "code": code})
    assert _kind(copied) == ("refused", "ride_code_replayed")
    assert (copied["gate_action"], copied["fare"], copied["journey"]) == ("refuse", 0, None)
    assert _kind(tap("entry", {"type": "qr", "code": code})) == ("entered", "entry_repeated")
    again = gates.post("/v1/taps", json=entered["sent"])
    assert again.headers["idempotent-replayed"] == "true"
    assert again.json() == {name: value for name, value in entered.items() if name != "sent"}


def test_an_old_code_is_expired_and_a_forged_one_invalid(
    issuer: RideCodeIssuer, issuer_id: str, tap: Callable[..., dict[str, Any]]
) -> None:
    old = issuer.issue("anna", _now_ms() - 90_000)
    assert _kind(tap("entry", {"type": "qr", "code": old})) == ("refused", "ride_code_expired")
    forged = RideCodeIssuer(issuer_id, "1", generate_private_key()).issue("anna", _now_ms())
    assert _kind(tap("entry", {"type": "qr", "code": forged})) == ("refused", "ride_code_invalid")


def test_refused_codes_are_counted_by_what_is_wrong(
    server: ServerProcess, tap: Callable[..., dict[str, Any]]
) -> None:
    tap("entry", {"type": "qr", "code": "RC1:"})
    with server.client() as client:
        metrics = client.get("/metrics").text
    assert 'fare_ride_codes_refused_total{fault="truncated"}' in metrics
    assert "truncated" in server.log_path.read_text("utf-8")


def test_a_copy_is_refused_after_the_server_was_killed(
    make_server: Callable[..., ServerProcess], private_key: Ed25519PrivateKey
) -> None:
    server = make_server()
    with server.client(server.admin_key) as admin:
        body = _key(private_key, issuer_id="metro", valid_from="2020-01-01T00:00:00+08:00")
        assert admin.post(ISSUERS, json=body).status_code == 201
    at_ms = _now_ms()
    code = RideCodeIssuer("metro", "1", private_key).issue("anna", at_ms)

    def send(direction: str, number: int) -> dict[str, Any]:
        gate_id = server.gate(direction)
        body = {
            "tap_id": f"{gate_id}.20211124.{number}",
            "gate_id": gate_id,
            "direction": direction,
            "medium": {"type": "qr", "code": code},
            "occurred_at": format_ms(at_ms, ZONE),
        }
        with server.client() as gates:
            found: dict[str, Any] = gates.post("/v1/taps", json=body).json()
        return found

    entered = send("entry", 1)
    server.kill()
    server.restart()
    assert _kind(send("exit", 2)) == ("refused", "ride_code_replayed")
    assert send("entry", 1) == entered


def test_a_rotated_issuer_has_both_keys_until_the_first_is_retired(
    admin: httpx2.Client,
    issuer: RideCodeIssuer,
    issuer_id: str,
    tap: Callable[..., dict[str, Any]],
) -> None:
    new_key = generate_private_key()
    rotated = admin.post(f"{ISSUERS}/{issuer_id}/rotate", json=_key(new_key, "2"))
    assert rotated.status_code == 201, rotated.text
    assert [key["key_id"] for key in rotated.json()["keys"]] == ["1", "2"]
    successor = RideCodeIssuer(issuer_id, "2", new_key)
    later_ms = _now_ms() + 2_000
    for signer in (issuer, successor):
        account = f"anna{new_number()}"
        medium = {"type": "qr", "code": signer.issue(account, later_ms)}
        assert tap("entry", medium)["outcome"] == "entered"

    retired = admin.post(
        f"{ISSUERS}/{issuer_id}/retire", json={"key_id": "1", "reason": "a year old"}
    )
    assert retired.status_code == 200, retired.text
    first = retired.json()["keys"][0]
    assert abs(datetime.fromisoformat(first["valid_to"]).timestamp() - time.time()) < 30
    medium = {"type": "qr", "code": issuer.issue("anna", _now_ms() + 1_000)}
    assert _kind(tap("entry", medium)) == ("refused", "ride_code_invalid")
    medium = {"type": "qr", "code": successor.issue(f"anna{new_number()}", later_ms)}
    assert tap("entry", medium)["outcome"] == "entered"


def test_issuers_are_listed_with_their_keys_and_audited(
    admin: httpx2.Client, issuer: RideCodeIssuer, issuer_id: str, private_key: Ed25519PrivateKey
) -> None:
    issuers = {
        it["issuer_id"]: it for it in admin.get(ISSUERS, params={"limit": 1000}).json()["items"]
    }
    assert issuers[issuer_id]["keys"] == [
        {
            "key_id": "1",
            "algorithm": "Ed25519",
            "public_key": encode_key(public_bytes(private_key)),
            "valid_from": "2020-01-01T00:00:00.000+08:00",
            "valid_to": None,
        }
    ]
    entry = admin.get("/v1/audit", params={"limit": 1}).json()["items"][0]
    assert (entry["action"], entry["subject"]) == ("issuer.added", f"{issuer_id}/1")


@pytest.mark.parametrize(
    ("change", "code", "field"),
    [
        ({"issuer_id": "a.b"}, "invalid-request", "issuer_id"),
        ({"public_key": "A"}, "invalid-request", "public_key"),
        ({"public_key": "AAAA"}, "key-unusable", "public_key"),
        ({"public_key": "+/=="}, "invalid-request", "public_key"),
        ({"algorithm": "RS256"}, "invalid-request", "algorithm"),
        ({"algorithm": "SM2"}, "key-unusable", "public_key"),
        ({"valid_to": "2019-01-01T00:00:00Z"}, "catalogue-invalid", "valid_to"),
        ({"private_key": "secret"}, "invalid-request", "private_key"),
    ],
)
def test_an_invalid_key_is_refused_with_its_field(
    admin: httpx2.Client, change: dict[str, Any], code: str, field: str
) -> None:
    body = _key(generate_private_key(), issuer_id="never") | change
    members = check(admin.post(ISSUERS, json=body), 422, code)
    assert members["errors"][0]["field"] == field
    issuers = admin.get(ISSUERS, params={"limit": 1000}).json()["items"]
    assert "never" not in [it["issuer_id"] for it in issuers]


def test_an_issuer_is_added_once_and_only_keys_that_exist_are_changed(
    admin: httpx2.Client, issuer: RideCodeIssuer, issuer_id: str
) -> None:
    body = _key(generate_private_key())
    check(admin.post(ISSUERS, json=body | {"issuer_id": issuer_id}), 422, "catalogue-invalid")
    check(admin.post(f"{ISSUERS}/none/rotate", json=body), 404, "not-found")
    retire = {"key_id": "9", "reason": "none"}
    check(admin.post(f"{ISSUERS}/{issuer_id}/retire", json=retire), 404, "not-found")


def test_only_an_admin_key_manages_issuers(gates: httpx2.Client, issuer_id: str) -> None:
    body = _key(generate_private_key())
    check(gates.get(ISSUERS), 403, "forbidden")
    check(gates.post(ISSUERS, json=body | {"issuer_id": issuer_id}), 403, "forbidden")
    check(gates.post(f"{ISSUERS}/{issuer_id}/rotate", json=body), 403, "forbidden")
    retire = {"key_id": "1", "reason": "none"}
    check(gates.post(f"{ISSUERS}/{issuer_id}/retire", json=retire), 403, "forbidden")
