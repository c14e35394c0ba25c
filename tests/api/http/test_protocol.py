"""The tap routes speak HTTP/1.1 as any server does: byte by byte, over a plain socket."""

import json
import socket

from tests.api.http.raw_http import AT, line_to, read_answer, request, tap_of
from tests.server_process import ServerProcess, make_tap, new_card


def test_pipelined_requests_are_answered_in_their_order(server: ServerProcess) -> None:
    card = new_card()
    taps = [tap_of(server, "entry", card), tap_of(server, "exit", card)]
    with line_to(server) as (line, answers):
        live = b"GET /livez HTTP/1.1\r\nHost: fare-engine\r\n\r\n"
        line.sendall(request(server, taps[0]) + live + request(server, taps[1]) + live)
        first, one, second, two = [read_answer(answers) for _ in range(4)]
    assert first.body["reason"] == "entry_opened"
    assert second.body["reason"] == "same_station_within_window"
    assert [one.status, two.status] == [200, 200]
    assert "reason" not in one.body


def test_a_request_that_comes_byte_by_byte_is_one_request(server: ServerProcess) -> None:
    tap = tap_of(server)
    with line_to(server) as (line, answers):
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for place in request(server, tap):
            line.send(bytes([place]))
        assert read_answer(answers).body["tap_id"] == tap["tap_id"]


def test_a_chunked_body_is_taken(server: ServerProcess) -> None:
    tap = tap_of(server)
    body = json.dumps(tap).encode()
    head = request(server, tap).partition(b"Content-Length")[0]
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(c), c) for c in (body[:20], body[20:])) + b"0\r\n\r\n"
    with line_to(server) as (line, answers):
        line.sendall(head + b"Transfer-Encoding: chunked\r\n\r\n" + chunks)
        assert read_answer(answers).body["tap_id"] == tap["tap_id"]


def test_a_client_that_waits_for_100_continue_gets_it(server: ServerProcess) -> None:
    whole = request(server, tap_of(server), "Expect: 100-continue")
    head, _, body = whole.partition(b"\r\n\r\n")
    with line_to(server) as (line, answers):
        line.sendall(head + b"\r\n\r\n")
        assert answers.readline() == b"HTTP/1.1 100 Continue\r\n"
        assert answers.readline() == b"\r\n"
        line.sendall(body)
        assert read_answer(answers).status == 200


def test_a_client_that_wants_the_connection_closed_gets_it_closed(server: ServerProcess) -> None:
    for version, more in (("1.1", ["Connection: close"]), ("1.0", [])):
        with line_to(server) as (line, answers):
            line.sendall(request(server, tap_of(server), *more, version=version))
            answer = read_answer(answers)
            assert (answer.status, answer.headers["connection"]) == (200, "close")
            assert answers.read() == b""


def test_a_body_over_the_limit_is_refused_before_it_is_read_whole(server: ServerProcess) -> None:
    head = request(server, {}).partition(b"Content-Length")[0]
    with line_to(server) as (line, answers):
        line.sendall(head + b"Content-Length: 100000000\r\n\r\n")
        try:
            for _ in range(100):
                line.sendall(b" " * 100_000)
        except ConnectionError:
            pass  # the server has hung up already
        try:
            answer = read_answer(answers)
        except ConnectionError:
            return  # it was lost with the rest of what we still sent
    assert (answer.status, answer.body["type"]) == (413, "/problems/body-too-large")


def test_a_body_at_the_limit_of_a_batch_is_taken_whole(server: ServerProcess) -> None:
    taps = [tap_of(server) for _ in range(1_000)]
    with line_to(server) as (line, answers):
        line.sendall(request(server, {"taps": taps}, path="/v1/taps/batch?trace=1"))
        results = read_answer(answers).body["results"]
    assert [result["tap_id"] for result in results] == [tap["tap_id"] for tap in taps]
    assert {result["reason"] for result in results} == {"entry_opened"}


def test_a_client_that_hangs_up_does_not_hurt_the_others(server: ServerProcess) -> None:
    taps = [tap_of(server) for _ in range(20)]
    for tap in taps:
        with line_to(server) as (line, _):
            line.sendall(request(server, tap))
    with server.client() as client:
        for tap in taps:
            assert client.post("/v1/taps", json=tap).json()["reason"] == "entry_opened"


def test_in_a_batch_the_taps_of_foreign_gates_fail_alone(server: ServerProcess) -> None:
    with server.client(server.admin_key) as admin:
        made = admin.post("/v1/keys", json={"kind": "gate", "name": "x", "stations": ["FHY"]})
        assert made.status_code == 201, made.text
    other = server.other_station["station_id"]
    foreign = make_tap(server.gate("entry", station=other), "entry", new_card(), AT)
    bad = {"tap_id": "bad.1"}
    mine = [tap_of(server), tap_of(server)]
    with server.client(made.json()["key"]) as client:
        answer = client.post("/v1/taps/batch", json={"taps": [foreign, mine[0], bad, mine[1]]})
    results = answer.json()["results"]
    assert [result["tap_id"] for result in results] == [
        foreign["tap_id"],
        mine[0]["tap_id"],
        "bad.1",
        mine[1]["tap_id"],
    ]
    assert results[0]["problem"]["type"] == "/problems/gate-not-yours"
    assert results[2]["problem"]["type"] == "/problems/invalid-request"
    assert [results[place]["outcome"] for place in (1, 3)] == ["entered", "entered"]
