"""A card number in the wrong field: refused where a person typed it, never stored anywhere."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.api.contract.test_problems import check
from tests.server_process import ServerProcess, make_tap

AT = "2021-11-25T08:00:00.000+08:00"
OFFLINE = {"gate_action_taken": "open", "fare_taken": 0}

CARD = "9988776655443322"
SPELLINGS = (CARD, "9988 7766 5544 3322", "\uff19\uff19\uff18\uff18776655443322")
NAME = {"zh": "\u5361", "en": "card"}
POLICY = {"window_seconds": 900, "media": ["qr"], "designated_gates": ["FHY-A-01"]}
MODE = {"mode": "time_free", "effective_from": AT, "effective_to": AT}
STARTS = {"effective_from": "2999-01-01T00:00:00+08:00"}

Body = dict[str, Any]
Texts = tuple[str, str, str, Callable[[str], Body]]

TYPED: tuple[Texts, ...] = (
    ("POST", "/v1/stations/FHY/policies/suspend", "reason", lambda text: {"reason": text}),
    ("POST", "/v1/stations/FHY/policies/resume", "reason", lambda text: {"reason": text}),
    ("POST", "/v1/stations/FHY/modes", "reason", lambda text: MODE | {"reason": text}),
    (
        "POST",
        "/v1/stations/FHY/modes/end",
        "reason",
        lambda text: {"mode": "time_free", "reason": text},
    ),
    ("POST", "/v1/stations/FHY/policies", "note", lambda text: POLICY | STARTS | {"note": text}),
    (
        "POST",
        "/v1/media/block",
        "reason",
        lambda text: {"medium": {"type": "qr", "id": "lost2"}, "reason": text},
    ),
    (
        "POST",
        "/v1/media/unblock",
        "reason",
        lambda text: {"medium": {"type": "qr", "id": "lost2"}, "reason": text},
    ),
    ("POST", "/v1/keys", "name", lambda text: {"kind": "admin", "name": text}),
    (
        "PUT",
        "/v1/gates/FHY-T-01",
        "controller",
        lambda text: {"station_id": "FHY", "directions": ["exit"], "controller": text},
    ),
    (
        "POST",
        "/v1/media-types",
        "name.zh",
        lambda text: {"code": "new", "name": NAME | {"zh": text}, "id_pattern": "[a-z]+"},
    ),
    (
        "POST",
        "/v1/media-types",
        "name.en",
        lambda text: {"code": "new", "name": NAME | {"en": text}, "id_pattern": "[a-z]+"},
    ),
    (
        "POST",
        "/v1/media-types",
        "id_pattern",
        lambda text: {"code": "new", "name": NAME, "id_pattern": text},
    ),
    (
        "POST",
        "/v1/ride-code-issuers/NONE/retire",
        "reason",
        lambda text: {"key_id": "1", "reason": text},
    ),
    ("POST", "/v1/adjustments/999999/release", "reason", lambda text: {"reason": text}),
    ("POST", "/v1/adjustments/999999/refuse", "reason", lambda text: {"reason": text}),
)


def list_files_with_it(server: ServerProcess) -> list[str]:
    """The files of the data directory, and the log, in which the number stands."""
    files = [*server.data_dir.rglob("*"), server.log_path]
    return [str(path) for path in files if path.is_file() and CARD.encode() in read(path)]


def read(path: Path) -> bytes:
    """A file as digits alone, but for what stands between letters."""
    return re.sub(rb"[ -]", b"", path.read_bytes())


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize(
    ("method", "path", "field", "make_body"), TYPED, ids=[f"{one[1]} {one[2]}" for one in TYPED]
)
def test_a_person_is_refused_at_once(
    server: ServerProcess,
    admin: httpx2.Client,
    method: str,
    path: str,
    field: str,
    make_body: Callable[[str], Body],
    spelling: str,
) -> None:
    answer = admin.request(method, path, json=make_body(f"of {spelling}"))
    members = check(answer, 422, "invalid-request")
    assert field in {fault["field"] for fault in members["errors"]}
    assert "four digits" in answer.text
    assert spelling not in answer.text
    assert list_files_with_it(server) == []


def test_a_tariffs_note_is_looked_at_too(admin: httpx2.Client) -> None:
    rules = admin.get("/v1/tariffs/1").json()["rules"]
    answer = admin.post("/v1/tariffs", json=rules | STARTS | {"note": CARD})
    assert check(answer, 422, "invalid-request")["errors"][0]["field"] == "note"


def test_a_code_of_a_medium_type_is_no_number(admin: httpx2.Client) -> None:
    request = {"code": CARD, "name": NAME, "id_pattern": "[a-z]+"}
    answer = admin.post("/v1/media-types", json=request)
    assert check(answer, 422, "invalid-request")["errors"][0]["field"] == "code"


def test_dates_with_times_may_stand_in_a_reason(admin: httpx2.Client) -> None:
    reason = "from 2021-11-24 08:15 until 2021-11-24T09:30:00+08:00, tap FHY-A-01.20211124.000173"
    for action in ("suspend", "resume"):
        answer = admin.post(f"/v1/stations/FHY/policies/{action}", json={"reason": reason})
        assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_in_a_gates_cause_it_is_masked_and_the_report_counts(
    server: ServerProcess, gates: httpx2.Client, spelling: str
) -> None:
    tap = make_tap("FHY-A-01", "entry", "3104870512345678", AT)
    assert gates.post("/v1/taps", json=tap).status_code == 200
    path = f"/v1/taps/{tap['tap_id']}"
    report = OFFLINE | {"passed": False, "cause": f"card {spelling} read twice at 08:15"}
    assert gates.post(f"{path}/report", json=report).status_code == 200
    found = gates.get(path).json()["report"]
    assert (found["passed"], found["cause"]) == (False, "card **** read twice at 08:15")
    contradicts = report | {"passed": True}
    assert gates.post(f"{path}/report", json=contradicts).status_code == 200
    assert gates.post(f"{path}/report", json=report).status_code == 200
    assert gates.get(path).json()["conflicts"] == 1
    assert list_files_with_it(server) == []


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"medium": {"type": CARD, "id": "x"}}, "unknown-medium"),
        ({"medium": {"type": CARD, "token": "0" * 32}}, "unknown-medium"),
        ({"medium": {"type": "9988-7766-5544-3322", "id": "x"}}, "unknown-medium"),
        ({"medium": {"type": "tianfutong", "id": f"{CARD}x"}}, "medium-id-invalid"),
        ({"medium": {"type": "qr", "id": f"{CARD} {CARD}"}}, "medium-id-invalid"),
    ],
)
def test_in_a_wrong_field_of_a_tap_it_is_not_kept(
    server: ServerProcess,
    gates: httpx2.Client,
    admin: httpx2.Client,
    change: Body,
    reason: str,
) -> None:
    tap = make_tap("FHY-A-01", "entry", "3104870512345678", AT, offline=OFFLINE)
    tap["tap_id"] = f"T.{tap['tap_id']}"
    tap |= change
    first = gates.post("/v1/taps", json=tap)
    assert (first.status_code, first.json()["reason"]) == (200, reason)
    again = gates.post("/v1/taps", json=tap)
    assert again.content == first.content
    (result,) = gates.post("/v1/taps/batch", json={"taps": [tap]}).json()["results"]
    assert result == first.json(), "the same tap is the same whichever way it comes"
    del tap["offline"]
    assert gates.post("/v1/taps", json=tap).content == first.content
    (result,) = gates.post("/v1/taps/batch", json={"taps": [tap]}).json()["results"]
    assert result == first.json()
    live = tap | {"tap_id": f"{tap['tap_id']}x"}
    assert CARD not in gates.post("/v1/taps", json=live).text
    waiting = admin.get("/v1/quarantine", params={"limit": 1_000}).json()["items"]
    (item,) = [item for item in waiting if item["tap_id"] == tap["tap_id"]]
    assert item["problem"] == reason
    for text in (str(item), str(admin.get(f"/v1/taps/{tap['tap_id']}").json())):
        assert CARD not in text.replace("-", "").replace(".", "")
    assert list_files_with_it(server) == []


@pytest.mark.parametrize("gate_id", [CARD, "G-9988.7766.5544.3322"])
def test_a_tap_with_a_number_as_its_unknown_gate_is_not_kept(
    server: ServerProcess, gates: httpx2.Client, gate_id: str
) -> None:
    tap = make_tap(gate_id, "entry", "3104870512345678", AT)
    check(gates.post("/v1/taps", json=tap), 404, "unknown-gate")
    offline = tap | {"offline": OFFLINE}
    members = check(gates.post("/v1/taps", json=offline), 422, "invalid-request")
    assert members["errors"][0]["field"] == "gate_id"
    own = make_tap("FHY-A-01", "entry", "3104870512345678", AT)
    results = gates.post("/v1/taps/batch", json={"taps": [offline, own, tap]}).json()["results"]
    assert results[0]["problem"]["errors"][0]["field"] == "gate_id"
    assert results[1]["tap_id"] == own["tap_id"]
    assert results[2]["problem"]["type"] == "/problems/unknown-gate"
    assert list_files_with_it(server) == []


def test_a_registered_gate_may_be_called_by_a_number(
    gates: httpx2.Client, admin: httpx2.Client
) -> None:
    gate_id = "0268000123"
    gate = {"station_id": "FHY", "directions": ["entry"]}
    assert admin.put(f"/v1/gates/{gate_id}", json=gate).is_success
    for more in ({}, {"offline": OFFLINE}):
        tap = make_tap(gate_id, "entry", "3104870512345678", AT, **more)
        assert gates.post("/v1/taps", json=tap).status_code == 200


def test_in_a_conflict_it_is_not_kept(
    server: ServerProcess, gates: httpx2.Client, admin: httpx2.Client
) -> None:
    tap = make_tap("FHY-A-01", "entry", "3104870512345678", AT)
    assert gates.post("/v1/taps", json=tap).status_code == 200
    for change in ({"gate_id": CARD}, {"medium": {"type": CARD, "token": "0" * 32}}):
        for body in (tap | change, tap | change | {"offline": OFFLINE}):
            assert gates.post("/v1/taps", json=body).status_code in (403, 409, 422)
            assert gates.post("/v1/taps/batch", json={"taps": [body]}).status_code == 200
    assert CARD not in admin.get("/v1/conflicts", params={"limit": 1_000}).text
    assert list_files_with_it(server) == []


@pytest.mark.parametrize(
    "code_id",
    [
        *(CARD, "acct-a", "c1", "", "619db8c0.metro", "619db8c0.metro.31"),
        *("619db8c0.metro.3132333435363738393a3b3c3d3e3f4041", "619DB8C0.metro.3132333435363738"),
        *("619db8c0..3132333435363738", "619db8c0.metro.3132333435363738\n"),
    ],
)
def test_a_code_id_is_that_of_a_ride_code(
    server: ServerProcess, gates: httpx2.Client, code_id: str
) -> None:
    for medium in ({"type": "qr", "id": "acct-a"}, {"type": "qr", "token": "0" * 32}):
        tap = make_tap("FHY-A-01", "entry", "", AT) | {"medium": medium | {"code_id": code_id}}
        for body in (tap, tap | {"offline": OFFLINE}):
            members = check(gates.post("/v1/taps", json=body), 422, "invalid-request")
            assert members["errors"][0]["field"] == "medium.code_id"
            (result,) = gates.post("/v1/taps/batch", json={"taps": [body]}).json()["results"]
            assert result["problem"]["errors"][0]["field"] == "medium.code_id"
    assert list_files_with_it(server) == []
