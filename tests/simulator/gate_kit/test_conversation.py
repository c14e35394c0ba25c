"""The conversation of `gate-check`, with a server that keeps the contract and many that do not."""

import json
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from typing import Any

import pytest

from gates.media.issuing import RideCodeIssuer, public_bytes
from simulator.gate_kit.conversation import play
from simulator.gate_kit.place import NoPlace
from simulator.gate_kit.report import format_document, make_document
from simulator.gate_kit.talk import BROKEN, LEFT_OUT, Step, Talk
from tests.gates.media.codes import private_key
from tests.server_process import ServerProcess, new_number
from tests.simulator.gate_kit.meddler import Change, Reply, meddling


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server as `init` made it: other tests publish policies and move gates."""
    process = ServerProcess(
        tmp_path_factory.mktemp("conversation") / "data", FARE_AUTH_FAILURES_PER_MINUTE="1000000"
    )
    yield process
    process.stop()


@pytest.fixture
def talk(server: ServerProcess) -> Iterator[Talk]:
    talk = Talk(server.url, server.gate_key)
    yield talk
    talk.close()


def verdicts(talk: Talk, verdict: str) -> list[str]:
    return [step.name for step in talk.steps if step.verdict == verdict]


def test_this_server_keeps_the_contract_at_every_step(talk: Talk, server: ServerProcess) -> None:
    place = play(talk)
    assert verdicts(talk, BROKEN) == []
    assert verdicts(talk, LEFT_OUT) == ["ride codes, good, used and old"]
    assert place.is_designated, "of the key's controllers it takes one with a pilot"
    crossing = next(step for step in talk.steps if step.name == "exit inside the window")
    assert crossing.answer == "waived same_station_within_window open"
    assert {step.status for step in talk.steps} >= {200, 304, 400, 401, 403, 404, 405, 409, 413}
    document = make_document(server.url, talk.steps, place)
    assert document["passed"]
    text = format_document(document)
    assert "quarantine the tap" in text
    assert server.gate_key not in text
    with server.client() as client:
        known = [client.get(f"/v1/taps/{tap_id}").status_code for tap_id in place.made]
    assert {*known} <= {200, 403, 404}
    assert known.count(200) >= 10, "it says which taps it made"


def test_it_can_be_run_again_and_plays_the_controller_that_it_is_given(talk: Talk) -> None:
    for controller_id in ("FHY-1", None, "FHY-1"):
        place = play(talk, controller_id)
        assert controller_id in (None, place.controller_id)
    assert verdicts(talk, BROKEN) == []


def test_with_the_key_of_a_test_issuer_it_plays_ride_codes(
    talk: Talk, server: ServerProcess
) -> None:
    issuer_id = f"check-{new_number()}"
    issuer = RideCodeIssuer(issuer_id, "1", private_key(9))
    public_key = urlsafe_b64encode(public_bytes(private_key(9))).decode().rstrip("=")
    body = {"issuer_id": issuer_id, "key_id": "1", "algorithm": "Ed25519", "public_key": public_key}
    body["valid_from"] = "2021-01-01T00:00:00+08:00"
    with server.client(server.admin_key) as admin:
        made = admin.post("/v1/ride-code-issuers", json=body)
        assert made.status_code == 201, made.text
    play(talk, "FHY-1", issuer)
    assert verdicts(talk, BROKEN) == verdicts(talk, LEFT_OUT) == []
    answers = {step.name: step.answer for step in talk.steps}
    assert answers["a good ride code"] == "entered entry_opened open"
    assert answers["an old ride code"] == "refused ride_code_expired refuse"


def test_without_a_key_in_force_it_cannot_begin(server: ServerProcess) -> None:
    talk = Talk(server.url, "wrong")
    with pytest.raises(NoPlace, match="401"):
        play(talk)
    talk.close()


def test_a_controller_that_is_not_the_keys_is_no_place(talk: Talk) -> None:
    with pytest.raises(NoPlace, match="does not speak for NOBODY"):
        play(talk, "NOBODY")


def drop(name: str) -> Change:
    return lambda reply: reply._replace(
        headers={n: v for n, v in reply.headers.items() if n.lower() != name}
    )


def members(**changes: Any) -> Change:
    return lambda reply: reply.with_members(**changes)


def answer_by(status: int, instead: int) -> Change:
    return lambda reply: reply._replace(status=instead) if reply.status == status else reply


def as_html(reply: Reply) -> Reply:
    if reply.status < 400:
        return reply
    headers = reply.headers | {"content-type": "text/html"}
    return reply._replace(headers=headers, body=b"<html>error</html>")


def reverse_results(reply: Reply) -> Reply:
    if not reply.body.startswith(b'{"results":['):
        return reply
    return reply.with_members(results=json.loads(reply.body)["results"][::-1])


BREAKING: dict[str, tuple[Change, str]] = {
    "a replay that is not marked": (drop("idempotent-replayed"), "the same tap again"),
    "no ETag": (drop("etag"), "parameters"),
    "a 401 that does not say how": (drop("www-authenticate"), "a wrong key"),
    "a 405 without Allow": (drop("allow"), "another method"),
    "an answer with new digits": (
        lambda reply: reply.with_members(decided_at=str(new_number())),
        "the same tap again",
    ),
    "a fare that is no whole number": (members(fare=0.5), "entry"),
    "a gate that does neither": (members(gate_action="ajar"), "entry"),
    "the decision of another tap": (members(tap_id="other"), "entry"),
    "a crossing that is charged": (
        lambda reply: reply.with_members(
            **({"reason": "window_exceeded"} if b'"waived"' in reply.body else {})
        ),
        "exit inside the window",
    ),
    "errors in HTML": (as_html, "unknown gate"),
    "a conflict that is answered": (answer_by(409, 200), "the same tap_id for another tap"),
    "another status for an unknown gate": (answer_by(404, 422), "unknown gate"),
    "a cut-off body that is passing": (answer_by(400, 500), "a body that is cut off"),
    "parameters sent again": (answer_by(304, 200), "the parameters that you have"),
    "parameters changed on the way": (members(ride_code_validity_seconds=31), "parameters"),
    "results in another order": (reverse_results, "a batch with one bad tap"),
    "a server that is not ready": (answer_by(200, 503), "ready"),
    "an empty list for a decision": (
        lambda reply: reply._replace(body=b"[]") if b'"outcome"' in reply.body else reply,
        "entry",
    ),
}


@pytest.mark.parametrize(("change", "name"), BREAKING.values(), ids=BREAKING.keys())
def test_a_server_that_breaks_the_contract_is_found_out(
    server: ServerProcess, change: Change, name: str
) -> None:
    with meddling(server.url, change) as url:
        talk = Talk(url, server.gate_key)
        try:
            place = play(talk, "FHY-1")
        except NoPlace:
            place = None
        finally:
            talk.close()
    assert name in verdicts(talk, BROKEN)
    assert not make_document(url, talk.steps, place)["passed"]


def test_a_server_of_another_kind_is_no_place(server: ServerProcess) -> None:
    def as_list(reply: Reply) -> Reply:
        return reply._replace(body=b'{"items": [{}], "next_cursor": 5}')

    with meddling(server.url, as_list) as url:
        talk = Talk(url, server.gate_key)
        with pytest.raises(NoPlace):
            play(talk)
        talk.close()


def test_a_step_says_what_a_client_does(talk: Talk) -> None:
    play(talk, "FHY-1")
    steps: dict[str, Step] = {step.name: step for step in talk.steps}
    assert steps["entry"].client == "open, take 0 fen; the tap is done"
    assert steps["a wrong key"].standing == "passing"
    assert steps["unknown gate"].standing == "final"
