"""Every wait of a connection has a deadline, and a stop waits for nobody."""

import json
import re
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from typing import BinaryIO

import pytest

from tests.api.http.raw_http import LIVE, line_to, read_answer, request, tap_of
from tests.server_process import ServerProcess

pytestmark = pytest.mark.slow

SECONDS = 1


@pytest.fixture(scope="module")
def hasty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server that waits a second for everything, and a little longer for slow readers."""
    process = ServerProcess(
        tmp_path_factory.mktemp("hasty") / "data",
        FARE_FIRST_BYTE_SECONDS=str(SECONDS),
        FARE_HEAD_SECONDS=str(SECONDS),
        FARE_BODY_SECONDS=str(SECONDS),
        FARE_KEEP_ALIVE_SECONDS=str(SECONDS),
        FARE_WRITE_SECONDS=str(3 * SECONDS),
    )
    yield process
    process.stop()


def count(server: ServerProcess, metric: str, limit: str) -> int:
    with server.client() as client:
        text = client.get("/metrics").text
    found = re.search(rf'{metric}{{limit="{limit}"}} (\d+)', text)
    return int(found[1]) if found else 0


def half_body(server: ServerProcess, path: str, *more: str) -> bytes:
    whole = request(server, tap_of(server), *more, path=path)
    return whole.replace(server.gate_key.encode(), server.admin_key.encode())[:-10]


def test_silence_ends_a_connection_without_an_answer(hasty: ServerProcess) -> None:
    before = [
        count(hasty, "fare_connections_closed_total", limit)
        for limit in ("first_byte_seconds", "keep_alive_seconds")
    ]
    with line_to(hasty) as (_, silent), line_to(hasty) as (line, answers):
        line.sendall(LIVE + b"\r\n")  # an empty line begins no request
        assert read_answer(answers).status == 200
        assert silent.read() == b""
        assert answers.read() == b""
    after = [
        count(hasty, "fare_connections_closed_total", limit)
        for limit in ("first_byte_seconds", "keep_alive_seconds")
    ]
    assert all(new > old for old, new in zip(before, after, strict=True))


def test_half_a_head_is_answered_408(hasty: ServerProcess) -> None:
    before = count(hasty, "fare_requests_refused_total", "head_seconds")
    halves = (b"P", b"POST /v1/taps", b"GET / HTTP/1.1\r\nHost: x\r\nX")
    with ExitStack() as lines:
        alone = [send_part(lines, hasty, half) for half in halves]
        second = [send_part(lines, hasty, LIVE + half) for half in halves]
        for answers in second:
            assert read_answer(answers).status == 200
        for answers in (*alone, *second):
            check_timed_out(answers)
    assert count(hasty, "fare_requests_refused_total", "head_seconds") == before + 6


def test_half_a_body_is_answered_408(hasty: ServerProcess) -> None:
    before = count(hasty, "fare_requests_refused_total", "body_seconds")
    paths = ("/v1/taps", "/v1/taps/batch", "/v1/media/block")
    with ExitStack() as lines:
        for answers in [send_part(lines, hasty, half_body(hasty, path)) for path in paths]:
            check_timed_out(answers)
    assert count(hasty, "fare_requests_refused_total", "body_seconds") == before + 3


def send_part(lines: ExitStack, server: ServerProcess, part: bytes) -> BinaryIO:
    """Send it over a connection of its own; where its answers come."""
    line, answers = lines.enter_context(line_to(server))
    line.sendall(part)
    return answers


def check_timed_out(answers: BinaryIO) -> None:
    """The last answer is 408, and then the connection ends."""
    answer = read_answer(answers)
    assert (answer.status, answer.body["type"]) == (408, "/problems/request-timeout")
    assert answer.headers["connection"] == "close"
    assert answers.read() == b""


@pytest.mark.parametrize("piece", [b"a", b"\r\n1\r\na"])
def test_a_client_that_sends_now_and_then_has_no_more_time(
    hasty: ServerProcess, piece: bytes
) -> None:
    """The deadline is that of the whole head and of the whole body."""
    chunked = half_body(hasty, "/v1/taps").partition(b"Content-Length")[0]
    beginning = {
        b"a": b"GET /livez HTTP/1.1\r\nHost: x\r\nX: ",
        b"\r\n1\r\na": chunked + b"Transfer-Encoding: chunked\r\n\r\n1\r\na",
    }
    with line_to(hasty) as (line, _):
        line.sendall(beginning[piece])
        line.settimeout(0.05)
        begun = time.monotonic()
        answer = b""
        while not answer:
            assert time.monotonic() < begun + 10
            with suppress(TimeoutError):
                answer = line.recv(100)
            if not answer:
                line.sendall(piece)
    assert answer.startswith(b"HTTP/1.1 408 ")


def test_a_client_that_does_not_read_is_closed(hasty: ServerProcess) -> None:
    before = count(hasty, "fare_connections_closed_total", "write_seconds")
    with line_to(hasty) as (line, _):
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        line.settimeout(30)
        call = b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n"
        with pytest.raises(ConnectionError):
            line.sendall(call * 1_000_000)
    assert count(hasty, "fare_connections_closed_total", "write_seconds") == before + 1


def test_a_client_that_reads_slowly_is_answered_whole(hasty: ServerProcess) -> None:
    """Its deadline is met again and again."""
    pauses, calls = 3, 30
    with line_to(hasty) as (line, answers):
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
        line.sendall(b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n" * calls)
        documents = []
        for _ in range(pauses):
            with line_to(hasty) as (_, silent):
                silent.read()  # a second or two pass
            documents += [read_answer(answers).body for _ in range(calls // pauses)]
    assert all(document == documents[0] for document in documents)


def test_what_is_decided_in_time_is_not_cut_off(hasty: ServerProcess) -> None:
    tap = tap_of(hasty)
    with line_to(hasty) as (line, answers):
        line.sendall(request(hasty, tap))
        assert read_answer(answers).body["tap_id"] == tap["tap_id"]


def test_a_stop_waits_for_no_request_that_is_not_complete(
    make_server: Callable[..., ServerProcess],
) -> None:
    server = make_server()
    halves = [
        b"",
        b"POST /v1/ta",
        LIVE[:-3],
        half_body(server, "/v1/taps"),
        half_body(server, "/v1/media/block"),
        half_body(server, "/v1/taps", "Expect: 100-continue"),
        b"POST /v1/taps HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{",
        LIVE,
        LIVE + half_body(server, "/v1/taps"),
    ]
    with ExitStack() as lines:
        for half in halves:
            line, _ = lines.enter_context(line_to(server))
            line.sendall(half)
        unread, _ = lines.enter_context(line_to(server))
        unread.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        unread.settimeout(0.5)
        with suppress(TimeoutError):
            unread.sendall(b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n" * 100_000)
        begun = time.monotonic()
        assert server.stop() == 0
        assert time.monotonic() - begun < 10  # not the 30 seconds of FARE_SHUTDOWN_SECONDS


def test_a_stop_answers_what_is_complete(make_server: Callable[..., ServerProcess]) -> None:
    server = make_server()
    taps = [tap_of(server) for _ in range(1_000)]
    with line_to(server) as (line, answers):
        line.sendall(request(server, {"taps": taps}, path="/v1/taps/batch"))
        server.process.terminate()
        answer = read_answer(answers)
        assert json.dumps(answer.body).count("entry_opened") == len(taps)
    assert server.stop() == 0
