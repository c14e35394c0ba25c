"""Too many connections: those without a key make room, and keys and probes are answered."""

import json
import re
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import BinaryIO

import pytest

from api.http.door.listener import DESCRIPTORS_RESERVED
from tests.api.http.raw_http import LIVE, line_to, read_answer, request, tap_of
from tests.server_process import FARE_ENGINE, ServerProcess

Line = tuple[socket.socket, BinaryIO]


@contextmanager
def many_lines(server: ServerProcess, count: int) -> Iterator[list[Line]]:
    """Connections that the server has accepted, in this order."""
    with ExitStack() as stack:
        lines = [stack.enter_context(line_to(server)) for _ in range(count)]
        # The last one is answered only after the others were taken in.
        lines[-1][0].sendall(LIVE)
        assert read_answer(lines[-1][1]).status == 200
        yield lines


def is_closed(line: Line) -> bool:
    """Whether the server has closed a connection at which nothing is being answered."""
    try:
        line[0].sendall(LIVE)
        return line[1].readline() == b""
    except ConnectionError:
        return True


def suspend(server: ServerProcess, line: Line) -> int:
    """Use the kill switch over a connection; the status of the answer."""
    body = json.dumps({"reason": "smoke"})
    line[0].sendall(
        f"POST /v1/stations/FHY/policies/suspend HTTP/1.1\r\nHost: x\r\n"
        f"Authorization: Bearer {server.admin_key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()
    )
    return read_answer(line[1]).status


def count(server: ServerProcess, metric: str) -> int:
    with server.client() as client:
        text = client.get("/metrics").text
    found = re.search(rf"^{re.escape(metric)} (\d+)", text, re.MULTILINE)
    return int(found[1]) if found else 0


@pytest.mark.parametrize(
    ("setting", "limit"),
    [
        ("FARE_CONNECTIONS_MAX", "connections_max"),
        ("FARE_CONNECTIONS_PER_PEER_MAX", "connections_per_peer_max"),
    ],
)
def test_the_oldest_connection_without_a_key_makes_room_and_none_with_one(
    make_server: Callable[..., ServerProcess], setting: str, limit: str
) -> None:
    server = make_server(**{setting: "5"})
    closed = f'fare_connections_closed_total{{limit="{limit}"}}'
    with line_to(server) as known:
        known[0].sendall(request(server, tap_of(server)))
        assert read_answer(known[1]).status == 200
        with many_lines(server, 4) as lines:  # five: met exactly
            assert not any(map(is_closed_by_now, lines))
            with many_lines(server, 1) as more:
                assert is_closed(lines[0])
                for line in (*lines[1:], *more):
                    line[0].sendall(LIVE)
                    assert b"200" in line[1].readline()
        with many_lines(server, 9):
            known[0].sendall(request(server, tap_of(server)))
            assert read_answer(known[1]).status == 200
        assert count(server, closed) >= 5


def is_closed_by_now(line: Line) -> bool:
    line[0].setblocking(False)
    try:
        return line[0].recv(1, socket.MSG_PEEK) == b""
    except BlockingIOError:
        return False
    finally:
        line[0].settimeout(30)


def test_where_all_have_keys_a_new_one_is_answered_once(
    make_server: Callable[..., ServerProcess],
) -> None:
    server = make_server(FARE_CONNECTIONS_MAX="4")
    with many_lines(server, 4) as lines:
        for line, answers in lines:
            line.sendall(request(server, tap_of(server)))
            assert read_answer(answers).status == 200
        for ask in (suspend, is_alive):
            with line_to(server) as late:
                assert ask(server, late) == 200
                if ask is suspend:
                    assert late[1].read() == b""  # and closed: there is no room for it
        for line, answers in lines:
            line.sendall(request(server, tap_of(server)))
            assert read_answer(answers).status == 200


def is_alive(server: ServerProcess, line: Line) -> int:
    line[0].sendall(LIVE)
    return read_answer(line[1]).status


def test_health_metrics_and_the_kill_switch_go_on_when_descriptors_do_not(
    make_server: Callable[..., ServerProcess],
) -> None:
    descriptors = 300
    limited = ("prlimit", f"--nofile={descriptors}:{descriptors}", FARE_ENGINE)
    server = make_server(program=limited)
    with line_to(server) as known, ExitStack() as stack:
        known[0].sendall(request(server, tap_of(server)))
        assert read_answer(known[1]).status == 200
        for _ in range(descriptors * 2):
            stack.enter_context(line_to(server))
        with server.client(server.admin_key) as admin:
            assert admin.get("/readyz").status_code == 200
            assert admin.get("/metrics").status_code == 200
            suspended = "/v1/stations/FHY/policies/suspend"
            assert admin.post(suspended, json={"reason": "smoke"}).status_code == 200
        taps = [tap_of(server) for _ in range(1_000)]
        known[0].sendall(request(server, {"taps": taps}, path="/v1/taps/batch"))
        assert read_answer(known[1]).status == 200
        assert count(server, "fare_accepts_failed_total") == 0
        assert count(server, 'fare_connections{key="none"}') <= descriptors - DESCRIPTORS_RESERVED
    assert "connections_limited_by_descriptors" in server.log_path.read_text("utf-8")


def test_the_soft_limit_of_descriptors_is_raised_to_what_is_needed(
    make_server: Callable[..., ServerProcess],
) -> None:
    server = make_server(program=("prlimit", "--nofile=200:2000", FARE_ENGINE))
    with many_lines(server, 500) as lines:
        assert not any(map(is_closed_by_now, lines))


def test_a_key_that_is_revoked_ends_what_its_connection_may(server: ServerProcess) -> None:
    with server.client(server.admin_key) as admin:
        made = admin.post("/v1/keys", json={"kind": "gate", "name": "x", "stations": ["FHY"]})
        key, key_id = made.json()["key"], made.json()["key_id"]
        call = f"GET /v1/stations HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n\r\n"
        with line_to(server) as (line, answers):
            line.sendall(call.encode())
            assert read_answer(answers).status == 200
            assert admin.delete(f"/v1/keys/{key_id}").status_code in (200, 204)
            line.sendall(call.encode())
            assert read_answer(answers).status == 401


def test_connections_are_counted_by_whether_they_have_a_key(
    make_server: Callable[..., ServerProcess],
) -> None:
    server = make_server()
    with many_lines(server, 3) as lines:
        lines[0][0].sendall(request(server, tap_of(server)))
        assert read_answer(lines[0][1]).status == 200
        assert count(server, 'fare_connections{key="valid"}') == 1
        assert count(server, 'fare_connections{key="none"}') == 3  # with the one that asks
