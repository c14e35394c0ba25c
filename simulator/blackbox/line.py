"""A connection to an engine that may be gone at any moment; one request waits on it at a time."""

import asyncio
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from simulator.delivery.http_client import Connection

ANSWER_MAX_S: Final = 120.0
"""An engine that neither answers nor hangs up for so long, though nothing is wrong, is stuck."""

_REPLAYED: Final = b"\r\nidempotent-replayed: true\r\n"


class Reply(NamedTuple):
    """An answer; `replayed` is whether it is marked as a repeated one."""

    status: int
    body: bytes
    replayed: bool


class Line(Connection):
    """One kept connection that also sees the heads of answers."""

    def __init__(self) -> None:
        super().__init__()
        self._received = b""

    def data_received(self, data: bytes) -> None:
        """Keep the answer as it came."""
        self._received += data
        super().data_received(data)

    async def ask_one(self, request: bytes, patience_s: float = ANSWER_MAX_S) -> Reply:
        """Send a request and wait for its answer; ConnectionError when none will come.

        TimeoutError where none came in time: nobody waits for it any more.
        """
        self._received = b""
        answer = self.ask(request)
        await asyncio.wait([answer], timeout=patience_s)
        if not answer.done():
            answer.cancel()
            self.close()
            raise TimeoutError(f"a request was not answered within {patience_s:g} s")
        status, body = answer.result()
        head = self._received.partition(b"\r\n\r\n")[0].lower() + b"\r\n"
        return Reply(status, body, _REPLAYED in head)


async def open_line(url: str) -> Line:
    """Connect; OSError while nobody listens."""
    address = urlsplit(url)
    assert address.hostname is not None
    assert address.port is not None
    loop = asyncio.get_running_loop()
    return (await loop.create_connection(Line, address.hostname, address.port))[1]


def get_bytes(path: str, key: str) -> bytes:
    """A GET as it goes over the wire."""
    return (
        f"GET {path} HTTP/1.1\r\nhost: fare-engine\r\nauthorization: Bearer {key}\r\n\r\n"
    ).encode()
