"""HTTP/1.1 over a connection, with h11: bytes to send, bytes that came, and what they mean."""

from typing import Any, Final, NamedTuple

import h11

BODY_BYTES_MAX: Final = 32 * 2**20
"""More than a document of parameters with a full block list, or the answers of a full batch."""


class HungUp(ConnectionError):
    """The other side ended the connection before its answer was whole, or spoke no HTTP."""


class Request(NamedTuple):
    """One request; `headers` beside those that every request has."""

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
    """One connection and where its conversation stands."""

    def __init__(self, transport: Any) -> None:
        self.transport = transport
        self._http = h11.Connection(h11.CLIENT)
        self._head: h11.Response | None = None
        self._body: list[bytes] = []
        self._length = 0

    def write(self, request: Request, headers: tuple[tuple[str, str], ...]) -> bytes:
        """The bytes of a request, the first on this connection or the next."""
        if self._http.our_state is h11.DONE:
            self._http.start_next_cycle()
        self._head, self._body, self._length = None, [], 0
        length = ("content-length", str(len(request.body)))
        content_type = ("content-type", "application/json")
        more = (content_type, length) if request.method == "POST" else ()
        head = h11.Request(method=request.method, target=request.path, headers=[*headers, *more])
        pieces = [self._http.send(head)]
        if request.body:
            pieces.append(self._http.send(h11.Data(data=request.body)))
        pieces.append(self._http.send(h11.EndOfMessage()))
        return b"".join(piece for piece in pieces if piece)

    def feed(self, data: bytes) -> None:
        """Take what came; nothing means that the other side has hung up."""
        try:
            self._http.receive_data(data)
        except h11.RemoteProtocolError as error:
            raise HungUp(str(error)) from None

    def find_response(self) -> Response | None:
        """The answer, once it is whole. HungUp when it never will be."""
        try:
            while True:
                event = self._http.next_event()
                if event is h11.NEED_DATA:
                    return None
                if isinstance(event, h11.Response):
                    self._head = event
                elif isinstance(event, h11.Data):
                    self._take(bytes(event.data))
                elif isinstance(event, h11.EndOfMessage) and self._head is not None:
                    headers = {
                        name.decode(): value.decode("latin-1") for name, value in self._head.headers
                    }
                    return Response(self._head.status_code, headers, b"".join(self._body))
                elif isinstance(event, h11.ConnectionClosed):
                    raise HungUp("the connection was closed before an answer")
        except h11.RemoteProtocolError as error:
            raise HungUp(str(error)) from None

    def is_reusable(self) -> bool:
        """Whether another request may go over this connection."""
        return self._http.our_state is h11.DONE and self._http.their_state is h11.DONE

    def _take(self, data: bytes) -> None:
        self._length += len(data)
        if self._length > BODY_BYTES_MAX:
            raise HungUp(f"the answer is longer than {BODY_BYTES_MAX} bytes")
        self._body.append(data)
