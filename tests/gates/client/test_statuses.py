"""What the client makes of every status: final, or passing. Answers come from a raw server."""

import json
from typing import Any

import pytest

from api.contract.problems import KINDS, problem_bytes
from gates.client.blocking import EngineClient
from gates.client.messages import Decision, Medium, Problem, ReportMessage, TapMessage
from gates.errors import AnswerUnreadable, Busy, EngineFailed, KeyRefused, Refused
from tests.gates.raw_server import RawServer

TAP = TapMessage("x.1", "FHY-A-01", "entry", Medium("qr", id="anna"), "2025-03-03T09:00:00+08:00")
OTHER = TapMessage("x.2", "FHY-A-01", "entry", Medium("qr", id="ben"), "2025-03-03T09:00:01+08:00")
DECISION = {
    "tap_id": "x.1",
    "outcome": "entered",
    "reason": "entry_opened",
    "gate_action": "open",
    "fare": 0,
    "fare_waived": 0,
    "currency": "CNY",
    "journey": None,
    "policy_version": 1,
    "tariff_version": 1,
    "decided_at": "2025-03-03T09:00:00.100+08:00",
}
HTML = b"<html><body>nginx says so</body></html>"


def answer(status: int, body: bytes = b"", *headers: str) -> bytes:
    """An answer whose length is never nine, at which the raw server would hang up."""
    lines = [f"HTTP/1.1 {status} Status", f"content-length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def problem_answer(code: str) -> bytes:
    status, headers, body = problem_bytes(code, "why")
    others = [f"{name.decode()}: {text.decode()}" for name, text in headers]
    return answer(status, body, *(line for line in others if not line.startswith("content-l")))


def ask(answers: list[bytes], deadline_s: float = 5.0) -> Decision:
    with RawServer(answers) as engine, EngineClient(engine.url, "key") as client:
        return client.decide(TAP, deadline_s)


def send_batch(results: Any) -> list[Decision | Problem]:
    body = json.dumps({"results": results}, indent=1).encode()
    with RawServer([answer(200, body)]) as engine, EngineClient(engine.url, "key") as client:
        return client.upload([TAP, OTHER])


@pytest.mark.parametrize(
    "code",
    [code for code, kind in KINDS.items() if kind.status < 500 and kind.status not in (408, 429)],
)
def test_every_4xx_of_the_engine_but_401_408_and_429_is_final(code: str) -> None:
    expected = KeyRefused if code == "unauthorized" else Refused
    with pytest.raises(expected):
        ask([problem_answer(code)])


@pytest.mark.parametrize(
    "status", [400, 403, 404, 405, 407, 409, 414, 415, 421, 422, 425, 431, 451]
)
@pytest.mark.parametrize("body", [b"", HTML, b'{"type": "about:blank", "status": 400}'])
def test_a_4xx_that_the_engine_did_not_say_decides_nothing(status: int, body: bytes) -> None:
    with pytest.raises(AnswerUnreadable):
        ask([answer(status, body, "content-type: text/html")])


def test_a_body_that_is_too_large_for_a_proxy_is_too_large_for_good() -> None:
    with pytest.raises(Refused):
        ask([answer(413, HTML)])


@pytest.mark.parametrize("status", [201, 202, 204, 206, 300, 301, 302, 304, 307, 308])
def test_what_is_neither_an_answer_nor_an_error_decides_nothing(status: int) -> None:
    with pytest.raises(EngineFailed):
        ask([answer(status, b"", "location: http://127.0.0.1:1/")], 0.2)


@pytest.mark.parametrize("status", [408, 429, 500, 501, 502, 503, 504, 507, 599])
def test_a_status_that_passes_is_asked_again_in_html_too(status: int) -> None:
    decided = ask([answer(status, HTML), answer(200, json.dumps(DECISION).encode())])
    assert decided.outcome == "entered"


@pytest.mark.parametrize("retry_after", ["60", "99999999999", "9" * 400])
def test_who_asks_for_a_longer_pause_than_there_is_time_is_not_asked_again(
    retry_after: str,
) -> None:
    with pytest.raises(Busy) as caught:
        ask([answer(429, b"", f"retry-after: {retry_after}")])
    assert caught.value.retry_after_s is not None
    assert caught.value.retry_after_s >= 60


@pytest.mark.parametrize("retry_after", ["Wed, 21 Oct 2015 07:28:00 GMT", "-5", "soon", ""])
def test_a_pause_that_is_no_number_of_seconds_is_ours(retry_after: str) -> None:
    decided = ask(
        [
            answer(503, b"", f"retry-after: {retry_after}"),
            answer(200, json.dumps(DECISION).encode()),
        ]
    )
    assert decided.outcome == "entered"


def test_interim_answers_are_waited_through() -> None:
    interim = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n"
    assert ask([interim + answer(200, json.dumps(DECISION).encode())]).outcome == "entered"


def test_a_protocol_that_nobody_asked_for_decides_nothing() -> None:
    with pytest.raises(EngineFailed):
        ask(
            [b"HTTP/1.1 101 Switching Protocols\r\nupgrade: h2c\r\nconnection: upgrade\r\n\r\n"],
            0.2,
        )


@pytest.mark.parametrize(
    "body",
    [HTML, b"", b"null", b"[]", json.dumps(DECISION).encode()[:-20], b'{"tap_id": "x.1"}'],
)
def test_a_200_that_is_no_whole_decision_decides_nothing(body: bytes) -> None:
    with pytest.raises(AnswerUnreadable):
        ask([answer(200, body)])


def test_a_200_for_another_tap_decides_nothing() -> None:
    body = json.dumps(DECISION | {"tap_id": "x.2"}).encode()
    with pytest.raises(AnswerUnreadable, match="another tap"):
        ask([answer(200, body)])
    with RawServer([answer(200, body)]) as engine, EngineClient(engine.url, "key") as client:
        report = ReportMessage("open", 0, passed=False)
        with pytest.raises(AnswerUnreadable, match="another tap"):
            client.report("x.1", report)


CONFLICT = {"type": "/problems/tap-conflict", "title": "t", "status": 409, "detail": "d"}


def test_a_problem_stands_for_its_tap_however_it_is_spelled() -> None:
    for failed in ({"problem": CONFLICT, "tap_id": "x.1"}, {"tap_id": None, "problem": CONFLICT}):
        first, second = send_batch([failed, DECISION | {"tap_id": "x.2"}])
        assert isinstance(first, Problem)
        assert first.is_final
        assert isinstance(second, Decision)


@pytest.mark.parametrize(
    "results",
    [
        [{"tap_id": "x.2", "problem": CONFLICT}, DECISION | {"tap_id": "x.2"}],
        [DECISION | {"tap_id": "x.2"}, DECISION],
        [DECISION],
        [DECISION, DECISION | {"tap_id": "x.2"}, DECISION],
        [],
    ],
    ids=["a problem of another", "exchanged", "too few", "too many", "none"],
)
def test_results_that_are_not_those_of_the_batch_decide_nothing(results: Any) -> None:
    with pytest.raises(AnswerUnreadable):
        send_batch(results)


def test_not_modified_is_an_answer_only_to_who_asked_for_changes() -> None:
    unchanged = [answer(304), answer(304)]
    with RawServer(unchanged) as engine, EngineClient(engine.url, "key") as client:
        assert client.fetch_parameters("FHY-1", "known") is None
        with pytest.raises(AnswerUnreadable):
            client.fetch_parameters("FHY-1", None)
