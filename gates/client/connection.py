"""HTTP/1.1 over one connection in an event loop; h11 makes the bytes and reads them."""

import asyncio
import ssl
from typing import Final, NamedTuple, Self

import h11

BODY_BYTES_MAX: Final = 32 * 2**20
"""More than a document of parameters with a full block list, or the answers of a full batch."""

READ_BYTES: Final = 65_536


class HungUp(ConnectionError):
    """The engine closed the connection before its answer was whole, or sent what is not HTTP."""


class Request(NamedTuple):
    """One request."""

    method: str
    path: str
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()


class Response(NamedTuple):
    """One answer, with this machine's clock before the request was sent and once all was here."""

    status: int
    headers: dict[str, str]
    body: bytes
    sent_ms: int = 0
    received_ms: int = 0


class Connection:
    """One open connection: a request and its answer, then the next. Raises OSError if it breaks."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._http = h11.Connection(h11.CLIENT)

    @classmethod
    async def open(cls, host: str, port: int, tls: ssl.SSLContext | None) -> Self:
        """Connect to a server."""
        return cls(*await asyncio.open_connection(host, port, ssl=tls))

    async def send(self, request: Request) -> None:
        """Send a request, the first on this connection or the next."""
        http = self._http
        if http.our_state is h11.DONE:
            http.start_next_cycle()
        content_headers = (
            [("content-type", "application/json"), ("content-length", str(len(request.body)))]
            if request.method == "POST"
            else []
        )
        headers = [*request.headers, *content_headers]
        head = h11.Request(method=request.method, target=request.path, headers=headers)
        parts = [http.send(head)]
        if request.body:
            parts.append(http.send(h11.Data(data=request.body)))
        parts.append(http.send(h11.EndOfMessage()))
        self._writer.write(b"".join(part for part in parts if part))
        await self._writer.drain()

    async def receive(self) -> Response:
        """The answer, once it is whole."""
        status = 0
        headers: dict[str, str] = {}
        body: list[bytes] = []
        length = 0
        while True:
            event = await self._next_event()
            if isinstance(event, h11.Response):
                status = event.status_code
                headers = {name.decode(): value.decode("latin-1") for name, value in event.headers}
            elif isinstance(event, h11.Data):
                body.append(bytes(event.data))
                length += len(body[-1])
                if length > BODY_BYTES_MAX:
                    raise HungUp(f"the answer is longer than {BODY_BYTES_MAX} bytes")
            elif isinstance(event, h11.EndOfMessage):
                return Response(status, headers, b"".join(body))
            elif isinstance(event, h11.ConnectionClosed):
                raise HungUp("the connection was closed before an answer")

    async def _next_event(self) -> object:
        """What comes next of an answer, once it is here."""
        try:
            while (event := self._http.next_event()) is h11.NEED_DATA:
                self._http.receive_data(await self._reader.read(READ_BYTES))
        except h11.RemoteProtocolError as error:
            raise HungUp(str(error)) from None
        return event

    def is_reusable(self) -> bool:
        """Whether another request may go over this connection."""
        return self._http.our_state is h11.DONE and self._http.their_state is h11.DONE

    def drop(self) -> None:
        """Close the connection at once."""
        self._writer.transport.abort()
