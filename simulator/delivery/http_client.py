"""The least that speaks HTTP/1.1: a driver must cost little beside the server it measures."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any


class WrongAnswer(Exception):
    """A figure over refused taps would be none."""


class Connection(asyncio.Protocol):
    """One kept connection; requests are answered in order. Bodies have a Content-Length."""

    def __init__(self) -> None:
        self._buffer = b""
        self._waiting: deque[asyncio.Future[tuple[int, bytes]]] = deque()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: Any) -> None:
        """Keep the transport."""
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        """Every request that waits fails."""
        for future in self._waiting:
            if not future.done():
                future.set_exception(ConnectionError(f"the server hung up: {exc}"))

    def ask(self, request: bytes) -> "asyncio.Future[tuple[int, bytes]]":
        """Send a request; the future is its status and body."""
        assert self._transport is not None
        future: asyncio.Future[tuple[int, bytes]] = asyncio.get_running_loop().create_future()
        if self._transport.is_closing():
            future.set_exception(ConnectionError("the server has hung up"))
            return future
        self._waiting.append(future)
        self._transport.write(request)
        return future

    def data_received(self, data: bytes) -> None:
        """Cut what came into answers."""
        self._buffer = buffer = self._buffer + data if self._buffer else data
        while True:
            head_end = buffer.find(b"\r\n\r\n")
            if head_end < 0:
                break
            place = buffer.find(b"content-length: ", 0, head_end) + 16
            length = int(buffer[place : buffer.find(b"\r\n", place)])
            end = head_end + 4 + length
            if len(buffer) < end:
                break
            future = self._waiting.popleft()
            if not future.done():
                future.set_result((int(buffer[9:12]), buffer[head_end + 4 : end]))
            buffer = buffer[end:]
        self._buffer = buffer

    def close(self) -> None:
        """Close the connection."""
        if self._transport is not None:
            self._transport.close()


class Worker(asyncio.Protocol):
    """A connection that sends its next request once it has an answer, until none is left.

    No future, no task: a driver in Python that costs as much as the server would measure itself.
    """

    def __init__(self, check: Callable[[int, bytes], None]) -> None:
        self._check = check
        self._buffer = b""
        self._transport: asyncio.Transport | None = None
        self._remaining: Iterator[bytes] = iter(())
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def begin(self, remaining: Iterator[bytes]) -> None:
        """Send these requests, which other connections may share; then it is `done`, once more."""
        self._remaining = remaining
        self.done = asyncio.get_running_loop().create_future()
        self.send_next()

    def close(self) -> None:
        """Hang up."""
        assert self._transport is not None
        self._transport.close()

    def connection_made(self, transport: Any) -> None:
        """Keep the transport."""
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        """The run of this connection fails."""
        if not self.done.done():
            self.done.set_exception(ConnectionError(f"the server hung up: {exc}"))

    def send_next(self) -> None:
        """Send a request, or end."""
        assert self._transport is not None
        request = next(self._remaining, None)
        if request is None:
            self.done.set_result(None)
        else:
            self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        """Check an answer once it is whole."""
        self._buffer = buffer = self._buffer + data if self._buffer else data
        head_end = buffer.find(b"\r\n\r\n")
        place = buffer.find(b"content-length: ", 0, head_end) + 16
        if head_end < 0:
            return
        length = int(buffer[place : buffer.find(b"\r\n", place)])
        if len(buffer) < head_end + 4 + length:
            return
        self._buffer = b""
        try:
            self._check(int(buffer[9:12]), buffer)
        except WrongAnswer as error:
            self.done.set_exception(error)
            return
        self.send_next()


async def connect(
    port: int, count: int, host: str = "127.0.0.1", *, encrypted: bool = False
) -> list[Connection]:
    """So many connections to a server, on this machine where no other is named."""
    loop = asyncio.get_running_loop()
    secure = encrypted or None
    return [
        (await loop.create_connection(Connection, host, port, ssl=secure))[1] for _ in range(count)
    ]


def request_bytes(path: str, key: str, body: bytes) -> bytes:
    """A POST as it goes over the wire."""
    return (
        f"POST {path} HTTP/1.1\r\nhost: fare-engine\r\nauthorization: Bearer {key}\r\n"
        f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    ).encode() + body
