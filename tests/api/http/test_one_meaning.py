"""A request means the same however it is written, and on every route.

What is not legal is refused the same everywhere. The bytes are those that clients send.
"""

import json
from collections.abc import Callable

import pytest

from tests.api.http.raw_http import Answer, line_to, read_answer, send, tap_of
from tests.server_process import ServerProcess, new_card

JAVA = """\
{method} {target} HTTP/1.1\r
Connection: Upgrade, HTTP2-Settings\r
Content-Length: {length}\r
Host: 127.0.0.1:8000\r
HTTP2-Settings: AAEAAEAAAAIAAAAAAAMAAAAAAAQBAAAAAAUAAEAAAAYABgAA\r
Upgrade: h2c\r
User-Agent: Java-http-client/17.0.15\r
Authorization: Bearer {key}\r
Content-Type: application/json\r
\r
{body}"""

CURL = """\
{method} {target} HTTP/1.1\r
Host: 127.0.0.1:8000\r
User-Agent: curl/7.88.1\r
Accept: */*\r
Connection: Upgrade, HTTP2-Settings\r
Upgrade: h2c\r
HTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r
Authorization: Bearer {key}\r
Content-Type: application/json\r
Content-Length: {length}\r
\r
{body}"""

WEBSOCKET = """\
{method} {target} HTTP/1.1\r
Host: 127.0.0.1:8000\r
Connection: keep-alive, Upgrade\r
Upgrade: websocket\r
Sec-WebSocket-Version: 13\r
Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r
Authorization: Bearer {key}\r
Content-Type: application/json\r
Content-Length: {length}\r
\r
{body}"""

PLAIN = """\
{method} {target} HTTP/1.1\r
Host: fare-engine\r
Authorization: Bearer {key}\r
Content-Type: application/json\r
{more}Content-Length: {length}\r
\r
{body}"""

FORMS = {"java": JAVA, "curl": CURL, "websocket": WEBSOCKET, "plain": PLAIN}


def fill(
    form: str,
    server: ServerProcess,
    *,
    target: str = "/v1/taps",
    method: str = "POST",
    body: object = None,
    key: str | None = None,
    more: str = "",
) -> bytes:
    text = "" if body is None else json.dumps(body)
    return form.format(
        method=method,
        target=target,
        key=key or server.gate_key,
        length=len(text),
        body=text,
        more=more,
    ).encode()


@pytest.mark.parametrize("form", FORMS)
def test_an_upgrade_is_answered_over_http_1_1_on_every_route(
    server: ServerProcess, form: str
) -> None:
    card = new_card()
    entry, leave = tap_of(server, "entry", card), tap_of(server, "exit", card)
    report = {"gate_action_taken": "open", "fare_taken": 0, "passed": True}
    lost = {"type": "tianfutong", "id": new_card()}
    calls = [
        fill(FORMS[form], server, body=entry),
        fill(FORMS[form], server, target="/v1/taps/batch", body={"taps": [leave]}),
        fill(FORMS[form], server, target=f"/v1/taps/{leave['tap_id']}/report", body=report),
        fill(
            FORMS[form],
            server,
            target="/v1/media/block",
            body={"medium": lost, "reason": "lost"},
            key=server.admin_key,
        ),
        fill(FORMS[form], server, target="/v1/stations", method="GET"),
        fill(FORMS[form], server, target="/livez", method="GET"),
    ]
    with line_to(server) as (line, answers):
        line.sendall(b"".join(calls))  # one behind the other: none swallows the next
        first, batch, reported, blocked, *others = [read_answer(answers) for _ in calls]
    assert first.body["reason"] == "entry_opened"
    assert batch.body["results"][0]["reason"] == "same_station_within_window"
    assert reported.status == 200
    assert blocked.status in (200, 201), blocked
    assert [answer.status for answer in others] == [200, 200]


@pytest.mark.parametrize(
    "target",
    [
        "http://fare-engine{path}",
        "HTTP://127.0.0.1:8000{path}",
        "https://[::1]:8443{path}",
        "/v1/../{path}",
        "/./{path}",
        "{path}?trace=1",
    ],
)
@pytest.mark.parametrize("path", ["v1/taps", "v1/stations/FHY/policies/suspend"])
def test_a_target_means_its_path_on_every_route(
    server: ServerProcess, target: str, path: str
) -> None:
    target = target.format(path=path if target.startswith("/") else "/" + path)
    target = target if target.startswith(("/", "h", "H")) else "/" + target
    answer = send(server, fill(PLAIN, server, target=target, body={}, key=server.admin_key))
    assert (answer.status, answer.body["type"]) == (422, "/problems/invalid-request")


def test_an_escaped_letter_is_the_letter_on_every_route(server: ServerProcess) -> None:
    for target in ("/v1/%74aps", "/%76%31/taps/%62atch", "/v1%2Ftaps", "/v1/%2e/taps"):
        answer = send(server, fill(PLAIN, server, target=target, body={}))
        assert (answer.status, answer.body["type"]) == (422, "/problems/invalid-request"), target
    for target in ("/%6Civez", "/%2e%2e/livez", "/x/%2E%2E/livez"):
        assert send(server, fill(PLAIN, server, target=target, method="GET")).status == 200


def test_two_slashes_are_not_one(server: ServerProcess) -> None:
    for target in ("//v1/taps", "/v1//taps", "/v1/taps/", "/v1/taps/."):
        answer = send(server, fill(PLAIN, server, target=target, body={}))
        assert (answer.status, answer.body["type"]) == (404, "/problems/not-found"), target


def test_an_absolute_target_without_a_path_is_the_root(server: ServerProcess) -> None:
    for target in ("http://fare-engine", "http://fare-engine?a=b"):
        answer = send(server, fill(PLAIN, server, target=target, method="GET"))
        assert answer.body["name"] == "fare-engine"


def test_options_of_the_server_is_answered(server: ServerProcess) -> None:
    with line_to(server) as (line, answers):
        line.sendall(b"OPTIONS * HTTP/1.1\r\nHost: fare-engine\r\n\r\n")
        assert answers.readline() == b"HTTP/1.1 204 No Content\r\n"


ILLEGAL: dict[str, Callable[[bytes], bytes]] = {
    "no host": lambda call: call.replace(b"Host: fare-engine\r\n", b""),
    "two hosts": lambda call: call.replace(b"Host:", b"Host: fare-engine\r\nHost:"),
    "a host with a space": lambda call: call.replace(b"Host: fare", b"Host: a fare"),
    "a host with a path": lambda call: call.replace(b"Host: fare", b"Host: a/fare"),
    "a host with a user": lambda call: call.replace(b"Host: fare", b"Host: a@fare"),
    "two keys": lambda call: call.replace(b"Authorization:", b"Authorization: x\r\nAUTHORIZATION:"),
    "the key twice": lambda call: call.replace(
        line := next(line for line in call.split(b"\r\n") if line.startswith(b"Authorization")),
        line + b"\r\n" + line,
    ),
    "two types": lambda call: call.replace(b"Content-Type:", b"Content-Type: a/b\r\nContent-Type:"),
    "two lengths": lambda call: call.replace(
        b"Content-Length:", b"Content-Length: 2\r\nContent-Length:"
    ),
    "length and chunks": lambda call: call.replace(
        b"Content-Length:", b"Transfer-Encoding: chunked\r\nContent-Length:"
    ),
    "chunks and length": lambda call: call.replace(
        b"\r\n\r\n", b"\r\nTransfer-Encoding: chunked\r\n\r\n"
    ),
    "two codings": lambda call: call.replace(
        b"Content-Length: 2",
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
    ),
    "an unknown coding": lambda call: call.replace(
        b"Content-Length: 2", b"Transfer-Encoding: gzip, chunked"
    ),
    "a coding that is not chunked": lambda call: call.replace(
        b"Content-Length: 2", b"Transfer-Encoding: identity"
    ),
    "chunks in HTTP/1.0": lambda call: call.replace(b"HTTP/1.1", b"HTTP/1.0").replace(
        b"Content-Length: 2", b"Transfer-Encoding: chunked"
    ),
    "a length with a sign": lambda call: call.replace(b"Content-Length: 2", b"Content-Length: +2"),
    "two lengths in one": lambda call: call.replace(b"Content-Length: 2", b"Content-Length: 2, 2"),
    "an empty length": lambda call: call.replace(b"Content-Length: 2", b"Content-Length:"),
    "two expectations": lambda call: call.replace(
        b"\r\n\r\n", b"\r\nExpect: 100-continue\r\nExpect: 100-continue\r\n\r\n"
    ),
    "a folded header": lambda call: call.replace(b"\r\n\r\n", b"\r\nX: a\r\n b\r\n\r\n"),
    "a space before the colon": lambda call: call.replace(b"\r\n\r\n", b"\r\nX : a\r\n\r\n"),
    "a zero byte": lambda call: call.replace(b"\r\n\r\n", b"\r\nX: \x00\r\n\r\n"),
    "a bare carriage return": lambda call: call.replace(b"\r\n\r\n", b"\r\nX: a\rb\r\n\r\n"),
    "a bare line feed": lambda call: call.replace(b"\r\n\r\n", b"\r\nX: a\nY: b\r\n\r\n"),
    "a fragment": lambda call: call.replace(b" HTTP/1.1", b"#top HTTP/1.1"),
    "another scheme": lambda call: call.replace(b"POST /", b"POST ftp://fare-engine/"),
    "a user in the target": lambda call: call.replace(b"POST /", b"POST http://a@fare-engine/"),
    "a target without a slash": lambda call: call.replace(b"POST /", b"POST "),
    "a letter outside ASCII": lambda call: call.replace(b" HTTP/1.1", b"\xc3\xa9 HTTP/1.1"),
    "a space in the target": lambda call: call.replace(b" HTTP/1.1", b" x HTTP/1.1"),
    "an unknown method": lambda call: call.replace(b"POST ", b"PLAY "),
    "a method in small letters": lambda call: call.replace(b"POST ", b"post "),
}


@pytest.mark.parametrize("what", ILLEGAL)
@pytest.mark.parametrize(
    "target", ["/v1/taps", "/v1/taps/batch", "/v1/media/block", "/livez", "/nothing"]
)
def test_what_is_not_legal_is_refused_the_same_on_every_route(
    server: ServerProcess, what: str, target: str
) -> None:
    call = fill(PLAIN, server, target=target, body={}, key=server.admin_key)
    changed = ILLEGAL[what](call)
    assert changed != call
    with line_to(server) as (line, answers):
        line.sendall(changed)
        answer = read_answer(answers)
        assert answers.read() == b""
    assert (answer.status, answer.body["type"]) == (400, "/problems/malformed-request")
    assert answer.headers["connection"] == "close"


def test_http_1_0_needs_no_host(server: ServerProcess) -> None:
    for target, status in (("/v1/taps", 422), ("/v1/media/block", 422), ("/livez", 405)):
        call = fill(PLAIN, server, target=target, body={}, key=server.admin_key)
        call = call.replace(b"HTTP/1.1", b"HTTP/1.0").replace(b"Host: fare-engine\r\n", b"")
        assert send(server, call).status == status


def close_of(server: ServerProcess, data: bytes) -> Answer:
    """The answer to what is no request that could be answered; the connection ends with it."""
    with line_to(server) as (line, answers):
        line.sendall(data)
        answer = read_answer(answers)
        assert answers.read() == b""
        return answer


@pytest.mark.parametrize(
    "data",
    [
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x12\x04\x00\x00\x00\x00\x00",
        b"PRI * HTTP/2.0\r\n",
        b"POST /v1/taps HTTP/2.0\r\nHost: x\r\n\r\n",
        b"GET /livez HTTP/3.0\r\n",
        b"GET /livez HTTP/1.2\r\nHost: x\r\n\r\n",
        b"GET /livez HTTP/0.9\r\n\r\n",
    ],
)
def test_another_version_of_http_is_named_as_such(server: ServerProcess, data: bytes) -> None:
    answer = close_of(server, data)
    assert (answer.status, answer.body["type"]) == (505, "/problems/http-version-not-supported")


@pytest.mark.parametrize(
    "data",
    [
        b"GET /livez\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"{}",
        b"garbage\r\n",
        b"G" * 40,
        b"GET /livez HTTP/1.1 \r\n",
        b"GET  /livez HTTP/1.1\r\n",
        b"\r\n" * 9,
    ],
)
def test_what_can_become_no_request_is_refused_before_it_ends(
    server: ServerProcess, data: bytes
) -> None:
    answer = close_of(server, data)
    assert (answer.status, answer.body["type"]) == (400, "/problems/malformed-request")


def test_connect_is_refused(server: ServerProcess) -> None:
    answer = send(server, b"CONNECT fare-engine:443 HTTP/1.1\r\nHost: fare-engine:443\r\n\r\n")
    assert (answer.status, answer.body["type"]) == (405, "/problems/method-not-allowed")


def test_another_expectation_is_refused_on_every_route(server: ServerProcess) -> None:
    for target in ("/v1/taps", "/v1/media/block", "/livez"):
        call = fill(PLAIN, server, target=target, body={}, more="Expect: 200-ok\r\n")
        answer = send(server, call)
        assert (answer.status, answer.body["type"]) == (417, "/problems/expectation-failed")


@pytest.mark.parametrize("target", ["/v1/taps", "/v1/taps/batch", "/v1/media/block"])
@pytest.mark.parametrize(("key", "length", "status"), [("wrong", 100, 401), ("", 100_000_000, 413)])
def test_100_continue_is_not_sent_to_whom_it_would_not_help(
    server: ServerProcess, target: str, key: str, length: int, status: int
) -> None:
    call = fill(PLAIN, server, target=target, key=key or server.admin_key)
    head = call.replace(
        b"Content-Length: 0", b"Expect: 100-continue\r\nContent-Length: %d" % length
    )
    answer = close_of(server, head)  # were 100 Continue sent, it would be read here
    assert answer.status == status


@pytest.mark.parametrize("target", ["/v1/taps", "/v1/media/block"])
def test_100_continue_is_sent_where_the_body_is_wanted(server: ServerProcess, target: str) -> None:
    call = fill(PLAIN, server, target=target, body={}, key=server.admin_key)
    head, _, body = call.partition(b"\r\n\r\n")
    with line_to(server) as (line, answers):
        line.sendall(head + b"\r\nExpect: 100-Continue\r\n\r\n")
        assert answers.readline() == b"HTTP/1.1 100 Continue\r\n"
        assert answers.readline() == b"\r\n"
        line.sendall(body)
        assert read_answer(answers).status == 422


@pytest.mark.parametrize("target", ["/v1/taps", "/v1/taps/batch", "/v1/media/block", "/v1/x"])
def test_without_a_key_no_body_is_waited_for(server: ServerProcess, target: str) -> None:
    call = fill(PLAIN, server, target=target, key="wrong")
    for length in (b"Content-Length: 1000", b"Transfer-Encoding: chunked"):
        answer = close_of(server, call.replace(b"Content-Length: 0", length))
        assert (answer.status, answer.body["type"]) == (401, "/problems/unauthorized")


def test_a_client_that_closes_its_half_is_answered(server: ServerProcess) -> None:
    card = new_card()
    calls = [
        fill(PLAIN, server, body=tap_of(server, "entry", card)),
        fill(PLAIN, server, target="/v1/stations", method="GET"),
        fill(PLAIN, server, body=tap_of(server, "exit", card)),
    ]
    with line_to(server) as (line, answers):
        line.sendall(b"".join(calls))
        line.shutdown(1)
        first, stations, second = [read_answer(answers) for _ in calls]
        assert answers.read() == b""
    assert first.body["reason"] == "entry_opened"
    assert stations.status == 200
    assert second.body["reason"] == "same_station_within_window"
