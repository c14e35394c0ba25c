"""A real server that is attacked, and the raw connections that do it.

Nothing here knows how the server is made: it is started by its command and spoken to over sockets,
so that any other build of it can be tried (`--server-binary`, or FARE_HOSTILE_BINARY).
"""

import http.client
import json
import re
import select
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

from tests.server_process import ServerProcess, make_data_directory, make_tap, new_card

PATIENCE_SECONDS = 30.0
"""How long an answer is waited for that has to come."""
AT = "2025-03-03T08:10:00.000+08:00"


def start_server(
    binary: Path, data_dir: Path, settings: Mapping[str, object], prefix: Sequence[str] = ()
) -> ServerProcess:
    """A server of this binary on a new data directory as the same binary makes it."""
    return ServerProcess(
        data_dir,
        program=(*prefix, binary),
        setup=make_data_directory(data_dir, binary),
        **{name: str(value) for name, value in settings.items()},
    )


class Answer(NamedTuple):
    """A response as it came over the wire."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def code(self) -> str:
        """What the type of a problem ends with."""
        kind: str = json.loads(self.body)["type"]
        return kind.rpartition("/")[2]


class Hung(Exception):
    """The server closed a connection, or broke it, where an answer was waited for."""


class Line:
    """One raw connection."""

    def __init__(
        self, port: int, source: str = "127.0.0.1", receive_bytes: int | None = None
    ) -> None:
        """From an address of this machine; `receive_bytes` are what the system takes unread."""
        self.socket = socket.socket()
        self.socket.settimeout(PATIENCE_SECONDS)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if receive_bytes is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        self.socket.bind((source, 0))
        self.socket.connect(("127.0.0.1", port))
        self._came = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.socket.close()

    def send(self, content: bytes) -> None:
        """Send it all; what the server no longer wants is lost without a word."""
        with suppress(ConnectionError):
            self.socket.sendall(content)

    def send_as_much_as_goes(self, content: bytes, bytes_max: int) -> int:
        """Repeat a content until the server reads no more; how many bytes went."""
        self.socket.setblocking(False)
        sent = 0
        with suppress(ConnectionError):
            while sent < bytes_max and select.select([], [self.socket], [], 0.5)[1]:
                sent += self.socket.send(content[sent % len(content) :])
        self.socket.settimeout(PATIENCE_SECONDS)
        return sent

    def read(self) -> Answer:
        """The next answer; Hung when none comes any more."""
        head = self._read_until(b"\r\n\r\n").decode("latin-1")
        first, *lines = head[:-4].split("\r\n")
        headers = {}
        for line in lines:
            name, _, value = line.partition(": ")
            headers[name.lower()] = value
        status = int(first.split()[1])
        length = 0 if status < 200 else int(headers.get("content-length", "0"))
        while len(self._came) < length:
            self._receive()
        body, self._came = self._came[:length], self._came[length:]
        return Answer(status, headers, body)

    def read_refusal(self) -> int | None:
        """The status of a refusal, or None where the connection is closed without one."""
        try:
            return self.read().status
        except Hung:
            return None

    def wait_until_closed(self, within_seconds: float = PATIENCE_SECONDS) -> bool:
        """Whether the server closes the connection in this time; what it says before is kept."""
        ends_at = time.monotonic() + within_seconds
        while (left := ends_at - time.monotonic()) > 0:
            if not select.select([self.socket], [], [], left)[0]:
                break
            try:
                self._receive()
            except Hung:
                return True
        return False

    def hang_up(self) -> None:
        """Make a thread that still sends over it stop."""
        with suppress(OSError):  # the server was first
            self.socket.shutdown(socket.SHUT_RDWR)

    def is_open(self) -> bool:
        """Whether the server has not closed the connection until now."""
        return not self.wait_until_closed(0.000_1)

    def _read_until(self, end: bytes) -> bytes:
        while end not in self._came:
            self._receive()
        found, _, self._came = self._came.partition(end)
        return found + end

    def _receive(self) -> None:
        try:
            came = self.socket.recv(65_536)
        except ConnectionError as error:
            raise Hung(str(error)) from None
        if not came:
            raise Hung("the server closed the connection")
        self._came += came


@contextmanager
def open_lines(
    server: ServerProcess, count: int, source: str = "127.0.0.1"
) -> Iterator[list[Line]]:
    """So many connections at once, in the order in which they were opened."""
    with ExitStack() as opened:
        yield [opened.enter_context(Line(server.port, source)) for _ in range(count)]


def request(
    target: str = "/livez",
    *,
    method: str = "GET",
    key: str | None = None,
    headers: Sequence[str] = (),
    body: bytes | None = None,
) -> bytes:
    """A request; with a body, its length."""
    lines = [f"{method} {target} HTTP/1.1", "Host: fare-engine"]
    if key is not None:
        lines.append(f"Authorization: Bearer {key}")
    lines += headers
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + (body or b"")


def tap_body(server: ServerProcess, size: int | None = None) -> bytes:
    """The body of a tap nobody sent yet, with spaces up to a size."""
    body = json.dumps(make_tap(server.gate("entry"), "entry", new_card(), AT)).encode()
    return body if size is None else body.ljust(size)


def tap_request(server: ServerProcess, *headers: str) -> bytes:
    """A tap nobody sent yet, with the gate key."""
    return request(
        "/v1/taps", method="POST", key=server.gate_key, headers=headers, body=tap_body(server)
    )


def call(
    server: ServerProcess, method: str, path: str, body: object = None, key: str = ""
) -> tuple[int, bytes]:
    """A call over a connection of its own, as an operator would make it: status and body."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE_SECONDS)
    headers = {"Content-Type": "application/json"}
    if key:
        headers["Authorization"] = f"Bearer {key}"
    try:
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def send_tap(server: ServerProcess) -> dict[str, Any]:
    """Send a tap of an honest gate over a connection of its own; the decision."""
    with Line(server.port) as line:
        line.send(tap_request(server))
        answer = line.read()
    assert answer.status == 200, answer
    decision: dict[str, Any] = json.loads(answer.body)
    return decision


def measure(server: ServerProcess, name: str) -> float:
    """The sum of a metric over its labels."""
    text = call(server, "GET", "/metrics")[1].decode()
    found = re.findall(rf"^{name}(?:\{{[^}}]*\}})? (\S+)$", text, re.MULTILINE)
    return sum(map(float, found))


def resident_bytes(server: ServerProcess) -> int:
    """Memory of the server's process that is in use."""
    pages = Path(f"/proc/{server.process.pid}/statm").read_text("utf-8").split()[1]
    return int(pages) * 4_096


def count_sockets(server: ServerProcess) -> int:
    """Sockets that the server's process has open."""
    count = 0
    for descriptor in Path(f"/proc/{server.process.pid}/fd").iterdir():
        with suppress(FileNotFoundError):
            count += str(descriptor.readlink()).startswith("socket:")
    return count
