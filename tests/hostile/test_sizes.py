"""How large a request may be: met exactly it is taken, one above it is refused, on every route."""

import json

import pytest

from tests.hostile.conftest import BODY_BYTES_MAX
from tests.hostile.under_attack import Answer, Line, request, tap_body
from tests.server_process import ServerProcess

URL_BYTES_MAX = 8_192
HEADERS_MAX = 64
HEADER_BYTES_MAX = 16_384
MEGABYTES = 50_000_000

ROUTES = pytest.mark.parametrize("path", ["/livez", "/v1/stations", "/v1/taps", "/v1/taps/batch"])
AROUND = pytest.mark.parametrize("more", [-1, 0, 1])


def make_request(server: ServerProcess, path: str, query: str = "", *headers: str) -> bytes:
    """A request that is answered 200 where it is within the limits; with three headers or four."""
    body = None
    if path.startswith("/v1/taps"):
        body = tap_body(server)
        body = b'{"taps": [' + body + b"]}" if path.endswith("batch") else body
    method = "GET" if body is None else "POST"
    return request(path + query, method=method, key=server.gate_key, headers=headers, body=body)


def ask(server: ServerProcess, content: bytes) -> Answer:
    with Line(server.port) as line:
        line.send(content)
        return line.read()


@ROUTES
@AROUND
def test_the_length_of_a_url_is_limited(roomy: ServerProcess, path: str, more: int) -> None:
    query = "?x=".ljust(URL_BYTES_MAX + more - len(path), "x")
    answer = ask(roomy, make_request(roomy, path, query))
    assert answer.status == (414 if more > 0 else 200)
    assert answer.status == 200 or answer.code == "url-too-long"


@ROUTES
@AROUND
def test_the_number_of_headers_is_limited(roomy: ServerProcess, path: str, more: int) -> None:
    own = make_request(roomy, path).partition(b"\r\n\r\n")[0].count(b"\r\n")
    headers = [f"X-{number}: 1" for number in range(HEADERS_MAX + more - own)]
    answer = ask(roomy, make_request(roomy, path, "", *headers))
    assert answer.status == (431 if more > 0 else 200)
    assert answer.status == 200 or answer.code == "headers-too-large"


@ROUTES
@AROUND
def test_the_bytes_of_headers_are_limited(roomy: ServerProcess, path: str, more: int) -> None:
    """Counted are the lines of the headers with their line ends."""
    lines = make_request(roomy, path, "", "X: ").partition(b"\r\n\r\n")[0]
    own = len(lines.partition(b"\r\n")[2]) + 2
    head = make_request(roomy, path, "", "X: " + "x" * (HEADER_BYTES_MAX + more - own))
    answer = ask(roomy, head)
    assert answer.status == (431 if more > 0 else 200)
    assert answer.status == 200 or answer.code == "headers-too-large"


def taking(content: bytes, size: int) -> bytes:
    """A body in chunks of a size."""
    pieces = [content[place : place + size] for place in range(0, len(content), size)]
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


@AROUND
@pytest.mark.parametrize("chunk", [None, BODY_BYTES_MAX + 1, 4_096, 7, 1])
@pytest.mark.parametrize("path", ["/v1/taps", "/v1/media/block"])
def test_the_bytes_of_a_body_are_limited_however_it_is_cut(
    roomy: ServerProcess, path: str, chunk: int | None, more: int
) -> None:
    key = roomy.gate_key if path == "/v1/taps" else roomy.admin_key
    size = BODY_BYTES_MAX + more
    medium = {"medium": {"type": "tianfutong", "id": "3104870512345678"}, "reason": "lost"}
    body = tap_body(roomy, size) if path == "/v1/taps" else json.dumps(medium).encode().ljust(size)
    headers = ["Content-Type: application/json"]
    if chunk is None:
        content = request(path, method="POST", key=key, headers=headers, body=body)
    else:
        headers.append("Transfer-Encoding: chunked")
        content = request(path, method="POST", key=key, headers=headers) + taking(body, chunk)
    answer = ask(roomy, content)
    assert answer.status == (413 if more > 0 else 200)
    assert answer.status == 200 or answer.code == "body-too-large"


@pytest.mark.parametrize("path", ["/v1/taps", "/v1/media/block"])
def test_a_body_that_says_it_is_too_long_is_refused_before_it_comes(
    roomy: ServerProcess, path: str
) -> None:
    head = request(path, method="POST", key=roomy.admin_key, headers=["Content-Length: 99999999"])
    assert ask(roomy, head).status == 413


@pytest.mark.parametrize(
    ("begin", "repeat", "statuses"),
    [
        pytest.param("GET /", "x", {400, 414}, id="a URL"),
        pytest.param("", "X", {400}, id="a method"),
        pytest.param("\r\n", "\r\n", {400}, id="empty lines"),
        pytest.param("GET /livez HTTP/1.1\r\nHost: x\r\nX: ", "x", {431}, id="a header"),
        pytest.param("GET /livez HTTP/1.1\r\nHost: x\r\n", "x", {431}, id="a header's name"),
        pytest.param("GET /livez HTTP/1.1\r\nHost: x\r\n", "X: 1\r\n", {431}, id="headers"),
        pytest.param(
            "POST /v1/taps HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer KEY\r\n"
            "Transfer-Encoding: chunked\r\n\r\n",
            "0" * 16,
            {400},
            id="the length of a chunk",
        ),
        pytest.param(
            "POST /v1/taps HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer KEY\r\n"
            "Transfer-Encoding: chunked\r\n\r\n1;",
            "x",
            {400, 413, 431},
            id="the extension of a chunk",
        ),
        pytest.param(
            "POST /v1/taps HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer KEY\r\n"
            "Transfer-Encoding: chunked\r\n\r\n",
            "1;" + "x" * 200 + "\r\n \r\n",
            {400, 413, 431},
            id="extensions of chunks",
        ),
        pytest.param(
            "POST /v1/taps HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer KEY\r\n"
            "Transfer-Encoding: chunked\r\n\r\n0\r\n",
            "X: 1\r\n",
            {400, 431},
            id="trailers",
        ),
        pytest.param(
            "POST /v1/media/block HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer KEY\r\n"
            "Transfer-Encoding: chunked\r\n\r\n",
            "1\r\n \r\n",
            {413},
            id="chunks",
        ),
    ],
)
def test_what_has_no_end_is_refused_while_it_comes(
    roomy: ServerProcess, begin: str, repeat: str, statuses: set[int]
) -> None:
    """Were it read to its end, as many megabytes would be held."""
    with Line(roomy.port) as line:
        line.send(begin.replace("KEY", roomy.gate_key).encode())
        sent = line.send_as_much_as_goes(repeat.encode() * (100_000 // len(repeat)), MEGABYTES)
        status = line.read_refusal()
        assert status in statuses or (status is None and sent < MEGABYTES)
        assert line.wait_until_closed()
