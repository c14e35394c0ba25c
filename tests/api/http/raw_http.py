"""HTTP by hand, over a plain socket: what no client library would send."""

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, NamedTuple

from tests.server_process import ServerProcess, make_tap, new_card

AT = "2025-03-03T08:10:00.000+08:00"
LIVE = b"GET /livez HTTP/1.1\r\nHost: fare-engine\r\n\r\n"


class Answer(NamedTuple):
    """A response as it came over the wire."""

    status: int
    headers: dict[str, str]
    body: dict[str, Any]


@contextmanager
def line_to(server: ServerProcess) -> Iterator[tuple[socket.socket, BinaryIO]]:
    address = ("127.0.0.1", server.port)
    with socket.create_connection(address, timeout=30) as line, line.makefile("rb") as answers:
        yield line, answers


def read_answer(answers: BinaryIO) -> Answer:
    status = int(answers.readline().split()[1])
    headers: dict[str, str] = {}
    while (text := answers.readline().decode().strip()) != "":
        name, _, value = text.partition(": ")
        headers[name.lower()] = value
    return Answer(status, headers, json.loads(answers.read(int(headers["content-length"]))))


def tap_of(server: ServerProcess, direction: str = "entry", card: str | None = None) -> Any:
    return make_tap(server.gate(direction), direction, card or new_card(), AT)


def request(
    server: ServerProcess, tap: Any, *more: str, path: str = "/v1/taps", version: str = "1.1"
) -> bytes:
    body = json.dumps(tap)
    head = [
        f"POST {path} HTTP/{version}",
        "Host: fare-engine",
        f"Authorization: Bearer {server.gate_key}",
        f"Content-Length: {len(body)}",
        *more,
    ]
    return ("\r\n".join(head) + "\r\n\r\n" + body).encode()


def send(server: ServerProcess, data: bytes) -> Answer:
    """The answer to bytes on a connection of their own."""
    with line_to(server) as (line, answers):
        line.sendall(data)
        return read_answer(answers)
