"""Every wait for a client has an end: 408 where an answer is possible, else the connection closes.

All slow clients of a run come at once, and each is watched to its end. One that drips goes on
sending, a byte at a time, and gains nothing by it.
"""

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.hostile.under_attack import (
    Hung,
    Line,
    call,
    count_sockets,
    open_lines,
    request,
    send_tap,
    start_server,
    tap_body,
    tap_request,
)
from tests.server_process import ServerProcess

DEADLINE_SECONDS = 1
CLOSED_WITHIN_SECONDS = 15
DRIP_SECONDS = 0.1
RECEIVE_BYTES = 4_096


@dataclass
class Slow:
    """A client that does not go on."""

    sent: bytes
    drip: bytes = b""
    answers: int = 0
    """Answers to what it has sent whole."""
    status: int | None = None
    """The last status that it was answered."""
    open_seconds: float = float("inf")

    def play(self, server: ServerProcess) -> None:
        """Send, and wait for the end."""
        with Line(server.port) as line:
            line.send(self.sent)
            for _ in range(self.answers):
                assert line.read().status == 200
            begun = time.monotonic()
            while not line.wait_until_closed(DRIP_SECONDS if self.drip else CLOSED_WITHIN_SECONDS):
                if time.monotonic() > begun + CLOSED_WITHIN_SECONDS:
                    return
                line.send(self.drip)
            self.open_seconds = time.monotonic() - begun
            try:
                self.status = line.read().status
            except Hung:
                self.status = None


def make_clients(server: ServerProcess) -> dict[str, Slow]:
    tap, whole = tap_body(server), tap_request(server)

    def head(path: str, length: str) -> bytes:
        return request(path, method="POST", key=server.admin_key, headers=[length])

    tap_head = head("/v1/taps", f"Content-Length: {len(tap)}")
    block = head("/v1/media/block", "Content-Length: 500")
    chunked = head("/v1/taps", "Transfer-Encoding: chunked")
    return {
        "silent": Slow(b""),
        "an empty line": Slow(b"\r\n"),
        "half a method": Slow(b"PO"),
        "half a request line": Slow(b"POST /v1/ta"),
        "half a URL, dripping": Slow(b"GET /livez?", drip=b"x"),
        "half a header": Slow(b"POST /v1/taps HTTP/1.1\r\nHost: x\r\nX"),
        "headers, dripping": Slow(b"GET /livez HTTP/1.1\r\nHost: x\r\n", drip=b"X: 1\r\n"),
        "no body of a tap": Slow(tap_head),
        "half a body of a tap": Slow(tap_head + tap[:10]),
        "a body of a tap, dripping": Slow(tap_head, drip=b" "),
        "a body in chunks, dripping": Slow(chunked, drip=b"1\r\n \r\n"),
        "half the body of another call": Slow(block + b"{"),
        "the body of another call, dripping": Slow(block, drip=b" "),
        "idle after an answer": Slow(request(), answers=1),
        "idle after a tap": Slow(whole, answers=1),
        "half a second request": Slow(request() + b"GET /l", answers=1),
        "half a second tap": Slow(whole + tap_head + tap[:10], answers=1),
    }


@pytest.fixture(scope="module")
def hurried(
    server_binary: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ServerProcess]:
    """A server with short deadlines."""
    names = ("FIRST_BYTE", "HEAD", "BODY", "WRITE", "KEEP_ALIVE")
    process = start_server(
        server_binary,
        tmp_path_factory.mktemp("hurried") / "data",
        {f"FARE_{name}_SECONDS": DEADLINE_SECONDS for name in names},
    )
    yield process
    process.stop()


@pytest.fixture(scope="module")
def played(hurried: ServerProcess) -> dict[str, Slow]:
    """All slow clients, after their end."""
    clients = make_clients(hurried)
    threads = [threading.Thread(target=one.play, args=(hurried,)) for one in clients.values()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return clients


@pytest.mark.parametrize(
    ("client", "status"),
    [
        ("silent", None),
        ("an empty line", None),
        ("half a method", 408),
        ("half a request line", 408),
        ("half a URL, dripping", 408),
        ("half a header", 408),
        ("headers, dripping", 408),
        ("no body of a tap", 408),
        ("half a body of a tap", 408),
        ("a body of a tap, dripping", 408),
        ("a body in chunks, dripping", 408),
        ("half the body of another call", 408),
        ("the body of another call, dripping", 408),
        ("idle after an answer", None),
        ("idle after a tap", None),
        ("half a second request", 408),
        ("half a second tap", 408),
    ],
)
def test_a_client_that_does_not_go_on_is_let_go(
    played: dict[str, Slow], client: str, status: int | None
) -> None:
    one = played[client]
    assert DEADLINE_SECONDS * 0.9 < one.open_seconds < CLOSED_WITHIN_SECONDS
    assert one.status in {status, 408 if "empty line" in client else status}


@pytest.mark.parametrize("path", ["/openapi.json", "/v1/stations"])
def test_who_reads_no_answers_is_let_go(hurried: ServerProcess, path: str) -> None:
    content = request(path, key=hurried.gate_key) * 100
    before = count_sockets(hurried)
    with Line(hurried.port, receive_bytes=RECEIVE_BYTES) as line:
        line.send_as_much_as_goes(content, 200_000_000)
        ends_at = time.monotonic() + CLOSED_WITHIN_SECONDS
        while count_sockets(hurried) > before:  # its end does not get through to who reads nothing
            assert time.monotonic() < ends_at
            time.sleep(DRIP_SECONDS)


def test_honest_clients_are_answered_meanwhile(hurried: ServerProcess) -> None:
    clients = make_clients(hurried)
    with open_lines(hurried, len(clients)) as lines:
        for line, client in zip(lines, clients.values(), strict=True):
            line.send(client.sent)
        assert send_tap(hurried)["outcome"] == "entered"
        assert call(hurried, "GET", "/readyz")[0] == 200
