"""The server's HTTP protocol: taps go straight to the tap desk, all else to the application.

uvicorn keeps doing what it does well: parsing, keep-alive, pipelining, flow control and shutdown.
For the two tap routes only what would follow is left out: an ASGI scope, a task and two messages a
request, and a write for the head and another for the body.

That uses names which uvicorn does not promise to keep, so `pyproject.toml` bounds its version from
above. Before the bound is raised, these six places are to be compared with the new version:

1. The import of `HttpToolsProtocol` and `STATUS_LINE`.
2. `TapCycle` stands where uvicorn's `RequestResponseCycle` does: `keep_alive`, `body`, `more_body`,
   `disconnected`, `response_complete` and `message_event` are read and written by the protocol.
3. `TapCycle.respond` uses `server_state.default_headers`, `transport` and `on_response_complete`,
   and `TapCycle.set` uses `flow`.
4. `Protocol.on_headers_complete` replaces the parser's callback for taps: `url`, `headers`,
   `parser`, `cycle`, `expect_100_continue`, `flow`, `pipeline` and `app`.
5. `Protocol._start_asgi_task`, which starts what waits in `pipeline`, and `send_400_response`.
6. `api.http.server`: `server_state.tasks`, and of `uvicorn.Server` the methods `startup` and
   `capture_signals` with the flags `should_exit` and `force_exit`.
"""

from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from api.contract.problems import Refused, problem_bytes
from api.http.tap_desk import BATCH, TAPS, RequestHeaders, Response, TapDesk, refused_bytes

_TAP_PATHS: Final = (TAPS, BATCH)
_CLOSE: Final = (b"connection", b"close")
LARGE_BYTES: Final = 65_536


class TapCycle:
    """One tap request and its response, in the place of uvicorn's cycle for all others.

    uvicorn fills `body`, clears `more_body`, sets `disconnected`, and calls `set` after each: here
    that is the moment to look whether the request is complete.
    """

    def __init__(self, protocol: "Protocol", path: bytes, keep_alive: bool) -> None:
        self._protocol = protocol
        self._path = path
        self._headers: RequestHeaders = protocol.headers
        self.keep_alive = keep_alive
        self.body = b""
        self.more_body = True
        self.disconnected = False
        self.response_complete = False
        self.message_event: TapCycle | _NoListener = self
        self._started = False
        self._taken = False

    def start(self) -> None:
        """It is this request's turn on the connection."""
        self._started = True
        self.set()

    def set(self) -> None:
        """More of the request has come, or the client has gone."""
        if not self._started or self._taken:
            return
        desk = self._protocol.desk
        if len(self.body) > desk.body_bytes_max:
            self._taken = True
            self.keep_alive = False  # the rest of the body is not worth reading
            limit = f"a body may have {desk.body_bytes_max} bytes at most"
            self.respond(refused_bytes(Refused("body-too-large", limit)))
        elif self.more_body:
            self._protocol.flow.resume_reading()
        elif not self.disconnected:
            self._taken = True
            client = self._protocol.client
            desk.take(self._path, self._headers, self.body, self.respond, client)

    def respond(self, response: Response) -> None:
        """Write head and body at once."""
        protocol = self._protocol
        self.response_complete = True
        self.message_event = _NO_LISTENER  # no cycle is left for the garbage collector
        transport = protocol.transport
        if self.disconnected or transport.is_closing():
            return
        status, headers, body = response
        if status >= 400 and _CLOSE in headers:
            self.keep_alive = False
            headers = [header for header in headers if header != _CLOSE]
        content = [STATUS_LINE[status]]
        for name, value in (*protocol.server_state.default_headers, *headers):
            content += (name, b": ", value, b"\r\n")
        if not self.keep_alive:
            content.append(b"connection: close\r\n")
        content += (b"\r\n", body)
        if len(body) < LARGE_BYTES:
            transport.write(b"".join(content))
        else:  # not copied once more
            transport.writelines((b"".join(content[:-1]), body))
        if not self.keep_alive:
            transport.close()
        protocol.on_response_complete()


class _NoListener:
    """What is notified of a request that has been answered."""

    def set(self) -> None:
        """Nothing waits for more of it."""


_NO_LISTENER: Final = _NoListener()


class Protocol(HttpToolsProtocol):
    """HTTP/1.1 with httptools."""

    desk: TapDesk

    def on_headers_complete(self) -> None:
        """Begin a cycle of ours for a tap, and leave every other request to uvicorn."""
        path = self.url.partition(b"?")[0]
        if (
            path not in _TAP_PATHS
            or self.parser.get_method() != b"POST"
            or self.parser.should_upgrade()
        ):
            super().on_headers_complete()
            return
        before: Any = self.cycle  # None before the first request
        keep_alive = self.parser.get_http_version() != "1.0" and self.parser.should_keep_alive()
        cycle: Any = TapCycle(self, path, keep_alive)
        self.cycle = cycle
        if self.expect_100_continue:
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        if before is None or before.response_complete:
            cycle.start()
        else:
            self.flow.pause_reading()
            self.pipeline.appendleft((cycle, self.app))

    def _start_asgi_task(self, cycle: Any, app: Any) -> None:
        if isinstance(cycle, TapCycle):
            cycle.start()
        else:
            super()._start_asgi_task(cycle, app)

    def send_400_response(self, msg: str) -> None:
        """Answer bytes that are no HTTP, and close."""
        _, headers, body = problem_bytes("malformed-request", msg)
        lines = [b"HTTP/1.1 400 Bad Request"]
        lines += [name + b": " + value for name, value in headers]
        self.transport.write(b"\r\n".join([*lines, b"connection: close", b"", body]))
        self.transport.close()


def make_protocol(desk: TapDesk) -> type[Protocol]:
    """The protocol of a server whose taps go to this desk."""
    return type("DeskProtocol", (Protocol,), {"desk": desk})
