"""docs/vectors: generated from the code, and each replayed by what it is about."""

import hashlib
import hmac
import json
from typing import Any

import pytest

from gates.client.blocking import EngineClient
from gates.client.messages import Medium, Problem, TapMessage
from gates.errors import EngineFailed, Refused
from simulator.gate_kit.vectors.__main__ import FOLDER, VECTORS, render
from simulator.gate_kit.vectors.stories import list_stories
from simulator.gate_kit.vectors.taps import read_body, summarise
from tests.gates.raw_server import RawServer
from tests.server_process import ServerProcess

TAP = TapMessage("x.1", "FHY-A-01", "entry", Medium("qr", id="anna"), "2025-03-03T09:00:00+08:00")


def read(name: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text("utf-8"))
    return document


@pytest.mark.parametrize("name", VECTORS)
def test_the_committed_vectors_are_those_that_the_code_makes(name: str) -> None:
    committed = (FOLDER / f"{name}.json").read_text("utf-8")
    assert committed == render(name), "run: python -m simulator.gate_kit.vectors"


def test_no_other_vectors_are_committed() -> None:
    assert {path.stem for path in FOLDER.iterdir()} == set(VECTORS)


def test_a_real_server_answers_the_taps_as_the_vectors_say(server: ServerProcess) -> None:
    stories = read("taps")["stories"]
    assert len(stories) == len(list_stories())
    with server.client() as client:
        for story in stories:
            for step in story["steps"]:
                headers = {"Content-Type": "application/json"}
                answer = client.post(step["path"], content=read_body(step), headers=headers)
                got = summarise(answer.status_code, set(answer.headers), answer.json())
                assert got == step["expect"], story["name"]


def test_the_window_and_every_kind_of_refusal_are_among_the_stories() -> None:
    steps = [step for story in read("taps")["stories"] for step in story["steps"]]
    elapsed = {step["expect"].get("elapsed_ms"): step["expect"].get("reason") for step in steps}
    assert elapsed[899_999] == elapsed[900_000] == "same_station_within_window"
    assert elapsed[900_001] == "window_exceeded"
    assert {step["expect"]["status"] for step in steps} == {200, 400, 404, 409, 422}
    assert any(step["expect"].get("replayed") for step in steps)


def test_the_tokens_are_what_the_contract_says_of_them() -> None:
    vectors = read("tokens")
    key = bytes.fromhex(vectors["token_key"])
    for case in vectors["cases"]:
        text = f"{case['type']}:{case['id']}".encode()
        assert hmac.new(key, text, hashlib.sha256).hexdigest()[:32] == case["token"]


def test_every_fault_of_a_ride_code_has_a_vector() -> None:
    cases = read("ride_codes")["cases"]
    assert {case["reason"] for case in cases if not case["good"]} == {
        "ride_code_invalid",
        "ride_code_expired",
    }
    assert len({case["fault"] for case in cases if not case["good"]}) >= 8
    ages = [case["name"] for case in cases if "millisecond" in case["name"]]
    assert len(ages) == 4


@pytest.mark.parametrize("row", read("statuses")["statuses"], ids=lambda row: str(row["status"]))
def test_the_client_takes_every_status_as_the_vectors_say(row: dict[str, Any]) -> None:
    status = row["status"]
    if row["standing"] == "answer" or status < 200:
        return  # decisions and interim answers have tests of their own
    body = json.dumps({"type": "/problems/x", "title": "x", "status": status}).encode()
    head = f"HTTP/1.1 {status} Status\r\ncontent-length: {len(body)}\r\n\r\n"
    expected = Refused if row["standing"] == "final" else EngineFailed
    with (
        RawServer([head.encode() + body]) as engine,
        EngineClient(engine.url, "key") as client,
        pytest.raises(expected),
    ):
        client.decide(TAP, 0.05)
    problem = Problem("/problems/x", status)
    assert problem.is_final == (row["standing"] == "final")


def test_every_problem_is_as_final_as_its_status() -> None:
    for row in read("statuses")["problems"]:
        assert Problem(row["type"], row["status"]).is_final == (row["standing"] == "final")
