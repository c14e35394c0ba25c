"""What needs no key: it is cheap, it is answered the same, and it fills neither memory nor log."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hostile.under_attack import (
    Line,
    call,
    measure,
    open_lines,
    request,
    resident_bytes,
    send_tap,
    start_server,
    tap_request,
)
from tests.server_process import ServerProcess

TLS_HELLO = bytes.fromhex(
    "16030100a5010000a10303000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
    "20000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
)
BODY_BYTES = 1_000_000
"""Just within the limit, as it is by default."""
HELD_UP_SECONDS_MAX = 5.0
FAILURES_MAX = 10


@pytest.fixture(scope="module")
def strict(
    server_binary: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ServerProcess]:
    """A server that soon limits failed authentications."""
    settings = {"FARE_AUTH_FAILURES_PER_MINUTE": FAILURES_MAX}
    process = start_server(server_binary, tmp_path_factory.mktemp("strict") / "data", settings)
    yield process
    process.stop()


@pytest.mark.parametrize(
    "garbage",
    [
        pytest.param(TLS_HELLO, id="a TLS hello"),
        pytest.param(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0", id="HTTP/2"),
        pytest.param(b"GET /livez\r\n\r\n", id="HTTP/0.9"),
        pytest.param(b"GET /livez HTTP/9.9\r\n\r\n", id="HTTP/9.9"),
        pytest.param(b"SSH-2.0-OpenSSH_9.6\r\n\r\n", id="SSH"),
        pytest.param(b"\0" * 100, id="zeros"),
        pytest.param(bytes(range(128, 256)) * 10, id="high bytes"),
        pytest.param(b"GET /livez HTTP/1.1\r\n: x\r\n\r\n", id="a header without a name"),
        pytest.param(b"GET /livez HTTP/1.1\r\nHost: x\r\nX: \0\r\n\r\n", id="a zero in a header"),
        pytest.param(b"GET /livez HTTP/1.1\r\nHost: x\r\nX : 1\r\n\r\n", id="a space in a name"),
        pytest.param(
            b"POST /v1/taps HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
            id="a length below 0",
        ),
        pytest.param(
            b"POST /v1/taps HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            id="two lengths",
        ),
    ],
)
def test_what_is_not_http_is_refused_and_hung_up_on(roomy: ServerProcess, garbage: bytes) -> None:
    with Line(roomy.port) as line:
        line.send(garbage)
        assert line.read_refusal() in {None, 400, 401, 408, 431, 505}
        assert line.wait_until_closed()
    assert call(roomy, "GET", "/livez")[0] == 200


def test_who_has_closed_its_half_still_gets_its_answers(roomy: ServerProcess) -> None:
    for content in (request(), tap_request(roomy), request("/v1/stations", key=roomy.gate_key)):
        with Line(roomy.port) as line:
            line.send(content)
            line.socket.shutdown(socket.SHUT_WR)
            assert line.read().status == 200
            assert line.wait_until_closed()


@pytest.mark.parametrize("cut", [0, 10, 60, -5])
def test_half_a_request_and_a_closed_half_is_the_end(roomy: ServerProcess, cut: int) -> None:
    with Line(roomy.port) as line:
        line.send(tap_request(roomy)[:cut])
        line.socket.shutdown(socket.SHUT_WR)
        assert line.wait_until_closed()


@pytest.mark.parametrize("path", ["/v1/taps", "/v1/taps/batch", "/v1/media/block", "/v1/nothing"])
@pytest.mark.parametrize(
    "more", [["Content-Length: 60000"], ["Transfer-Encoding: chunked"], ["Expect: 100-continue"]]
)
def test_without_a_key_a_request_is_refused_before_its_body(
    roomy: ServerProcess, path: str, more: list[str]
) -> None:
    headers = more if "Expect" not in more[0] else [*more, "Content-Length: 60000"]
    for key in (None, "fe_gate_wrong"):
        with Line(roomy.port) as line:
            line.send(request(path, method="POST", key=key, headers=headers))
            assert line.read().status == 401
            assert line.wait_until_closed()


@pytest.mark.parametrize("path", ["/v1/taps", "/v1/media/block"])
def test_with_a_valid_key_a_client_is_asked_for_its_body(roomy: ServerProcess, path: str) -> None:
    headers = ["Expect: 100-continue", "Content-Length: 2"]
    with Line(roomy.port) as line:
        line.send(request(path, method="POST", key=roomy.admin_key, headers=headers))
        assert line.read().status == 100
        line.send(b"{}")
        assert line.read().status == 422


@pytest.mark.parametrize("path", ["/v1/taps", "/v1/media/block", "/livez"])
def test_a_body_in_single_bytes_holds_nobody_up(strict: ServerProcess, path: str) -> None:
    """6 MB of chunks, with a valid key and without: others are answered meanwhile."""
    send_tap(strict)
    before = resident_bytes(strict)
    heads = [
        request(path, method="POST", key=key, headers=["Transfer-Encoding: chunked"])
        for key in (None, strict.admin_key)
    ]
    rest = b"1\r\n \r\n" * BODY_BYTES + b"0\r\n\r\n"
    longest = 0.0
    with open_lines(strict, len(heads)) as lines:
        senders = [
            threading.Thread(target=line.send, args=(head + rest,))
            for line, head in zip(lines, heads, strict=True)
        ]
        for sender in senders:
            sender.start()
        for _ in range(30):
            begun = time.monotonic()
            assert send_tap(strict)["outcome"] == "entered"
            longest = max(longest, time.monotonic() - begun)
        for line, sender in zip(lines, senders, strict=True):
            line.read_refusal()
            line.hang_up()
            sender.join()
    assert longest < HELD_UP_SECONDS_MAX
    assert resident_bytes(strict) - before < 64 * 2**20


def test_wrong_keys_are_counted_limited_and_logged_in_a_few_lines(strict: ServerProcess) -> None:
    begun = len(strict.log_path.read_text("utf-8"))
    names = [f"fare_authentications_{name}_total" for name in ("failed", "limited")]
    before = [measure(strict, name) for name in names]
    statuses = []
    for number in range(1_000):
        path = "/v1/keys" if number % 2 else "/v1/taps"
        with Line(strict.port, "127.0.0.2") as line:
            line.send(request(path, method="POST", key=f"fe_admin_wrong_{number}", body=b"{}"))
            statuses.append(line.read().status)
    assert statuses == [401] * FAILURES_MAX + [429] * (1_000 - FAILURES_MAX)
    with Line(strict.port, "127.0.0.2") as gate:
        gate.send(tap_request(strict))
        assert gate.read().status == 200
    with Line(strict.port, "127.0.0.3") as other:
        other.send(request("/v1/keys", key="fe_admin_wrong"))
        assert other.read().status == 401
    counted = [measure(strict, name) - value for name, value in zip(names, before, strict=True)]
    assert counted == [1_001, 1_000 - FAILURES_MAX]
    log = strict.log_path.read_text("utf-8")[begun:]
    assert "127.0.0.2" in log
    assert "fe_admin_wrong" not in log
    assert len(log) < 10_000


def test_a_storm_of_bad_requests_is_a_short_log(strict: ServerProcess) -> None:
    begun = len(strict.log_path.read_text("utf-8"))
    storm = [
        b"GET /" + b"x" * 9_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /\nstopped failed=False\r\n\r\n",
        TLS_HELLO + b"\r\n\r\n",
        request("/wp-login.php"),
        request("/livez", method="DELETE"),
    ]
    before = measure(strict, "fare_problems_total")
    for _ in range(200):
        for content in storm:
            with Line(strict.port, "127.0.0.4") as line:
                line.send(content)
                assert line.read().status >= 400
    log = strict.log_path.read_text("utf-8")[begun:]
    assert measure(strict, "fare_problems_total") == before + 200 * len(storm)
    assert "127.0.0.4" in log
    assert len(log) < 20_000
    assert max(map(len, ["", *log.splitlines()])) < 1_000
    assert "stopped" not in log


def test_a_client_that_hangs_up_in_the_middle_leaves_nothing_behind(
    roomy: ServerProcess,
) -> None:
    tap = tap_request(roomy)
    for place in range(0, len(tap), 7):
        with Line(roomy.port) as line:
            line.send(tap[:place])
            if place % 2:  # a reset instead of an orderly end
                linger = (1).to_bytes(4, "little") + bytes(4)
                line.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    decided = json.loads(tap.partition(b"\r\n\r\n")[2])["tap_id"]
    assert call(roomy, "GET", f"/v1/taps/{decided}", key=roomy.gate_key)[0] == 404
    assert send_tap(roomy)["outcome"] == "entered"
