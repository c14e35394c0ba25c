"""Limits of a request: met exactly it is taken, one above it is refused, and counted."""

import re
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.api.http.raw_http import LIVE, Answer, line_to, read_answer, request, send, tap_of
from tests.server_process import ServerProcess

URL_BYTES_MAX = 300
HEADER_BYTES_MAX = 1_024
HEADERS_MAX = 10
BODY_BYTES_MAX = 2_048


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server whose limits are small."""
    process = ServerProcess(
        tmp_path_factory.mktemp("small") / "data",
        FARE_URL_BYTES_MAX=str(URL_BYTES_MAX),
        FARE_HEADER_BYTES_MAX=str(HEADER_BYTES_MAX),
        FARE_HEADERS_MAX=str(HEADERS_MAX),
        FARE_BODY_BYTES_MAX=str(BODY_BYTES_MAX),
        FARE_UNAUTHENTICATED_BYTES_MAX="400000",
    )
    yield process
    process.stop()


def refused(server: ServerProcess, limit: str) -> int:
    """How many requests were refused for a limit, by the metrics."""
    with server.client() as client:
        text = client.get("/metrics").text
    found = re.search(rf'fare_requests_refused_total{{limit="{limit}"}} (\d+)', text)
    return int(found[1]) if found else 0


def check(answer: Answer, status: int, code: str) -> None:
    assert (answer.status, answer.body["type"]) == (status, f"/problems/{code}")
    assert answer.headers["connection"] == "close"


def get(url: str, *headers: str) -> bytes:
    return "\r\n".join([f"GET {url} HTTP/1.1", "Host: x", *headers, "", ""]).encode()


def test_a_url_as_long_as_allowed_is_taken_and_a_longer_one_refused(small: ServerProcess) -> None:
    fits = "/livez?" + "a" * (URL_BYTES_MAX - 7)
    before = refused(small, "url_bytes_max")
    assert send(small, get(fits)).status == 200
    check(send(small, get(fits + "a")), 414, "url-too-long")
    check(send(small, f"GET {fits}a".encode()), 414, "url-too-long")  # it has not ended
    check(send(small, request(small, {}, path="/v1/taps?" + "a" * 300)), 414, "url-too-long")
    assert refused(small, "url_bytes_max") == before + 3


def test_as_many_headers_as_allowed_are_taken_and_one_more_refused(small: ServerProcess) -> None:
    fits = [f"X-{number}: a" for number in range(HEADERS_MAX - 1)]
    before = refused(small, "headers_max")
    assert send(small, get("/livez", *fits)).status == 200
    check(send(small, get("/livez", *fits, "Y: a")), 431, "headers-too-large")
    unfinished = get("/livez", *fits, "Y: a")[:-2]
    check(send(small, unfinished), 431, "headers-too-large")
    own = 4 - 1  # Host, Authorization, Content-Length
    more = fits[: HEADERS_MAX - own]
    assert send(small, request(small, {}, *more)).status == 422
    check(send(small, request(small, {}, *more, "Y: a")), 431, "headers-too-large")
    assert refused(small, "headers_max") == before + 3


def test_headers_as_large_as_allowed_are_taken_and_larger_ones_refused(
    small: ServerProcess,
) -> None:
    room = HEADER_BYTES_MAX - len("Host: x\r\nX: \r\n")
    before = refused(small, "header_bytes_max")
    assert send(small, get("/livez", "X: " + "a" * room)).status == 200
    assert send(small, get("/livez", f"X: {'a' * room}")[:-1] + b"\n" + LIVE).status == 200
    check(send(small, get("/livez", "X: " + "a" * (room + 1))), 431, "headers-too-large")
    check(send(small, get("/livez", "X: " + "a" * (room + 9))[:-4]), 431, "headers-too-large")
    assert refused(small, "header_bytes_max") == before + 2


def test_headers_at_the_limit_may_come_byte_by_byte(small: ServerProcess) -> None:
    room = HEADER_BYTES_MAX - len("Host: x\r\nX: \r\n")
    with line_to(small) as (line, answers):
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for place in get("/livez", "X: " + "a" * room):
            line.send(bytes([place]))
        assert read_answer(answers).status == 200


@pytest.mark.parametrize("beginning", [b"", b"POST /v1/taps HTTP/1.1\r\nHost: x\r\nX: ", b"GET /"])
def test_what_never_ends_is_refused_while_it_comes(small: ServerProcess, beginning: bytes) -> None:
    with line_to(small) as (line, answers):
        line.sendall(beginning)
        for _ in range(URL_BYTES_MAX + HEADER_BYTES_MAX):
            line.sendall(b"a")
        assert read_answer(answers).status in (400, 414, 431)


def chunked(body: bytes, size: int, extension: bytes = b"", trailers: bytes = b"") -> bytes:
    """A body in chunks of a size."""
    pieces = [body[place : place + size] for place in range(0, len(body), size)]
    chunks = [b"%x%b\r\n%b\r\n" % (len(piece), extension, piece) for piece in pieces]
    return b"".join(chunks) + b"0\r\n" + trailers + b"\r\n"


def in_chunks(server: ServerProcess, body: bytes, path: str = "/v1/taps") -> bytes:
    head = request(server, {}, path=path).partition(b"Content-Length")[0]
    head = head.replace(server.gate_key.encode(), server.admin_key.encode())
    return head + b"Transfer-Encoding: chunked\r\n\r\n" + body


@pytest.mark.parametrize("path", ["/v1/taps", "/v1/taps/batch", "/v1/media/block"])
@pytest.mark.parametrize("size", [1, 7, BODY_BYTES_MAX + 1])
def test_a_body_as_long_as_allowed_is_taken_in_any_chunks_and_a_longer_one_refused(
    small: ServerProcess, path: str, size: int
) -> None:
    fits = b"{}" + b" " * (BODY_BYTES_MAX - 2)
    before = refused(small, "body_bytes_max")
    assert send(small, in_chunks(small, chunked(fits, size), path)).status == 422
    check(send(small, in_chunks(small, chunked(fits + b" ", size), path)), 413, "body-too-large")
    assert refused(small, "body_bytes_max") == before + 1


@pytest.mark.parametrize("path", ["/v1/taps", "/v1/media/block"])
def test_a_length_as_long_as_allowed_is_taken_and_a_longer_one_refused(
    small: ServerProcess, path: str
) -> None:
    head = request(small, {}, path=path).partition(b"Content-Length")[0]
    head = head.replace(small.gate_key.encode(), small.admin_key.encode())
    fits = b"{}" + b" " * (BODY_BYTES_MAX - 2)
    declared = head + b"Content-Length: 0%d\r\n\r\n"
    assert send(small, declared % BODY_BYTES_MAX + fits).status == 422
    for length in (BODY_BYTES_MAX + 1, 10**18):
        check(send(small, declared % length), 413, "body-too-large")


def test_a_body_in_chunks_may_come_byte_by_byte(small: ServerProcess) -> None:
    trailers = b"X-Checksum: 1\r\n"
    body = chunked(b'{"a": 1}', 3, extension=b' ; name="value"', trailers=trailers)
    with line_to(small) as (line, answers):
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for place in in_chunks(small, body) + LIVE:
            line.send(bytes([place]))
        assert read_answer(answers).status == 422
        assert read_answer(answers).status == 200


def test_extensions_and_trailers_have_limits(small: ServerProcess) -> None:
    body = b"{}" + b" " * 200
    line = b";" + b"a" * 254
    assert send(small, in_chunks(small, chunked(b"{}", 1, line))).status == 422
    check(send(small, in_chunks(small, chunked(b"{}", 1, line + b"a"))), 400, "malformed-request")
    check(send(small, in_chunks(small, chunked(body, 1, line))), 400, "malformed-request")
    check(send(small, in_chunks(small, b"2;" + b"a" * 400)), 400, "malformed-request")

    fits = b"X: a\r\n" * HEADERS_MAX
    assert send(small, in_chunks(small, chunked(b"{}", 1, trailers=fits))).status == 422
    many = chunked(b"{}", 1, trailers=fits + b"X: a\r\n")
    check(send(small, in_chunks(small, many)), 431, "headers-too-large")
    large = b"X: " + b"a" * (HEADER_BYTES_MAX - 5) + b"\r\n"
    assert send(small, in_chunks(small, chunked(b"{}", 1, trailers=large))).status == 422
    for more in (b"X: a" + large[4:] + b"Y:\r\n", b"X: " + b"a" * HEADER_BYTES_MAX):
        answer = send(small, in_chunks(small, chunked(b"{}", 1, trailers=more)))
        check(answer, 431, "headers-too-large")


@pytest.mark.parametrize(
    "body",
    [
        b"g\r\n",
        b"-1\r\n{}",
        b"0x2\r\n{}",
        b" 2\r\n{}",
        b"2 \r\n{}",
        b"\r\n",
        b"2\n{}",
        b"2\r\n{} \r\n",
        b"2\r\n{}0\r\n",
        b"00000000000000002\r\n{}",
        b"2;\x00\r\n{}",
        b"0\r\nX\r\n\r\n",
        b"0\r\nX : a\r\n\r\n",
    ],
)
def test_chunks_that_are_none_are_refused(small: ServerProcess, body: bytes) -> None:
    check(send(small, in_chunks(small, body)), 400, "malformed-request")


def test_a_million_chunks_hold_nobody_up(server: ServerProcess) -> None:
    """Without a key the head is refused, with one the body is read in turns."""
    body = b"1\r\n \r\n" * 500_000
    without_key = b"POST /v1/taps HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    with line_to(server) as (line, answers):
        line.sendall(without_key)
        assert read_answer(answers).status == 401
    with line_to(server) as (line, answers), line_to(server) as (other, others):
        line.sendall(in_chunks(server, body))
        other.sendall(request(server, tap_of(server)))
        assert read_answer(others).status == 200
        line.sendall(b"0\r\n\r\n")
        assert read_answer(answers).status == 400  # half a million spaces are no JSON


def test_pipelined_requests_of_any_number_are_answered_in_their_order(small: ServerProcess) -> None:
    taps = [tap_of(small) for _ in range(200)]
    with line_to(small) as (line, answers):
        line.sendall(b"".join(LIVE + request(small, tap) + request(small, {}) for tap in taps))
        for tap in taps:
            assert read_answer(answers).status == 200
            assert read_answer(answers).body["tap_id"] == tap["tap_id"]
            assert read_answer(answers).status == 422


def resident_mb(server: ServerProcess) -> int:
    """The memory of a server, by the kernel."""
    status = Path(f"/proc/{server.process.pid}/status").read_text("ascii")
    found = re.search(r"VmRSS:\s+(\d+) kB", status)
    assert found is not None
    return int(found[1]) // 1_024


@pytest.mark.parametrize("what", ["health", "taps", "batches"])
def test_who_pipelines_and_does_not_read_makes_the_server_hold_little(
    server: ServerProcess, what: str
) -> None:
    requests = {
        "health": LIVE,
        "taps": request(server, {}),
        "batches": request(server, {"taps": [{}] * 300}, path="/v1/taps/batch"),
    }
    data = requests[what] * (100_000 // len(requests[what]) + 1)
    before = resident_mb(server)
    with line_to(server) as (line, _):
        line.settimeout(0.5)
        with suppress(TimeoutError):  # until nothing more is read of it
            while True:
                line.sendall(data)
        with server.client() as client:
            assert client.get("/livez").status_code == 200
        assert resident_mb(server) - before < 64


def test_connections_without_a_key_hold_no_more_than_they_may_together(
    small: ServerProcess,
) -> None:
    half = b"GET /livez HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 900
    lines = [socket.create_connection(("127.0.0.1", small.port), 30) for _ in range(600)]
    for line in lines:
        line.sendall(half)
    deadline = time.monotonic() + 30
    while closed(small, "unauthenticated_bytes_max") < 100:
        assert time.monotonic() < deadline
    for line in lines:
        line.close()
    assert send(small, LIVE).status == 200


def closed(server: ServerProcess, limit: str) -> int:
    """How many connections were closed for a limit, by the metrics."""
    with server.client() as client:
        text = client.get("/metrics").text
    found = re.search(rf'fare_connections_closed_total{{limit="{limit}"}} (\d+)', text)
    return int(found[1]) if found else 0
